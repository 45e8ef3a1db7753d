# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks into a staged file before an importer may: it names delivered files alone, and no vast memory.

FBX and material files may carry paths of the machine that made them. Those of a network are refused here, as
merely looking would contact a stranger's server; images from elsewhere on the disk go after the import.
"""

import json
import mmap
import os
import re
import struct
from pathlib import Path
from urllib.parse import unquote

from .staging import Format, Model, Unreadable, Unsupported, link

MAX_JSON_BYTES = 256 << 20
MAX_ELEMENTS = 200_000_000  # vertices plus indices: some 30 times the largest model that generators deliver
MAX_NODES = 100_000
_NETWORK = rb"[\\/]{2}[^\s\0]*|\w\w+:[\\/]{2}[^\s\0]*"


def check(model: Model, folder: Path) -> None:
    """Raises Unreadable or Unsupported for what must not be imported; puts what it names in place."""
    if model.format == Format.GLTF:
        _check_gltf(model, folder)
    elif model.format == Format.OBJ:
        for name in _found(model.path, rb"mtllib[ \t]+([^\r\n]+)"):
            _bring(model, name.strip(), folder)
        for material in [each for each in folder.rglob("*") if each.suffix.lower() == ".mtl"]:
            for name in _found(material, rb"(?m)^[ \t]*\w+[ \t](?:.*[ \t])?(%s)" % _NETWORK):
                _bring(model, name, folder)
            for file in [each for each in folder.rglob("*") if each.is_file()]:
                beside = material.parent / file.name  # where Blender looks when all else fails
                if file.suffix.lower() not in list(Format) and not beside.exists():
                    link(file, beside)
    elif model.format == Format.FBX:
        for name in _found(model.path, rb"(?s)ile[Nn]ameS.{4}(%s)" % _NETWORK):
            _bring(model, name, folder)
    elif model.format == Format.PLY:
        _check_ply(model)
    elif model.format in (Format.USDA, Format.USDC, Format.USDZ):
        for name in _usd_references(model):
            _bring(model, name, folder)


def _bring(model: Model, reference: str, folder: Path) -> bool:
    """Whether a file that the model names is in its place, be it by linking one of that name from elsewhere.

    Raises Unreadable for names that lead out of the folder. A material file may have been renamed on its way.
    """
    wanted = Path(os.path.normpath(model.path.parent / reference))
    if re.search(r"[\\:\0]|^[/~]", reference) or not wanted.is_relative_to(folder):
        raise Unreadable(
            f"{model.name} refers to a file outside its folder ({reference[:80]!r}); it is not imported."
        )
    if not wanted.is_file():
        files = [each for each in folder.rglob("*") if each.is_file()]
        same = [each for each in files if each.name.lower() == wanted.name.lower()]
        if not same and wanted.suffix == ".mtl":
            same = [each for each in files if each.suffix == ".mtl"]
        if same:
            link(same[0], wanted)
    return wanted.is_file()


def _found(path: Path, pattern: bytes) -> list[str]:
    """The group of each match, at memory-search speed: an OBJ may have hundreds of megabytes."""
    if not path.stat().st_size:
        return []
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return [found.decode("utf-8", "replace") for found in {*re.findall(pattern, content)}]


def _check_gltf(model: Model, folder: Path) -> None:
    try:
        document = json.loads(_gltf_json(model))
    except (ValueError, RecursionError) as error:
        raise Unreadable(
            f"{model.name} is damaged: its description is no JSON. Download it again."
        ) from error
    try:
        buffers = [each.get("uri", "data:") for each in document.get("buffers", [])]
        images = [each.get("uri", "data:") for each in document.get("images", [])]
        counts = [abs(each["count"]) for each in document.get("accessors", [])]
        parts = [part for mesh in document.get("meshes", []) for part in mesh["primitives"]]
        used = [part["attributes"].get("POSITION", -1) for part in parts]
        used += [part.get("indices", -1) for part in parts]
        # The importer allocates what is declared, once for each use: a small file could ask for terabytes.
        total = sum(counts[index] for index in used if index >= 0)
        if max([total, *counts]) > MAX_ELEMENTS or len(document.get("nodes", [])) > MAX_NODES:
            raise Unreadable(f"{model.name} claims more vertices or parts than Blender could hold.")
        for uri in [each for each in buffers + images if not each.startswith("data:")]:
            if not _bring(model, unquote(uri), folder) and uri in buffers:
                raise Unreadable(f"{model.name} needs the file {uri[:80]!r}, which was not delivered.")
        document["asset"]["version"]
    except (AttributeError, LookupError, TypeError) as error:
        raise Unreadable(
            f"{model.name} is JSON, but no glTF model. Generate it anew, or report it with its job id."
        ) from error


def _gltf_json(model: Model) -> bytes:
    size = model.path.stat().st_size
    with model.path.open("rb") as file:
        head = file.read(20)
        if not head.startswith(b"glTF"):
            return head + file.read(MAX_JSON_BYTES)
        if len(head) < 20 or struct.unpack_from("<I", head, 8)[0] > size:
            raise Unreadable(f"{model.name} is cut short after {size} bytes. Download it again.")
        return file.read(min(struct.unpack_from("<I", head, 12)[0], MAX_JSON_BYTES))


def _check_ply(model: Model) -> None:
    with model.path.open("rb") as file:
        header = file.read(1 << 16).partition(b"end_header")[0]
    counts = [int(count) for count in re.findall(rb"(?m)^element[ \t]+\w+[ \t]+(\d{1,18})", header)]
    if re.search(rb"(?m)^property[ \t]+float[ \t]+f_dc_0", header):
        raise Unsupported(
            f"{model.name} is a Gaussian splat, which Blender cannot import; it is kept as a file."
        )
    if not re.search(rb"(?m)^element[ \t]+face[ \t]+0*[1-9]", header):
        raise Unsupported(f"{model.name} is a point cloud without faces; it is kept as a file.")
    if sum(counts) > model.path.stat().st_size:  # an element takes at least one byte
        raise Unreadable(
            f"{model.name} is cut short: its header promises more than it holds. Download it again."
        )


def _usd_references(model: Model) -> list[str]:
    """The layers and assets that a USD names; only official builds have the module to ask for binary ones."""
    if model.format == Format.USDA:
        return _found(model.path, rb"@([^@\r\n]+)@")
    try:
        from pxr import UsdUtils  # pyright: ignore[reportMissingImports] # part of Blender
    except ImportError:
        return []
    return [name for group in UsdUtils.ExtractExternalReferences(str(model.path)) for name in group]
