# SPDX-License-Identifier: GPL-3.0-or-later
"""The pictures of an imported model: found among what was delivered, tried, and packed as they came.

One that is not there or cannot be decoded is left out here, so that the artist's Blender never tries.
"""

import os
import re
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import bpy

from .sidecar import rename_file

MAX_TEXTURE_PX = 16_384
MAX_PIXELS = 4 * MAX_TEXTURE_PX**2  # of all textures of a result: 4 GB in memory
_MIXES = ("MIX", "MIX_RGB")
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_PALETTE = 3
# Bits of a number by the kind of colours: PNG 1.2, 4.1.1.
_PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), _PNG_PALETTE: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}


def pack_textures(images: Iterable[bpy.types.Image], folder: Path) -> list[str]:
    """Packs a model's images as the bytes they came in; returns in words which do not stay and why."""
    messages = _without_nodes_of_nothing()
    for image in [each for each in images if each.source != "VIEWER" and each.users]:
        if why := _why_unusable(image, folder):
            messages.append(why)
            _drop(image)
        else:
            rename_file(image)
    return messages


def fit_textures(*, max_pixels: int = MAX_PIXELS) -> tuple[dict[bpy.types.Image, tuple[int, int]], list[str]]:
    """The images with their sizes; in words which were made smaller, as all had more than `max_pixels`."""
    sizes: dict[bpy.types.Image, tuple[int, int]] = {}
    for image in [each for each in bpy.data.images if each.packed_file and each.users]:
        size = _size(image)
        sizes[image] = (size[0], size[1]) if len(size) == 2 else (max(size), max(size))
    fitting, messages = _shrunk(sizes, max_pixels)
    for image in sizes:
        rename_file(image)  # again, for what was packed again
    return fitting, messages


def _why_unusable(image: bpy.types.Image, folder: Path) -> str:
    """Packs it; in words why that cannot be, or why it is no texture."""
    if image.source in ("MOVIE", "SEQUENCE"):
        return f"{image.name!r} is a film and no texture, and is left out."
    if not image.packed_file and image.source != "GENERATED":
        file = _delivered(image.filepath_raw, folder)
        if file is None:
            return f"The texture {image.name!r} was not delivered and is left out."
        if image.filepath_raw != str(file):
            if image.source == "FILE":  # 5.0 remembers that its FBX importer has found none, but not so
                image.source = "GENERATED"
                image.source = "FILE"
            image.filepath_raw = str(file)
            image.reload()
        image.pack()
    if max(_size(image)) > MAX_TEXTURE_PX:
        return f"The texture {image.name!r} has over {MAX_TEXTURE_PX} pixels a side and is left out."
    if image.source != "GENERATED" and not _is_whole_png(image) and not _is_decoded(image):
        return f"Blender cannot decode the texture {image.name!r}: it is left out."
    return ""


def _delivered(name: str, folder: Path) -> Path | None:
    """The file of that path, or else one of its last name: where it is said to be, it was on another machine.

    Only a path inside of the folder is looked at.
    """
    named = Path(os.path.normpath(bpy.path.abspath(name).replace("\\", "/")))
    if named.is_relative_to(folder) and named.is_file():
        return named
    names = {named.name.lower(), unquote(named.name).lower()}
    return next(
        (each for each in sorted(folder.rglob("*")) if each.name.lower() in names and each.is_file()), None
    )


def _is_whole_png(image: bpy.types.Image) -> bool:
    """Whether it is a PNG as its writer wrote it: its sums tell that in a tenth of decoding's time."""
    data = image.packed_file.data if image.packed_file else b""
    if not data.startswith(_PNG):
        return False
    names: list[bytes] = []
    at = len(_PNG)
    while at + 12 <= len(data) and names[-1:] != [b"IEND"]:
        length, name = struct.unpack_from(">I4s", data, at)
        end = at + 8 + length
        if data[end : end + 4] != struct.pack(">I", zlib.crc32(memoryview(data)[at + 4 : end])):
            return False
        names.append(name)
        at = end + 4
    if names[:1] != [b"IHDR"] or b"IDAT" not in names or names[-1] != b"IEND" or not all(_size(image)):
        return False
    depth, colours, *methods = data[24:29]
    is_usual = depth in _PNG_DEPTHS.get(colours, ()) and methods in ([0, 0, 0], [0, 0, 1])
    return is_usual and (colours != _PNG_PALETTE or b"PLTE" in names)


