# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a corpus: which are models, and what a delivery of one would bring with it."""

from __future__ import annotations

import functools
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

USD = (".usd", ".usda", ".usdc")
MODELS = (".glb", ".gltf", ".fbx", ".obj", ".ply", ".stl", ".dae", ".usdz", ".zip", *USD)
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".tga", ".bmp", ".tif", ".tiff", ".exr", ".hdr", ".dds", ".gif")
PICTURES += (".jp2", ".psd", ".ktx", ".ktx2", ".basis", ".avif")
LISTS = (".mtl", *USD)  # which name files themselves
COMPANIONS = (*PICTURES, *LISTS, ".bin", ".glbin", ".glsl")
MAX_COMPANIONS = 200
MAX_LIST_BYTES = 64 << 20


def models(folder: Path) -> list[Path]:
    """Every 3D file under the folder, in a fixed order."""
    return sorted(each for each in folder.rglob("*") if each.suffix.lower() in MODELS and each.is_file())


def companions(model: Path, folder: Path) -> list[Path]:
    """The files beside and below a model that it names, or that a material file or layer names that it names.

    Texts in a binary USD are compressed: it gets all that lies there. Nothing outside of its folder comes.
    """
    if model.suffix.lower() in (".zip", ".usdz"):
        return []
    there = [each for each in _beside(model.parent) if each != model]
    found: list[Path] = []
    waiting = [model]
    while waiting and len(found) < MAX_COMPANIONS:
        source = waiting.pop()
        text = _content(source).lower()
        is_open = text.startswith(b"pxr-usdc")
        for each in there:
            if each not in found and (is_open or any(name in text for name in _names(each))):
                found.append(each)
                waiting += [each] if each.suffix.lower() in LISTS else []
    return found


@functools.lru_cache(maxsize=4)
def _beside(folder: Path) -> list[Path]:
    return [Path(base, name) for base, _, names in os.walk(folder) for name in sorted(names) if _may_come(name)]


def _may_come(name: str) -> bool:
    return name.lower().endswith(COMPANIONS)


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_LIST_BYTES)


def _names(path: Path) -> set[bytes]:
    """The file's name as a text may have it; a material file may be named without its ending's case."""
    name = path.name.lower()
    return {name.encode("utf-8", "surrogateescape"), quote(name).lower().encode()}


def sources(model: Path, folder: Path) -> list[dict[str, str]]:
    """What the converter is given, as of a delivery."""
    found = [{"path": str(model), "name": model.name, "role": "mesh"}]
    for each in companions(model, folder):
        name = each.relative_to(model.parent).as_posix()
        found.append({"path": str(each), "name": name, "role": "companion"})
    return found


def unpacked(archive: Path, inside: Path) -> Iterator[Path]:
    """The models of an archive, unpacked, for Blender's own import. Raises zipfile.BadZipFile or OSError."""
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(inside)
    yield from (each for each in models(inside) if not re.search(r"\.zip$", each.name, re.IGNORECASE))
