# SPDX-License-Identifier: GPL-3.0-or-later
"""A background Blender that measures for `make corpus`: what Blender's own import and what a result shows.

Uses the loop of scene/background_main.py, with the functions `imported` and `placed` below.
"""

import importlib
import runpy
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import numpy as np

Facts = dict[str, Any]
OPERATORS = {
    ".glb": ("import_scene.gltf",),
    ".gltf": ("import_scene.gltf",),
    ".fbx": ("wm.fbx_import", "import_scene.fbx"),  # the former from 4.5 on
    ".obj": ("wm.obj_import",),
    ".ply": ("wm.ply_import",),
    ".stl": ("wm.stl_import",),
    ".dae": ("wm.collada_import",),  # up to 4.5
    ".usd": ("wm.usd_import",),
    ".usda": ("wm.usd_import",),
    ".usdc": ("wm.usd_import",),
    ".usdz": ("wm.usd_import",),
}
LOOP = Path(__file__).resolve().parents[1] / "scene" / "background_main.py"


def imported(request: dict[str, Any]) -> Facts:
    """What Blender shows of the files `paths` with its importers' own settings."""
    memory = importlib.import_module("maquette.scene.conversion.memory")
    try:
        with memory.bounded():
            for path in request["paths"]:
                _import(Path(path))
            return {"ok": True, "facts": measured()}
    except (RuntimeError, MemoryError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        lines = [line for line in lines if not line.startswith("Location:")] or [type(error).__name__]
        return {"ok": True, "facts": {"error": lines[-1]}}


def placed(request: dict[str, Any]) -> Facts:
    """What a scene shows after the result `path` arrived in it, at the frame `frame`."""
    append = importlib.import_module("maquette.scene.append")
    try:
        _, objects = append.Loading(Path(request["path"])).finish()
    except (OSError, ValueError, append.GoneError) as error:
        return {"ok": True, "facts": {"error": f"the result does not arrive: {error}"}}
    for each in objects:
        bpy.context.scene.collection.objects.link(each)
    bpy.context.scene.frame_current = request["frame"]
    return {"ok": True, "facts": measured()}


def _import(path: Path) -> None:
    for name in OPERATORS[path.suffix.lower()]:
        group, verb = name.split(".")
        try:
            if "FINISHED" in getattr(getattr(bpy.ops, group), verb)(filepath=str(path)):
                return
        except AttributeError:  # no such operator; an error inside one is a RuntimeError
            continue
        raise RuntimeError("the importer gives no reason")
    raise RuntimeError(f"this Blender has no importer for {path.suffix.lower()}")


def measured() -> Facts:
    """What is seen at the current frame: counts, bounds of what faces use, and what belongs to it."""
    scene = bpy.context.scene
    scene.frame_set(scene.frame_current)  # an importer leaves the values from before the first evaluation
    shown = list(_shown())
    lows = [low for *_, low, _ in shown]
    highs = [high for *_, high in shown]
    objects = {each for each, *_ in shown}
    materials = {each for _, _, used, *_ in shown for each in used if each}
    sizes = sorted(tuple(image.size) for image in _images(materials) if image.size[0])
    return {
        "frame": scene.frame_current,
        "faces": sum(count for _, count, *_ in shown),
        "objects": len(shown),
        "min": np.min(lows, axis=0).tolist() if shown else [],
        "max": np.max(highs, axis=0).tolist() if shown else [],
        "materials": sorted(each.name for each in materials),
        "textures": [f"{width} x {height}" for width, height in sizes],
        "actions": len(_actions(objects, materials)),  # a result's have names of their own
        "coloured_faces": sum(
            count for each, count, *_ in shown if getattr(each.data, "color_attributes", ())
        ),
        "types": sorted({each.type for each in bpy.data.objects}),
    }


def _shown() -> Iterator[tuple[Any, int, list[Any], np.ndarray, np.ndarray]]:
    """Each visible use of a mesh with faces: the object, its faces, the materials on them, its corners."""
    graph = bpy.context.evaluated_depsgraph_get()
    for use in graph.object_instances:
        item: Any = use.object
        mesh = item.data
        if not isinstance(mesh, bpy.types.Mesh) or not len(mesh.polygons):
            continue
        points = np.empty(len(mesh.vertices) * 3, np.float32)
        mesh.vertices.foreach_get("co", points)
        corners = np.empty(len(mesh.loops), np.int32)
        mesh.loops.foreach_get("vertex_index", corners)
        numbers = np.empty(len(mesh.polygons), np.int32)
        mesh.polygons.foreach_get("material_index", numbers)
        is_used = np.zeros(len(mesh.vertices), bool)
        is_used[corners] = True
        world = np.array(use.matrix_world)
        cloud = points.reshape(-1, 3)[is_used] @ world[:3, :3].T + world[:3, 3]
        slots = [slot.material and slot.material.original for slot in item.material_slots]
        used = [slots[min(number, len(slots) - 1)] for number in np.unique(numbers)] if slots else []
        yield item.original, len(mesh.polygons), used, cloud.min(axis=0), cloud.max(axis=0)


def _images(materials: set[Any]) -> set[Any]:
    """The images in the nodes of these materials, also in groups."""
    trees = [each.node_tree for each in materials if each.node_tree]
    seen: set[Any] = set()
    found: set[Any] = set()
    while trees:
        tree = trees.pop()
        if tree in seen:
            continue
        seen.add(tree)
        for node in tree.nodes:
            if node.type == "GROUP" and node.node_tree:
                trees.append(node.node_tree)
            elif getattr(node, "image", None):
                found.add(node.image)
    return found


def _actions(objects: set[Any], materials: set[Any]) -> list[Any]:
    """The actions of what is shown, of rigs and of what holds these; and those that nothing uses (takes)."""
    wanted: set[Any] = objects | {each for each in bpy.data.objects if each.type == "ARMATURE"}
    for each in list(wanted):
        while each.parent:
            each = each.parent
            wanted.add(each)
    wanted |= {each.data for each in wanted if each.data} | materials
    wanted |= {each.shape_keys for each in wanted if getattr(each, "shape_keys", None)}
    wanted |= {each.node_tree for each in wanted if getattr(each, "node_tree", None)}
    users: dict[Any, list[Any]] = {each: [] for each in bpy.data.actions}
    for owner, data in _animated():
        strips = [strip for track in data.nla_tracks for strip in track.strips]
        for action in {data.action, *(strip.action for strip in strips)} - {None}:
            users[action].append(owner)
    return [each for each, owners in users.items() if not owners or wanted.intersection(owners)]


def _animated() -> Iterator[tuple[Any, Any]]:
    for name, kind in bpy.data.bl_rna.properties.items():
        for each in getattr(bpy.data, name) if kind.type == "COLLECTION" else ():
            for holder in (each, getattr(each, "node_tree", None)):
                if data := getattr(holder, "animation_data", None):
                    yield holder, data


if __name__ == "__main__":
    for function in (imported, placed):
        module = types.ModuleType(function.__name__)
        setattr(module, function.__name__, function)
        sys.modules[f"maquette.scene.{function.__name__}"] = module  # where the loop looks for it
    runpy.run_path(str(LOOP))
