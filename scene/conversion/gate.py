# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks into a staged file before an importer may: nothing points outside its folder or asks for too much."""

import json
import mmap
import os
import re
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote

from .formats import Format, Unreadable, Unsupported
from .staging import Model

MAX_JSON_BYTES = 256 << 20
MAX_ELEMENTS = 200_000_000  # vertices plus indices: some 30 times the largest model that generators deliver
MAX_NODES = 100_000
_SPLAT_PROPERTIES = {"f_dc_0", "scale_0", "rot_0"}
_MAP_LINE = re.compile(r"\s*(map_\w+|bump|disp|decal|refl|norm)\s", re.IGNORECASE)


def check(model: Model, folder: Path) -> list[str]:
    """Raises Unreadable or Unsupported for what must not be imported; returns what is left out, in words."""
    checks: dict[Format, Callable[[Model, Path], list[str] | None]] = {
        Format.GLTF: _check_gltf,
        Format.OBJ: _check_obj,
        Format.FBX: _check_fbx,
        Format.PLY: _check_ply,
        Format.USDA: _check_usd,
        Format.USDC: _check_usd,
        Format.USDZ: _check_usd,
    }
    checker = checks.get(model.format)
    return (checker and checker(model, folder)) or []


def _stays_inside(reference: str, base: Path, folder: Path) -> bool:
    if re.search(r"[\\:\0]", reference) or reference.startswith(("/", "~")):
        return False
    return Path(os.path.normpath(base / reference)).is_relative_to(folder)


def _bring(reference: str, base: Path, folder: Path) -> bool:
    """Whether the file is there, if need be by linking one of its name from elsewhere in the folder."""
    wanted = Path(os.path.normpath(base / reference))
    if not wanted.is_file():
        for file in folder.rglob("*"):
            if file.name == wanted.name and file.is_file():
                wanted.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, wanted)
                return True
    return wanted.is_file()


def _refuse(model: Model, reference: str) -> None:
    raise Unreadable(
        f"{model.name} refers to a file outside its folder ({reference[:80]!r}); it is not imported."
    )


# glTF


def _check_gltf(model: Model, folder: Path) -> None:
    try:
        document = json.loads(_gltf_json(model))
    except (ValueError, RecursionError) as error:
        raise Unreadable(
            f"{model.name} is damaged: its description is no JSON. Download it again."
        ) from error
    if not isinstance(document, dict) or not isinstance(document.get("asset"), dict):
        raise Unreadable(
            f"{model.name} is JSON, but no glTF model. Generate it anew, or report it with its job id."
        )
    for part in ("buffers", "images"):
        for entry in _dicts(document.get(part)):
            uri = entry.get("uri", "data:")
            if not isinstance(uri, str):
                raise Unreadable(f"{model.name} is damaged: a reference in it is no text. Download it again.")
            if uri.startswith("data:"):
                continue
            if not _stays_inside(unquote(uri), model.path.parent, folder):
                _refuse(model, uri)
            if not _bring(unquote(uri), model.path.parent, folder) and part == "buffers":
                raise Unreadable(
                    f"{model.name} needs the file {uri[:80]!r}, which was not delivered with it."
                )
    _bound_gltf(model, document)


def _gltf_json(model: Model) -> bytes:
    size = model.path.stat().st_size
    with model.path.open("rb") as file:
        head = file.read(20)
        if not head.startswith(b"glTF"):
            file.seek(0)
            return file.read(MAX_JSON_BYTES)
        if len(head) < 20:
            raise Unreadable(f"{model.name} is cut short after {size} bytes. Download it again.")
        _, version, total, json_size, kind = struct.unpack("<4sIII4s", head)
        if version != 2:
            raise Unsupported(f"{model.name} is glTF version {version}; Blender imports version 2 only.")
        if total > size:
            raise Unreadable(f"{model.name} is cut short: {size} of {total} bytes. Download it again.")
        if kind != b"JSON" or json_size > min(size, MAX_JSON_BYTES):
            raise Unreadable(f"{model.name} is damaged: its description is missing. Download it again.")
        return file.read(json_size)


def _bound_gltf(model: Model, document: dict[str, object]) -> None:
    """The importer allocates what is declared, once for each use: a small file could ask for terabytes."""
    counts: list[int] = []
    for accessor in _dicts(document.get("accessors")):
        count = accessor.get("count")
        counts.append(count if isinstance(count, int) and count >= 0 else MAX_ELEMENTS)
    total = 0
    for mesh in _dicts(document.get("meshes")):
        for primitive in _dicts(mesh.get("primitives")):
            attributes = primitive.get("attributes")
            position = attributes.get("POSITION") if isinstance(attributes, dict) else None
            for index in (position, primitive.get("indices")):
                if isinstance(index, int) and 0 <= index < len(counts):
                    total += counts[index]
    nodes = sum(1 for _ in _dicts(document.get("nodes")))
    if max([total, *counts]) > MAX_ELEMENTS or nodes > MAX_NODES:
        raise Unreadable(
            f"{model.name} claims more vertices or parts than Blender could hold; it is not imported."
        )