def _is_decoded(image: bpy.types.Image) -> bool:
    is_decoded = min(image.size) > 0  # Blender reads all of it to tell
    image.buffers_free()
    return is_decoded


def _shrunk(
    sizes: dict[bpy.types.Image, tuple[int, int]], max_pixels: int
) -> tuple[dict[bpy.types.Image, tuple[int, int]], list[str]]:
    """Halves the largest images until all together are within `max_pixels`; their sizes then, and words."""
    wanted = dict(sizes)
    while sum(width * height for width, height in wanted.values()) > max_pixels:
        largest = max(wanted, key=lambda image: wanted[image][0] * wanted[image][1])
        width, height = wanted[largest]
        wanted[largest] = (max(1, width // 2), max(1, height // 2))
    changed = [image for image, size in wanted.items() if size != sizes[image]]
    for image in changed:
        image.scale(*wanted[image])
        image.pack()
        image.buffers_free()
    if not changed:
        return wanted, []
    side = max(max(wanted[image]) for image in changed)
    return wanted, [
        f"{len(changed)} of {len(sizes)} textures were made smaller, to {side} pixels a side at most: "
        f"together they had over {max_pixels // 10**6:,} million pixels."
    ]


def _size(image: bpy.types.Image) -> list[int]:
    """Width and height; by the header where that is easy: a small file may unpack to vast pixels."""
    data = image.packed_file.data if image.packed_file else b""
    if data.startswith(_PNG):
        return [int.from_bytes(data[at : at + 4], "big") for at in (16, 20)]
    if data.startswith(b"\xff\xd8"):  # a JPEG may also hold a preview of itself
        found = re.findall(rb"(?s)\xff[\xc0-\xc2]\0[\x0b\x11\x14]\x08(.{4})", data)
        return [side for each in found for side in struct.unpack(">HH", each)] or [0]
    return list(image.size)


def _drop(image: bpy.types.Image) -> None:
    """Takes the image's nodes away, so that materials fall back to their own colour and not to magenta."""
    for tree in _trees():
        for node in [each for each in tree.nodes if getattr(each, "image", None) == image]:
            _remove(tree, node)
    bpy.data.images.remove(image)


def _without_nodes_of_nothing() -> list[str]:
    """Takes away the nodes for pictures that an importer has not found: they would show black or magenta."""
    found: list[str] = []
    for tree in _trees():
        for node in [each for each in tree.nodes if each.type == "TEX_IMAGE" and each.image is None]:
            _remove(tree, node)
            found = ["A texture of the model was not delivered and is left out."]
    return found


def _trees() -> list[bpy.types.NodeTree]:
    trees = [material.node_tree for material in bpy.data.materials if material.node_tree]
    return [*trees, *bpy.data.node_groups]


def _remove(tree: bpy.types.NodeTree, node: bpy.types.Node) -> None:
    """Takes a node away, and each that has no input without it; a tint that it was multiplied with stays."""
    targets = [(link.to_node.name, link.to_socket.identifier) for link in _links_of(node)]
    tree.nodes.remove(node)
    for name, identifier in targets:
        target: Any = tree.nodes.get(name)
        if target is None or not target.outputs:
            continue
        if target.outputs[0].type == "SHADER":
            if identifier == "Emission Color":
                target.inputs[identifier].default_value = (0.0, 0.0, 0.0, 1.0)  # white else, of a lamp
            continue
        if target.type in _MIXES and target.blend_type == "MULTIPLY":
            _pass_on(tree, target, identifier)
        elif not any(each.is_linked for each in target.inputs):
            _remove(tree, target)


def _links_of(node: bpy.types.Node) -> list[bpy.types.NodeLink]:
    """What leads from the node to others."""
    outputs: Any = node.outputs
    return [link for output in outputs for link in output.links]


def _pass_on(tree: bpy.types.NodeTree, mix: bpy.types.Node, lost: str) -> None:
    """Puts the other of the two colours that were multiplied in the place of their product."""
    colours = [each for each in mix.inputs if each.type == "RGBA" and each.enabled]
    linked = [link.from_socket for each in colours for link in each.links or ()]
    values = [tuple(each.default_value) for each in colours if each.identifier != lost]
    for socket in [link.to_socket for link in _links_of(mix)]:
        if linked:
            tree.links.new(linked[0], socket)
        elif values and socket.type == "RGBA":
            socket.default_value = values[0]
    tree.nodes.remove(mix)
