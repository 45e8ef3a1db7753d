# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls Blender's own importer for a format, with the options that this Blender knows."""

import bpy

from .formats import Format, Unreadable, Unsupported
from .staging import Model

_OPERATORS: dict[Format, tuple[str, ...]] = {
    Format.GLTF: ("import_scene.gltf",),
    Format.USDA: ("wm.usd_import",),
    Format.USDC: ("wm.usd_import",),
    Format.USDZ: ("wm.usd_import",),
    Format.FBX: ("wm.fbx_import", "import_scene.fbx"),  # the former from 4.5 on
    Format.OBJ: ("wm.obj_import",),
    Format.PLY: ("wm.ply_import",),
    Format.STL: ("wm.stl_import",),
}
# Options that some operators have; each gets those that it knows.
_OPTIONS = {
    "import_pack_images": True,
    "merge_vertices": False,
    "disable_bone_shape": True,
    "import_scene_extras": False,
    "import_select_created_objects": False,
    "import_scene_as_collection": False,
    "use_custom_props": False,
    "use_image_search": False,
    "import_cameras": False,
    "import_lights": False,
    "import_curves": False,
    "import_volumes": False,
    "import_points": False,
    "support_scene_instancing": False,
    "create_world_material": False,
    "set_frame_range": False,
    "import_textures_mode": "IMPORT_PACK",
    "attr_import_mode": "NONE",
}


def run(model: Model) -> None:
    """Imports into the current scene; raises Unsupported without an importer, Unreadable where it fails."""
    operator, known = _operator(model)
    options = {key: value for key, value in _OPTIONS.items() if key in known}
    try:
        finished = operator(filepath=str(model.path), **options)
    except RuntimeError as error:  # bpy raises this alone, also for errors in an importer's Python
        raise Unreadable(f"Blender could not read {model.name}: {_reason(error, model)}") from error
    if "FINISHED" not in finished:
        raise Unreadable(
            f"Blender could not read {model.name}: it is damaged or uses a feature it does not know."
        )


def _operator(model: Model):
    for name in _OPERATORS[model.format]:
        group, _, verb = name.partition(".")
        operator = getattr(getattr(bpy.ops, group), verb)
        try:
            return operator, set(operator.get_rna_type().properties.keys())
        except KeyError:  # bpy.ops answers for any name; only its type tells whether it exists
            continue
    raise Unsupported(
        f"{model.name} is {model.format}, and this Blender was built without an importer for it; "
        "it is kept as a file. Official builds from blender.org have one."
    )


def _reason(error: RuntimeError, model: Model) -> str:
    """The last telling line of an operator's report, without the place in the importer's code."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    skip = ("Location:", "Error: Python: Traceback", "File ")
    telling = [line for line in lines if not line.startswith(skip)]
    text = (telling[-1] if telling else "no reason given").removeprefix("Error: ")
    text = text.replace(str(model.path), model.name)
    return text[:300].rstrip(".") + ". Download it again, or generate it anew."
