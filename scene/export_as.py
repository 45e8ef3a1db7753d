# SPDX-License-Identifier: GPL-3.0-or-later
"""Exports a result for another program: in its format, its axes and its unit, textures inside or beside.

`export_as` does it as a task of background_main.py. Maquette's results have their front at -Y, up at Z, and
are in metres; docs/export.md says where each program's conventions are told.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy

from .append import append_result
from .custom_properties import UNIT
from .export import ExportError, export_alone, staged, texture_name, usd_options
from .place import Placement


@dataclass(frozen=True)
class Target:
    """What a program expects: the endings that it takes, the usual one first, and the exporter's options.

    `turns` are degrees about Z, by the ending, where the program's import does not turn the front. Hulls of a
    finished result are named with `hulls` before (`UCX_`) or behind (`-…`); without it they are left out, and
    so are coarser versions unless it `has_lods`.
    """

    endings: tuple[str, ...]
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    turns: Mapping[str, float] = field(default_factory=dict[str, float])
    has_lods: bool = False
    hulls: str = ""


HULL = "UCX_"
_COARSER = re.compile(r"_LOD[1-9](\.\d+)?$")
PER_METRE = {"m": 1.0, "cm": 100.0, "mm": 1000.0}
# A slicer takes numbers for millimetres; the others read the unit from the file, or take metres.
TARGETS = {
    "unity": Target(
        (".fbx", ".glb", ".gltf", ".obj"), {".fbx": {"apply_scale_options": "FBX_SCALE_ALL"}}, has_lods=True
    ),
    "unreal": Target((".fbx", ".glb", ".gltf"), turns={".fbx": 90.0}, has_lods=True, hulls=HULL),
    "godot": Target((".glb", ".gltf", ".fbx", ".obj"), hulls="-convcolonly"),
    "three": Target((".glb", ".gltf")),
    "slicer": Target(
        (".stl", ".obj"),
        {
            ".stl": {"global_scale": 1000.0},
            ".obj": {"global_scale": 1000.0, "forward_axis": "Y", "up_axis": "Z"},
        },
    ),
}


def export_as(request: dict[str, Any]) -> dict[str, object]:
    """Writes the result in the .blend `result` to the path `output`, for the `target` ("": none).

    With `has_textures_beside`, they are files in a folder NAME_textures. `name`, `size_m` and `provenance`
    are as those of `write`.
    """
    scene = bpy.context.scene
    assert scene
    path = Path(request["output"])
    ending = path.suffix.lower()
    target = TARGETS.get(request["target"]) or _no_target(ending)
    try:
        turn = math.radians(target.turns.get(ending, 0.0))
        root = append_result(
            Path(request["result"]),
            name=request["name"],
            scene=scene,
            placement=Placement(rotation_z=turn, size_m=request["size_m"]),
            provenance=request["provenance"],
        )
        _fit_parts(root, target)
        with staged(path) as part:
            options = {**target.options.get(ending, {}), **_options(root, part, request)}
            export_alone([root], part, **options)
    except (OSError, ExportError, ValueError) as error:
        return {"ok": False, "error": str(error)}
    return {"ok": True}


def _no_target(ending: str) -> Target:
    """All is in the file, but in an STL, which knows no objects."""
    return Target((ending,)) if ending == ".stl" else Target((ending,), has_lods=True, hulls=HULL)


def _fit_parts(root: bpy.types.Object, target: Target) -> None:
    """Leaves out the coarser versions and hulls that the program cannot use, or names them as it expects.

    They stand where the finest is, hidden; files have nothing that hides them.
    """
    parts = list(root.children_recursive)
    for each in parts:
        is_hull = each.hide_render and each.name.startswith(HULL)
        is_coarser = each.hide_render and _COARSER.search(each.name) is not None
        if (is_hull and not target.hulls) or (is_coarser and not target.has_lods):
            bpy.data.objects.remove(each)
        elif is_hull and target.hulls != HULL:
            each.name = each.name.removeprefix(HULL) + target.hulls


def _options(root: bpy.types.Object, path: Path, request: Mapping[str, Any]) -> dict[str, Any]:
    """Those that depend on the result, and on where its textures are to be; these are laid there."""
    ending, target = path.suffix.lower(), request["target"]
    beside = f"{path.stem}_textures"
    has_rig = any(each.type == "ARMATURE" for each in (root, *root.children_recursive))
    if request["has_textures_beside"] and ending != ".gltf":
        lay_textures(path.parent / beside)
    match ending:
        case ".gltf":
            return {"export_texture_dir": beside}
        case ".fbx":
            is_beside = request["has_textures_beside"]
            told = {"path_mode": "RELATIVE", "embed_textures": False} if is_beside else {}
            # Blender's own manual: that breaks rigs.
            turned = {"bake_space_transform": True} if target == "unity" and not has_rig else {}
            return {**told, **turned}
        case ".obj":
            return {"path_mode": "RELATIVE", **_unit_options(root, target)}
        case ".stl":
            return _unit_options(root, target)
        case ".usdc" | ".usd":
            return {**usd_options([root]), "relative_paths": True, **_kept_textures()}
        case ".usdz":
            return usd_options([root])
        case _:
            return {}


def _unit_options(root: bpy.types.Object, target: str) -> dict[str, Any]:
    """The numbers of these formats have no unit: a target's is taken, else that of the result's profile."""
    return {} if target else {"global_scale": PER_METRE.get(str(root.get(UNIT)), 1.0)}


def _kept_textures() -> dict[str, Any]:
    """USD names the textures where they lie; the option is another one from 4.4 on."""
    exporter: Any = bpy.ops.wm.usd_export  # the stubs know it as a class's function
    known = exporter.get_rna_type().properties
    return {"export_textures_mode": "KEEP"} if "export_textures_mode" in known else {"export_textures": False}


def lay_textures(folder: Path) -> None:
    """Writes the packed textures as files, as they were delivered; materials read them from there."""
    folder.mkdir()
    taken: set[str] = set()
    for image in bpy.data.images:
        if image.packed_file is None:
            continue
        name = texture_name(image, taken)
        (folder / name).write_bytes(image.packed_file.data)
        image.filepath_raw = str(folder / name)
        for packed in image.packed_files:
            packed.filepath = image.filepath_raw
        image.unpack(method="REMOVE")
    if not any(folder.iterdir()):
        folder.rmdir()
