# SPDX-License-Identifier: GPL-3.0-or-later
"""Results that are finished in tests: made of meshes, by a profile, and brought back into the scene."""

import importlib
import os
from pathlib import Path
from typing import Any

import bmesh
import bpy
import numpy as np
import own_shapes as shapes
from background_tasks import run_task
from mathutils import Matrix, Vector

PACKAGE = os.environ.get("MAQUETTE_PACKAGE", "bl_ext.user_default.maquette")
append: Any = importlib.import_module(PACKAGE + ".scene.append")
profiles: Any = importlib.import_module(PACKAGE + ".jobs.profile")
mesh_shape: Any = importlib.import_module(PACKAGE + ".scene.conversion.mesh_shape")
report: Any = importlib.import_module(PACKAGE + ".scene.conversion.report")
result: Any = importlib.import_module(PACKAGE + ".scene.conversion.result")
surfaces: Any = importlib.import_module(PACKAGE + ".scene.conversion.surface")
shading: Any = importlib.import_module(PACKAGE + ".scene.conversion.shading")
look: Any = importlib.import_module(PACKAGE + ".scene.conversion.look")
place: Any = importlib.import_module(PACKAGE + ".scene.place")


def finished(objects: list[bpy.types.Object], folder: Path, **values: Any) -> dict[str, Any]:
    """The answer for a result of these objects, by a profile of these fields; `profile` names its base."""
    base = profiles.PROFILES[values.pop("profile", "as-delivered")]
    write_result(objects, folder / "result.blend")
    request = {
        "source": str(folder / "result.blend"),
        "target": str(folder / "finished.blend"),
        "profile": profiles.as_json(profiles.override(base, **values)),
        "name": "Thing",
    }
    answer = run_task("finish", request, folder)
    assert answer["ok"], answer
    assert not list(folder.glob(".finishing*"))
    return answer


def write_result(objects: list[bpy.types.Object], target: Path) -> None:
    """As the converter does."""
    bpy.context.view_layer.update()
    corners = np.array([each.matrix_world @ Vector(corner) for each in objects for corner in each.bound_box])
    low, high = np.min(corners, axis=0), np.max(corners, axis=0)
    collection = result.root_over(objects, "Thing", low, high)
    result.write_result(collection, objects, target)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)


def loaded(folder: Path) -> list[Any]:
    """The objects of the finished result, its root first, as they are appended."""
    root = append.append_result(
        folder / "finished.blend",
        name="Thing",
        scene=bpy.context.scene,
        placement=place.Placement(size_m=None),
        provenance={},
    )
    bpy.context.view_layer.update()
    return [root, *root.children_recursive]


def made(build: Any) -> bpy.types.Object:
    """An object of what `build` does to an empty bmesh."""
    held = bmesh.new()
    build(held)
    mesh = bpy.data.meshes.new("made")
    held.to_mesh(mesh)
    held.free()
    return shapes.new_object("made", mesh)


def cube(held: Any, size: float = 1.0, at: tuple[float, float, float] = (0, 0, 0)) -> Any:
    return bmesh.ops.create_cube(held, size=size, matrix=Matrix.Translation(at))["verts"]


def ball(held: Any, subdivisions: int = 4, radius: float = 1.0) -> Any:
    return bmesh.ops.create_icosphere(held, subdivisions=subdivisions, radius=radius)["verts"]


def counts_of(item: Any) -> Any:
    return mesh_shape.count_shape(report.arrays_of(item.data))[0]


def painted_ball(subdivisions: int = 5) -> bpy.types.Object:
    item = made(lambda held: ball(held, subdivisions))
    shapes.lay_out(item)
    shapes.paint(item)
    return item


def wrong_share(item: Any) -> float:
    """At how many places of the surface the checker's other colour is."""
    surface = surfaces.surface_from([(item.data, Matrix())])
    corners = surface.corners.reshape(-1, 3)
    low, longest = corners.min(axis=0), float(np.ptp(corners, axis=0).max())
    middle = surfaces.Places(
        np.arange(len(surface.corners)), np.full((len(surface.corners), 3), 1 / 3, np.float32), np.empty(0)
    )
    seen = look.Look(surface).values("color", middle)[:, :3]
    wanted = shapes.checker(middle.of(surface.corners), low, longest)
    return float((np.abs(seen - wanted).max(axis=1) > 0.3).mean())


def rigged() -> list[bpy.types.Object]:
    """A tube that one of two bones bends."""
    item: Any = made(
        lambda held: bmesh.ops.create_cone(
            held, cap_ends=True, segments=64, radius1=1, radius2=1, depth=4, matrix=Matrix()
        )
    )
    armature = bpy.data.armatures.new("rig")
    rig = shapes.new_object("rig", armature)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for number in range(2):
        bone = armature.edit_bones.new(f"bone {number}")
        bone.head, bone.tail = (0, 0, 2 * number - 2), (0, 0, 2 * number)
    bpy.ops.object.mode_set(mode="OBJECT")
    for number in range(2):
        group = item.vertex_groups.new(name=f"bone {number}")
        chosen = [each.index for each in item.data.vertices if (each.co.z > 0) == bool(number)]
        group.add(chosen, 1.0, "REPLACE")
    item.parent = rig
    modifier: Any = item.modifiers.new("rig", "ARMATURE")
    modifier.object = rig
    return [rig, item]
