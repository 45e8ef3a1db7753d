# SPDX-License-Identifier: GPL-3.0-or-later
"""Textures of at most so many pixels, packed as PNG, JPEG or WebP."""

import tempfile
from pathlib import Path
from typing import Any

import bpy

from .work import CannotError, Work

QUALITY = 92
_ENDINGS = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp"}
_HEADS = ((0, b"\x89PNG", "PNG"), (0, b"\xff\xd8", "JPEG"), (8, b"WEBP", "WEBP"))


def fit(work: Work) -> None:
    """Those that are larger than `texture_px` are made smaller, and all are packed as `texture_format`.

    Pictures of normals, and of opacity where the format has none, stay PNG. Raises CannotError for pictures
    of more than 8 bits, which no other format here holds.
    """
    largest, wanted = work.profile["texture_px"], (work.profile["texture_format"] or "").upper()
    deep: list[str] = []
    with tempfile.TemporaryDirectory(prefix="textures-") as folder:
        for number, image in enumerate([each for each in bpy.data.images if each.packed_file and each.users]):
            width, height = tuple(image.size)
            is_large = bool(largest and max(width, height) > largest)
            kind, now = _wanted_kind(image, wanted), _kind(image)
            if image.is_float and kind != now:
                deep.append(image.name)
                kind = now
            if not is_large and kind == now:
                continue
            if is_large:
                factor = largest / max(width, height)
                image.scale(max(1, round(width * factor)), max(1, round(height * factor)))
            _pack(image, kind, Path(folder, f"{number}.{_ENDINGS.get(kind, 'png')}"))
            work.is_repainted = True
    if deep:
        raise CannotError(f"pictures of more than 8 bits stay as they are ({', '.join(deep[:3])})")


def _kind(image: bpy.types.Image) -> str:
    """What its file is; empty for another kind."""
    head = image.packed_file.data[:16] if image.packed_file else b""
    found = (kind for at, sign, kind in _HEADS if head[at : at + len(sign)] == sign)
    return next(found, "" if head else "PNG")


def _wanted_kind(image: bpy.types.Image, wanted: str) -> str:
    if not wanted:
        return _kind(image)
    if wanted == "JPEG" and (_is_of_normals(image) or _has_alpha(image)):
        return "PNG"
    return wanted


def _is_of_normals(image: bpy.types.Image) -> bool:
    trees: list[Any] = [each.node_tree for each in bpy.data.materials if each.node_tree]
    return any(
        node.type == "TEX_IMAGE" and node.image == image and link.to_node.type == "NORMAL_MAP"
        for tree in trees
        for node in tree.nodes
        for output in node.outputs
        for link in output.links
    )


def _has_alpha(image: bpy.types.Image) -> bool:
    return image.channels == 4 and image.depth in (32, 64, 128) and image.alpha_mode != "NONE"


def _pack(image: bpy.types.Image, kind: str, file: Path) -> None:
    """Packs its pixels as a file of that kind, under a name with its ending."""
    stem = Path(image.filepath_raw.replace("\\", "/")).stem or "texture"
    colours, alpha = image.colorspace_settings.name, image.alpha_mode
    if image.is_float or kind not in _ENDINGS:  # Blender packs what it holds: PNG, or OpenEXR of floats
        image.pack()
    else:
        image.file_format = kind
        image.save(filepath=str(file), quality=QUALITY)
        if image.packed_file:
            image.unpack(method="REMOVE")
        image.source = "FILE"
        image.filepath_raw = str(file)
        image.reload()
        image.pack()
        image.filepath_raw = f"//textures/{stem}.{_ENDINGS[kind]}"
    image.colorspace_settings.name, image.alpha_mode = colours, alpha
    image.buffers_free()
