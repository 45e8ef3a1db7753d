# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks a file before Blender's importer reads it: its references, and the sizes that it declares.

Files may carry paths of the machine that made them. Those of a network are taken out here, as merely looking
would contact a stranger's server; images from elsewhere on the disk go after the import.
"""

import mmap
import re
from pathlib import Path

from .collada import clean_collada
from .fbx import clean_fbx
from .fbx_text import clean_fbx_text
from .gltf import check_gltf
from .importers import can_import_splats
from .references import bring, clean_text, leads_out, neutralised, replace_content
from .unpack import (
    SPLAT,
    Format,
    Model,
    UnreadableError,
    UnsupportedError,
    header_of_ply,
    is_binary_fbx,
    is_text,
    link,
)
from .usd import assets_of, clean_layer

_LIBRARY = re.compile(rb"mtllib([^\r\n]*)")
_BLANKS = "".join(map(chr, range(33))) + "\"'\x7f"
_LAYERS = (".usd", ".usda", ".usdc", ".sdf")
_PACKED_LAYERS = (".usdz", ".mtlx", ".abc", ".zip")  # with paths in forms that are not looked through
_MODELS = (*_LAYERS, *_PACKED_LAYERS, *Format, ".gltf", ".bin")


def check(model: Model, folder: Path) -> list[str]:
    """Puts what it names in place, and takes out what leads elsewhere; returns in words what that was.

    Raises UnreadableError or UnsupportedError for what must not be imported.
    """
    found = _clean_texts(folder)
    messages: list[str] = []
    match model.format:
        case Format.GLTF:
            outside, messages = check_gltf(model, folder)
            found += outside
        case Format.OBJ:
            found += _check_obj(model, folder)
        case Format.FBX if is_binary_fbx(model.path):
            found += clean_fbx(model.path, model.name)
        case Format.FBX:
            found += clean_fbx_text(model.path, model.name)
        case Format.DAE:
            found += clean_collada(model.path, model.name, folder)
        case Format.PLY:
            _check_ply(model)
        case Format.USDA | Format.USDC | Format.USDZ:
            if any(each.suffix.lower() == ".mtlx" for each in folder.rglob("*")):
                messages.append(f"The MaterialX that came with {model.name} is left out.")
            found += _check_usd(model, folder)
        case _:
            pass
    delivered = {each.name.lower() for each in folder.rglob("*") if each.is_file()}
    missed = [each for each in found if re.split(r"[\\/]", each)[-1].lower() not in delivered]
    if missed:
        messages.append(
            f"{model.name} refers to a file outside its folder ({missed[0][:80]!r}); that is left out."
        )
    return messages


def _clean_texts(folder: Path) -> list[str]:
    """Whatever a text is called, an importer may read it as a material file, a list of textures, a film."""
    found: list[str] = []
    for file in [each for each in folder.rglob("*") if each.is_file()]:
        suffix = file.suffix.lower()
        if suffix == ".mtl" or (suffix not in _MODELS and is_text(file)):
            try:
                found += clean_text(file)
            except UnreadableError:
                file.unlink()
    return found


def _check_obj(model: Model, folder: Path) -> list[str]:
    """Material files are read as such whatever they are called, so each that is named has to be a text."""
    found: list[str] = []
    bad: list[int] = []
    base = model.path.parent
    for place, line in _materials(model.path):
        name = line.decode("utf-8", "replace").strip(_BLANKS)
        goes_on = line.rstrip().endswith(b"\\")  # in the next line
        if goes_on or leads_out(name, base, folder) or neutralised(line)[0] != line:
            bad.append(place)
            found.append(name or "mtllib")
            last = re.split(r"[\\/]", name)[-1]
            usual = model.path.with_suffix(".mtl")  # which Blender takes, too
            if bring(base, last, folder) and not usual.exists():
                link(base / last, usual)
        elif bring(base, name, folder) and not _is_material(base / name.replace("\\", "/")):
            bad.append(place)
    if bad:
        content = bytearray(model.path.read_bytes())
        for place in bad:
            content[place : place + 1] = b"#"
        replace_content(model.path, bytes(content))
    for material in [each for each in folder.rglob("*") if each.suffix.lower() == ".mtl"]:
        for file in [each for each in folder.rglob("*") if each.is_file()]:
            beside = material.parent / file.name  # where Blender looks when all else fails
            if file.suffix.lower() not in list(Format) and not beside.exists():
                link(file, beside)
    return found + _clean_texts(folder)  # once more: a name may have come that ends in .mtl


def _materials(path: Path) -> list[tuple[int, bytes]]:
    """Where material files are named, and what follows, at memory-search speed: an OBJ may be large."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return [(match.start(), match[1]) for match in _LIBRARY.finditer(content)]


def _is_material(path: Path) -> bool:
    return path.suffix.lower() == ".mtl" or (path.suffix.lower() not in _MODELS and is_text(path))


def _check_ply(model: Model) -> None:
    header = header_of_ply(model.path)
    counts = {
        kind: int(count) for kind, count in re.findall(r"(?m)^element[ \t]+(\w+)[ \t]+(\d{1,18})", header)
    }
    if sum(counts.values()) > model.path.stat().st_size:  # an element takes at least one byte
        raise UnreadableError(
            f"{model.name} is cut short: its header promises more than it holds. Download it again."
        )
    if re.search(r"(?m)^property[ \t]+float[ \t]+f_dc_0", header):
        if not can_import_splats():
            raise UnsupportedError(f"{model.name} is {SPLAT}")
    elif not counts.get("vertex"):
        raise UnsupportedError(
            f"{model.name} is empty: it holds no points and no faces. It is kept as a file."
        )
    elif not counts.get("face"):
        what = "a point cloud without faces"
        if counts.get("tristrips"):
            what = "made of strips of triangles (tristrips), which Blender cannot read"
        raise UnsupportedError(f"{model.name} is {what}; it is kept as a file.")


def _check_usd(model: Model, folder: Path) -> list[str]:
    """Cleans the layer and all that it could refer to; what cannot be cleaned is not there for it."""
    found: list[str] = []
    files = [each for each in folder.rglob("*") if each.is_file() and each != model.path]
    for file in files:
        with file.open("rb") as opened:
            is_packed = opened.read(2) == b"PK"
        try:
            if is_packed or file.suffix.lower() in _PACKED_LAYERS:
                file.unlink()
            elif file.suffix.lower() in _LAYERS:
                found += clean_layer(file, folder)
        except UnreadableError:
            found.append(file.name)
            file.unlink()
    found += clean_layer(model.path, folder)
    for layer in [model.path, *(each for each in files if each.suffix.lower() in _LAYERS and each.is_file())]:
        for name in assets_of(layer):
            bring(layer.parent, name, folder)
    return found
