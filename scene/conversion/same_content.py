# SPDX-License-Identifier: GPL-3.0-or-later
"""Materials and textures that are there again under another name: the same nodes, the same bytes."""

import hashlib
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, TypeVar

import bpy

_OF_MATERIAL = (
    *("surface_render_method", "blend_method", "alpha_threshold", "use_backface_culling"),
    *("displacement_method", "diffuse_color", "metallic", "roughness"),
)
_NOT_OF_NODE = ("image", "image_user", "texture_mapping", "color_mapping")
_Item = TypeVar("_Item", bound=Hashable)
_ImageKeys = dict[bpy.types.Image, Hashable]


def count_copies(
    materials: Iterable[bpy.types.Material], images: Iterable[bpy.types.Image]
) -> tuple[int, int]:
    """How many materials and how many images have the content of another one before them."""
    listed = list(images)
    return len(copies_of_materials(materials, listed)), len(copies_of_images(listed))


def copies_of_images(images: Iterable[bpy.types.Image]) -> dict[bpy.types.Image, bpy.types.Image]:
    """Each image that has the content of another one before it, with that one."""
    return _copies(_image_keys(images))


def copies_of_materials(
    materials: Iterable[bpy.types.Material], images: Iterable[bpy.types.Image]
) -> dict[bpy.types.Material, bpy.types.Material]:
    """Each material that is as another one before it, with that one; textures are told by their content."""
    keys = _image_keys(images)
    return _copies({each: _key_of_material(each, keys) for each in materials})


def _copies(keys: Mapping[_Item, Hashable]) -> dict[_Item, _Item]:
    first: dict[Hashable, _Item] = {}
    found: dict[_Item, _Item] = {}
    for each, key in keys.items():
        if first.setdefault(key, each) is not each:
            found[each] = first[key]
    return found


def _image_keys(images: Iterable[bpy.types.Image]) -> _ImageKeys:
    """What the content of each is told by; only images of the same length are looked into."""
    files = {image: image.packed_file for image in images}
    lengths = Counter(file.size for file in files.values() if file)
    keys: _ImageKeys = {}
    for image, file in files.items():
        is_alone = file is None or lengths[file.size] == 1
        content = image.name if is_alone else hashlib.sha256(file.data).digest()
        keys[image] = (content, image.colorspace_settings.name, image.alpha_mode)
    return keys


def _key_of_material(material: bpy.types.Material, images: _ImageKeys) -> Hashable:
    own = tuple(_plain(getattr(material, name, None)) for name in _OF_MATERIAL)
    tree = material.node_tree
    if tree is None:
        return own
    numbers = {node.name: number for number, node in enumerate(tree.nodes)}
    ends = [((link.from_node, link.from_socket), (link.to_node, link.to_socket)) for link in tree.links]
    links = frozenset(
        tuple((numbers[node.name], socket.identifier) for node, socket in each) for each in ends
    )
    return own, links, *(_key_of_node(node, images) for node in tree.nodes)


def _key_of_node(node: bpy.types.Node, images: _ImageKeys) -> Hashable:
    """Colour ramps and the like are their node's own, so that no two nodes with one are the same."""
    sockets = [*node.inputs, *node.outputs]
    values = [_plain(getattr(socket, "default_value", None)) for socket in sockets]
    image: Any = getattr(node, "image", None)
    values += [node.bl_idname, images.get(image, image)]
    common = bpy.types.Node.bl_rna.properties
    for name, kind in node.bl_rna.properties.items():
        if name not in common and name not in _NOT_OF_NODE and kind.type != "COLLECTION":
            values.append(_plain(getattr(node, name)))
    return tuple(values)


def _plain(value: object) -> Hashable:
    """A colour or a vector as a tuple, since Blender's are compared by where they are stored."""
    return tuple(value) if hasattr(value, "__len__") and not isinstance(value, str) else value
