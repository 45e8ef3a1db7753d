# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of Blender's importers reads a model, as far as this Blender has it, and what its failure means.

What a Blender lacks is asked of the Blender itself: builds differ as well as versions.
"""

import bpy

from .gltf import without_materials
from .unpack import SPLAT, Format, Model, UnreadableError, UnsupportedError, is_binary_fbx
from .usd import unit_of

_USD = ("wm.usd_import",)
_OPERATORS: dict[Format, tuple[str, ...]] = {
    Format.GLTF: ("import_scene.gltf",),
    Format.USDA: _USD,
    Format.USDC: _USD,
    Format.USDZ: _USD,
    Format.FBX: ("wm.fbx_import", "import_scene.fbx"),  # the former from 4.5 on
    Format.DAE: ("wm.collada_import",),  # to 4.5
    Format.OBJ: ("wm.obj_import",),
    Format.PLY: ("wm.ply_import",),
    Format.STL: ("wm.stl_import",),
    Format.SPZ: ("wm.spz_import",),  # from 5.3 on, where the importer of PLY takes splats, too
}
_USD_OPTIONS = {"support_scene_instancing": False}
_OPTIONS = {
    Format.GLTF: {"disable_bone_shape": True},  # it would draw bones with a mesh of its own
    Format.USDA: _USD_OPTIONS,
    Format.USDC: _USD_OPTIONS,
    Format.USDZ: _USD_OPTIONS,
}


def has_operator(name: str) -> bool:
    group, _, verb = name.partition(".")
    try:
        getattr(getattr(bpy.ops, group), verb).get_rna_type()
    except (KeyError, AttributeError):
        return False
    return True


def can_import_splats() -> bool:
    return has_operator(_OPERATORS[Format.SPZ][0])


def run_importer(model: Model) -> list[str]:
    """Imports the model into the open file; returns in words what it had to do without.

    Raises UnreadableError or UnsupportedError.
    """
    before = {each for kind in (bpy.data.objects, bpy.data.materials, bpy.data.images) for each in kind}
    try:
        _run(model)
    except UnreadableError as why:
        if model.format != Format.GLTF or not without_materials(model):
            raise
        made = {each for kind in (bpy.data.objects, bpy.data.materials, bpy.data.images) for each in kind}
        bpy.data.batch_remove(made - before)
        try:
            _run(model)
        except UnreadableError:
            raise why from None
        return [f"{model.name} comes without materials and textures, which could not be read."]
    return []


def _run(model: Model) -> None:
    names = _OPERATORS[model.format]
    is_text_fbx = model.format == Format.FBX and not is_binary_fbx(model.path)
    name = next((name for name in names[: 1 if is_text_fbx else None] if has_operator(name)), None)
    if name is None:
        raise UnsupportedError(f"{model.name} is {_lack(model, is_text_fbx=is_text_fbx)}")
    group, _, verb = name.partition(".")
    options: dict[str, object] = {**_OPTIONS.get(model.format, {})}
    importer = getattr(getattr(bpy.ops, group), verb)
    if name in _USD and "apply_unit_conversion_scale" not in importer.get_rna_type().properties:
        options["scale"] = unit_of(model.path)  # newer ones do it themselves
    try:
        if "FINISHED" not in importer(filepath=str(model.path), **options):
            raise RuntimeError("its importer gives no reason")
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).replace(str(model.path), model.name).splitlines()]
        reason = [line for line in lines if line and not line.startswith("Location:")][-1][:300]
        raise UnreadableError(f"Blender could not read {model.name}: {reason.rstrip('.')}.") from error


def _lack(model: Model, *, is_text_fbx: bool) -> str:
    """What the model is, and why this Blender does not import it."""
    if model.format == Format.SPZ:
        return SPLAT
    if is_text_fbx:
        return "an FBX in text form, which Blender reads from 4.5 on; it is kept as a file."
    if model.format == Format.DAE and bpy.app.version >= (5, 0):
        return "a Collada file, which Blender cannot read any more (4.5 was the last); it is kept as a file."
    return (
        f"a {model.format} file, and this Blender was built without an importer for it; "
        "it is kept as a file. Official builds from blender.org have one."
    )
