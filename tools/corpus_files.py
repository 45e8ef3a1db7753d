# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a corpus: which are models, and what a delivery of one would bring with it."""

import functools
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

USD = (".usd", ".usda", ".usdc")
MODELS = (".glb", ".gltf", ".fbx", ".obj", ".ply", ".stl", ".dae", ".usdz", ".zip", *USD)
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".tga", ".bmp", ".tif", ".tiff", ".exr", ".hdr", ".dds", ".gif")
PICTURES += (".jp2", ".psd", ".ktx", ".ktx2", ".basis", ".avif")
LISTS = (".mtl", ".mtlx", *USD)  # which name files themselves
COMPANIONS = (*PICTURES, *LISTS, ".bin", ".glbin", ".glsl")
MAX_COMPANIONS = 200
_UPWARD = re.compile(rb"\.\.[\\/][^\0-\x1f\"'@<>|*?]{1,300}")  # no more before it: that would take for ever
MAX_LIST_BYTES = 64 << 20


def models(folder: Path) -> list[Path]:
    """Every 3D file under the folder, in a fixed order."""
    return sorted(each for each in folder.rglob("*") if each.suffix.lower() in MODELS and each.is_file())


def companions(model: Path, base: Path) -> list[Path]:
    """The files of the corpus that a model names, or that a material file or layer names that it names.

    Texts in a binary USD are compressed: it gets all that lies beside and below it.
    """
    if model.suffix.lower() in (".zip", ".usdz"):
        return []
    found: list[Path] = []
    waiting = [model]
    while waiting and len(found) < MAX_COMPANIONS:
        source = waiting.pop()
        text = _content(source)
        lower = text.lower()
        is_binary_usd = text.startswith(b"PXR-USDC")
        named = [
            each
            for each in _beside(source.parent)
            if is_binary_usd or any(name in lower for name in _names(each))
        ]
        for each in [*named, *_above(source, text, base)]:
            if each != model and each not in found:
                found.append(each)
                waiting += [each] if each.suffix.lower() in LISTS else []
    return found


def _above(source: Path, text: bytes, base: Path) -> Iterator[Path]:
    """The files that are named by a way up, within the corpus."""
    for match in _UPWARD.finditer(text):
        way = match[0].decode("utf-8", "replace").replace("\\", "/")
        named = Path(os.path.normpath(source.parent / way))
        if named.is_file() and named.is_relative_to(base):
            yield named


@functools.lru_cache(maxsize=4)
def _beside(folder: Path) -> list[Path]:
    return [
        Path(base, name) for base, _, names in os.walk(folder) for name in sorted(names) if _may_come(name)
    ]


def _may_come(name: str) -> bool:
    return name.lower().endswith(COMPANIONS)


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(MAX_LIST_BYTES)
    is_address = path.suffix.lower() in (".gltf", *USD) and b"%" in content
    return content + unquote_to_bytes(content) if is_address else content


def _names(path: Path) -> set[bytes]:
    """The file's name as a text may have it; a material file may be named without its ending's case."""
    name = path.name.lower()
    return {name.encode("utf-8", "surrogateescape"), quote(name).lower().encode()}


def sources(model: Path, base: Path) -> list[dict[str, str]]:
    """What the converter is given, as of a delivery with folders: names from the lowest that holds all."""
    found = companions(model, base)
    root = Path(os.path.commonpath([each.parent for each in (model, *found)]))
    roles = {model: "mesh", **dict.fromkeys(found, "companion")}
    return [
        {"path": str(path), "name": path.relative_to(root).as_posix(), "role": role}
        for path, role in roles.items()
    ]


def unpacked(archive: Path, inside: Path) -> Iterator[Path]:
    """The models of an archive, unpacked, for Blender's own import. Raises zipfile.BadZipFile or OSError."""
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(inside)
    yield from (each for each in models(inside) if not re.search(r"\.zip$", each.name, re.IGNORECASE))
