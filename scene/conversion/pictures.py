# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture that came with a model that names none becomes its base colour, if there is no doubt which."""

import mmap
import re
from pathlib import Path

import bpy

from .colours import new_material, principled_node
from .unpack import Format, Model, header_of_ply, is_picture

_COLOUR = re.compile(r"albedo|diffuse|base[-_ ]?colou?r|(?<![a-z])(colou?r|col)(?![a-z])", re.IGNORECASE)
_OTHER_MAP = re.compile(
    r"normal|rough|metal|gloss|smooth|specular|occlusion|height|displace|bump|emissi|opacity|transmission"
    r"|(?<![a-z])(nrm|nor|ao|orm|arm|mask|alpha|edge)(?![a-z])",
    re.IGNORECASE,
)
_VIEW = re.compile(
    r"preview|thumb|render|screenshot|turntable|poster|cover|reference|input"
    r"|(?<![a-z])(front|back|left|right|side|top|view|depth)(?![a-z])",
    re.IGNORECASE,
)
_NAMED_BY_PLY = re.compile(r"(?m)^comment[ \t]+TextureFile[ \t]+(.+?)[ \t]*$")


def use_picture_beside(model: Model, objects: list[bpy.types.Object], folder: Path) -> list[str]:
    """Uses it; returns in words what was not used and why. A model that has a picture is left alone."""
    meshes = sorted({each.data for each in objects if isinstance(each.data, bpy.types.Mesh)}, key=_name)
    if any(_has_picture(material) for mesh in meshes for material in mesh.materials):
        return []
    pictures: dict[str, Path] = {}
    for file in sorted(folder.rglob("*")):  # a material file's folder has links to the same
        if file.is_file() and is_picture(file):
            pictures.setdefault(file.name.lower(), file)
    files = list(pictures.values())
    is_named = False
    if model.format == Format.PLY and (named := _NAMED_BY_PLY.search(header_of_ply(model.path))):
        name = re.split(r"[\\/]", named[1])[-1]
        if name.lower() not in pictures:
            return [f"The texture {name!r} was not delivered and is left out."]
        files = [pictures[name.lower()]]
        is_named = True
    files = [each for each in files if is_named or not _is_mentioned(each.name, folder)]
    colours = [each for each in files if _COLOUR.search(each.stem) and not _OTHER_MAP.search(each.stem)]
    unknown = [each for each in files if not _OTHER_MAP.search(each.stem) and not _VIEW.search(each.stem)]
    chosen = files if is_named else colours or unknown
    if not chosen:
        return []
    names = ", ".join(repr(each.name) for each in chosen[:3])
    if len(chosen) > 1:
        return [f"{model.name} names no texture, and of {names} none is certain to be it: none is used."]
    unwrapped = [mesh for mesh in meshes if mesh.uv_layers]
    if not unwrapped:
        return [f"The picture {names} is not used: {model.name} comes without texture coordinates."]
    image = bpy.data.images.load(str(chosen[0]))
    for mesh in unwrapped:
        _paint(mesh, image)
    return []


def _is_mentioned(name: str, folder: Path) -> bool:
    """Whether a model or a material file names the picture: then it is that one's."""
    for file in [each for each in folder.rglob("*") if each.suffix.lower() in (*Format, ".gltf", ".mtl")]:
        if file.is_file() and file.stat().st_size:
            with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
                if content.find(name.encode()) >= 0:
                    return True
    return False


def _name(mesh: bpy.types.Mesh) -> str:
    return mesh.name


def _has_picture(material: bpy.types.Material | None) -> bool:
    nodes = material.node_tree.nodes if material and material.node_tree else ()
    return any(each.type == "TEX_IMAGE" for each in nodes)


def _paint(mesh: bpy.types.Mesh, image: bpy.types.Image) -> None:
    if not any(mesh.materials):
        mesh.materials.clear()
        mesh.materials.append(new_material(mesh.name))
    for material in [each for each in mesh.materials if each]:
        surface = principled_node(material)
        if surface is None or surface.inputs["Base Color"].is_linked:
            continue
        tree = material.node_tree
        node = tree.nodes.new("ShaderNodeTexImage")
        node.image = image
        tree.links.new(node.outputs["Color"], surface.inputs["Base Color"])