def _dicts(value: object) -> Iterator[dict[str, object]]:
    return (each for each in value if isinstance(each, dict)) if isinstance(value, list) else iter(())


# OBJ and its material files


def _check_obj(model: Model, folder: Path) -> list[str]:
    """Refuses library names that leave the folder; rewrites material files to the textures that are there."""
    home = model.path.parent
    rests = _after(model.path, b"mtllib ")
    libraries = {rest.splitlines()[0].decode("utf-8", "replace").strip() for rest in rests if rest.strip()}
    for library in libraries:
        if not _stays_inside(library, home, folder):
            _refuse(model, library)
    files = {file.name.lower(): file for file in folder.rglob("*") if file.is_file()}
    materials = {file for name, file in files.items() if name.endswith(".mtl")}
    materials |= {home / library for library in libraries if (home / library).is_file()}
    messages: list[str] = []
    for material in sorted(materials):
        messages += _clean_material(material, files)
    for library in libraries:  # delivered under another name: the only one there is must be it
        if len(libraries) == len(materials) == 1 and not (home / library).exists():
            shutil.copyfile(next(iter(materials)), home / Path(library).name)
    return messages


def _clean_material(path: Path, textures: dict[str, Path]) -> list[str]:
    missing: list[str] = []
    lines: list[str] = []
    for line in path.read_text("utf-8", "replace").splitlines():
        if not _MAP_LINE.match(line):
            lines.append(line)
            continue
        words = line.split()
        for at in range(
            1, len(words)
        ):  # options come first; the name is the longest rest that is a delivered file
            base = re.split(r"[\\/]", " ".join(words[at:]))[-1].lower()
            if base in textures:
                where = os.path.relpath(textures[base], path.parent).replace(os.sep, "/")
                lines.append(" ".join([*words[:at], where]))
                break
        else:
            missing.append(re.split(r"[\\/]", words[-1])[-1])
    path.unlink()  # it may be a hard link to the delivered file, which stays as it is
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return [
        f"The texture {name[:80]!r} was not delivered and is left out." for name in dict.fromkeys(missing)
    ]


def _after(path: Path, word: bytes) -> Iterator[bytes]:
    """What follows each `word`, at memory-search speed: an OBJ may have hundreds of megabytes."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        at = text.find(word)
        while at >= 0:
            yield text[at + len(word) : at + 4096]
            at = text.find(word, at + 1)


# FBX, PLY, USD


def _check_fbx(model: Model, folder: Path) -> None:
    """Refuses network paths: merely looking for one would contact a stranger's server.

    Local paths are settled after the import, when every image from outside the folder is thrown away.
    """
    for word in (b"ilenameS", b"ileNameS"):
        for rest in _after(model.path, word):
            size = int.from_bytes(rest[:4], "little")
            value = rest[4 : 4 + size].replace(b"\\", b"/")
            if value.startswith(b"//") or b"://" in value:
                _refuse(model, value.decode("utf-8", "replace"))


def _check_ply(model: Model, folder: Path) -> None:
    with model.path.open("rb") as file:
        head = file.read(1 << 16)
    header, end, _ = head.partition(b"end_header")
    if not end:
        raise Unreadable(f"{model.name} is damaged: its PLY header has no end. Download it again.")
    counts: dict[str, int] = {}
    properties: set[str] = set()
    for line in header.decode("ascii", "replace").splitlines():
        words = line.split()
        if words[:1] == ["element"] and len(words) == 3 and words[2].isdigit():
            counts[words[1]] = int(words[2])
        elif words[:1] == ["property"]:
            properties.add(words[-1])
    if properties >= _SPLAT_PROPERTIES:
        raise Unsupported(
            f"{model.name} is a Gaussian splat, which Blender cannot import; it is kept as a file."
        )
    if not counts.get("face"):
        raise Unsupported(f"{model.name} is a point cloud without faces; it is kept as a file.")
    if sum(counts.values()) > model.path.stat().st_size:  # an element takes at least one byte
        raise Unreadable(
            f"{model.name} is cut short: its header promises more than it holds. Download it again."
        )


def _check_usd(model: Model, folder: Path) -> None:
    """Refuses layers and assets from outside; Blender 4.2 has no USD module to ask: it checks text only."""
    references: list[str] = []
    if model.format == Format.USDA:
        references = re.findall(r"@([^@\n]+)@", model.path.read_text("utf-8", "replace"))
    else:
        try:
            from pxr import UsdUtils  # pyright: ignore[reportMissingImports] # part of Blender
        except ImportError:
            return
        references = [name for group in UsdUtils.ExtractExternalReferences(str(model.path)) for name in group]
    for reference in references:
        if not _stays_inside(reference, model.path.parent, folder):
            _refuse(model, reference)
        _bring(reference, model.path.parent, folder)
