# SPDX-License-Identifier: GPL-3.0-or-later
"""What a file is, told from its bytes; a name or a MIME type is never believed."""

import enum
import gzip
import re
import struct
import zipfile
from pathlib import Path

HEAD_BYTES = 4096
TEXT_HEAD_BYTES = 1 << 20  # comments may fill many lines before the first vertex of an OBJ


class Unreadable(Exception):
    """The file is damaged, unsafe or no model; the text is a sentence for a person."""


class Unsupported(Exception):
    """The file is sound, but this Blender has no importer for it; the text says so."""


class Format(enum.StrEnum):
    """Formats that count here; the models come in the order of preference, most complete first."""

    GLTF = "glTF"
    USDA = "USD text"
    USDC = "USD"
    USDZ = "USDZ"
    FBX = "FBX"
    OBJ = "OBJ"
    PLY = "PLY"
    STL = "STL"
    ZIP = "zip archive"
    MTL = "material file"
    IMAGE = "image"


SUFFIX = {
    Format.GLTF: ".glb",
    Format.USDA: ".usda",
    Format.USDC: ".usdc",
    Format.USDZ: ".usdz",
    Format.FBX: ".fbx",
    Format.OBJ: ".obj",
    Format.PLY: ".ply",
    Format.STL: ".stl",
}
_MAGIC: tuple[tuple[bytes, Format], ...] = (
    (b"glTF", Format.GLTF),
    (b"PXR-USDC", Format.USDC),
    (b"#usda", Format.USDA),
    (b"Kaydara FBX Binary", Format.FBX),
    (b"ply\n", Format.PLY),
    (b"ply\r", Format.PLY),
    (b"\x89PNG", Format.IMAGE),
    (b"\xff\xd8\xff", Format.IMAGE),
    (b"GIF8", Format.IMAGE),
    (b"II*\0", Format.IMAGE),
    (b"MM\0*", Format.IMAGE),
    (b"\x76\x2f\x31\x01", Format.IMAGE),  # OpenEXR
    (b"#?RADIANCE", Format.IMAGE),
    (b"DDS ", Format.IMAGE),
)
_SPLAT = "is a Gaussian splat, which Blender cannot import; it is kept as a file"
_SPLAT_SUFFIXES = {".splat", ".ksplat", ".sog"}  # formats without a mark of their own
_BLEND = "is a .blend file; those can carry scripts, so downloaded ones are not opened"


def detect(path: Path, name: str) -> Format:
    """The format of the file, by content; `name` is used in messages, and to keep splats without a mark."""
    size = path.stat().st_size
    if size == 0:
        raise Unreadable(f"{name} is empty. Download it again or generate it anew.")
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    for magic, found in _MAGIC:
        if head.startswith(magic):
            return found
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return Format.IMAGE
    if head.startswith(b"PK\x03\x04"):
        return _detect_zip(path, name)
    _refuse_known(path, name, head)
    if size >= 84 and 0 < struct.unpack_from("<I", head, 80)[0] * 50 == size - 84:
        return Format.STL
    return _detect_text(path, name, head)


def _detect_zip(path: Path, name: str) -> Format:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [entry.filename.lower() for entry in archive.infolist()[:2]]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise Unreadable(f"{name} is a damaged zip archive. Download it again.") from error
    if names and names[0].endswith((".usdc", ".usda", ".usd")):
        return Format.USDZ
    if Path(name).suffix.lower() in _SPLAT_SUFFIXES:
        raise Unsupported(f"{name} {_SPLAT}.")
    return Format.ZIP


def _refuse_known(path: Path, name: str, head: bytes) -> None:
    if head.startswith((b"BLENDER", b"\x28\xb5\x2f\xfd")):
        raise Unreadable(f"{name} {_BLEND}.")
    if head.startswith(b"\x1f\x8b"):
        try:
            with gzip.open(path) as file:
                inner = file.read(8)
        except (OSError, EOFError) as error:
            raise Unreadable(f"{name} is damaged compressed data. Download it again.") from error
        if inner.startswith(b"BLENDER"):
            raise Unreadable(f"{name} {_BLEND}.")
        if inner.startswith(b"NGSP"):
            raise Unsupported(f"{name} {_SPLAT}.")
        raise Unsupported(f"{name} is gzip data that is no model known here; it is kept as a file.")
    if head.startswith(b"NGSP"):
        raise Unsupported(f"{name} {_SPLAT}.")
    if head.startswith(b"VOX "):
        raise Unsupported(
            f"{name} is a voxel model (.vox), which Blender cannot import; it is kept as a file."
        )
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith(b"; FBX"):
        raise Unreadable(
            f"{name} is an FBX in text form, which Blender cannot read. Ask for GLB or binary FBX."
        )
    if text[:200].lower().startswith((b"<!doctype html", b"<html")):
        raise Unreadable(f"{name} is a web page and not a model. The download link may have expired.")
    if b"<COLLADA" in text:
        raise Unsupported(f"{name} is a COLLADA file, which is not imported here; it is kept as a file.")


def _detect_text(path: Path, name: str, head: bytes) -> Format:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith(b"{"):
        return Format.GLTF  # the gate reads the JSON and refuses what is no glTF
    if text[:5].lower() == b"solid" and b"facet" in text:
        return Format.STL
    with path.open("rb") as file:
        text = file.read(TEXT_HEAD_BYTES)
    if b"\0" not in text:
        if re.search(rb"(?m)^[ \t]*v[ \t]+[-+.\dnNiI]", text):
            return Format.OBJ
        if re.search(rb"(?m)^[ \t]*newmtl[ \t]", text):
            return Format.MTL
    if Path(name).suffix.lower() in _SPLAT_SUFFIXES:
        raise Unsupported(f"{name} {_SPLAT}.")
    raise Unreadable(f"{name} is no 3D file that Blender knows, or it is damaged. Download it again.")
