# SPDX-License-Identifier: GPL-3.0-or-later
"""Lays the delivered files out in a folder of their own and tells by their bytes which are models.

The originals are linked or copied, never changed; archives unpack within limits; no name leaves the folder.
"""

import enum
import mmap
import os
import re
import shutil
import struct
import uuid
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

MAX_ENTRIES = 2000
MAX_UNPACKED_BYTES = 4 << 30
MAX_RATIO = 200  # text meshes compress to about a tenth, nothing honest to a two-hundredth
HEAD_BYTES = 1 << 20  # comments may fill many lines before the first vertex of an OBJ


class UnreadableError(Exception):
    """The file is damaged, unsafe or no model; the text is a sentence for a person."""


class NoModelError(UnreadableError):
    """Nothing in the file says that it is a model; beside one, notes and licences are not worth a word."""


class UnsupportedError(Exception):
    """The file is sound, but Blender has no importer for it; the text says so."""


class Format(enum.StrEnum):
    """What can be imported, by its usual suffix, in the order of preference: the most complete first."""

    GLTF = ".glb"
    USDA = ".usda"
    USDC = ".usdc"
    USDZ = ".usdz"
    FBX = ".fbx"
    DAE = ".dae"
    OBJ = ".obj"
    PLY = ".ply"
    STL = ".stl"
    SPZ = ".spz"
    ZIP = ".zip"


@dataclass(frozen=True)
class Model:
    """One file to import: where it is staged, what it is, and the name it was delivered under."""

    path: Path
    format: Format
    name: str


# What the first bytes tell, in lower case and after white space.
_MODELS = (
    (b"gltf", Format.GLTF),
    (b"pxr-usdc", Format.USDC),
    (b"#usda", Format.USDA),
    (b"kaydara fbx binary", Format.FBX),
    (b"; fbx", Format.FBX),
    (b"fbxheaderextension:", Format.FBX),
    (b"ngsp", Format.SPZ),
    (b"ply\n", Format.PLY),
    (b"ply\r", Format.PLY),
)
_IMAGES = re.compile(rb"\x89PNG|\xff\xd8\xff|GIF8|II\*\0|MM\0\*|v/1\x01|#\?RADIANCE|DDS |RIFF")
_PACKED = b"\x1f\x8b"
SPLAT = "a Gaussian splat, which this Blender cannot import; it is kept as a file."
_OTHERS = (
    (b"vox ", UnsupportedError, "a voxel model (.vox), which Blender cannot import; it is kept as a file."),
    (
        b"blender",
        UnreadableError,
        "a .blend file; those can carry scripts, so downloaded ones are not opened.",
    ),
    (_PACKED, UnsupportedError, "compressed and no model that Blender reads; it is kept as a file."),
    (b"<!doctype html", UnreadableError, "a web page and not a model. The download link may have expired."),
    (b"<html", UnreadableError, "a web page and not a model. The download link may have expired."),
)
_MARK = b"\xef\xbb\xbf"  # of UTF-8, which Blender's importers do not skip
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")  # of UTF-16, as Windows' Notepad writes it
_DECLARED = re.compile(r"(<\?xml[^>]{0,200}?encoding\s*=\s*[\"'])utf-?16\w*", re.IGNORECASE)
MAX_ZEROS = 16  # in a text: some programs end one with a zero byte, Blender reads past it
# What a line of a text tells.
_TEXTS: tuple[tuple[re.Pattern[bytes], Format | None], ...] = (
    (re.compile(rb"<(\w+:)?COLLADA[\s>]"), Format.DAE),
    (re.compile(rb"(?m)^[ \t]*FBXHeaderExtension[ \t]*:"), Format.FBX),
    (re.compile(rb"(?m)^[ \t]*v[ \t]+[-+.\dnNiI]"), Format.OBJ),
    (re.compile(rb"(?m)^[ \t]*newmtl[ \t]"), None),
)
_TEXT_FORMATS = (Format.OBJ, Format.FBX, Format.DAE)
_SPLAT_SUFFIXES = (".splat", ".ksplat", ".sog")  # formats without a mark of their own


def detect(path: Path, name: str) -> Format | None:
    """The format by content, None for a texture or material. Raises UnreadableError or UnsupportedError."""
    size = path.stat().st_size
    if size == 0:
        raise UnreadableError(f"{name} is empty. Download it again.")
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    start = head[:4096].lstrip(_MARK + b" \t\r\n").lower()
    if start.startswith(b"{"):
        return _described(path, name)
    if start.startswith(_PACKED) and _unpacked_start(head) == b"NGSP":
        return Format.SPZ
    for mark, found in _MODELS:
        if start.startswith(mark):
            return found
    for mark, kind, what in _OTHERS:
        if start.startswith(mark):
            raise kind(f"{name} is {what}")
    if _IMAGES.match(head):
        return None
    if name.lower().endswith(_SPLAT_SUFFIXES):
        raise UnsupportedError(f"{name} is {SPLAT}")
    if start.startswith(b"pk\3\4"):  # a USDZ is a zip whose first file is a USD
        first = head[30 : 30 + int.from_bytes(head[26:28], "little")].lower()
        return Format.USDZ if first.endswith((b".usd", b".usda", b".usdc")) else Format.ZIP
    if start.startswith(b"solid") and b"facet" in start:
        return Format.STL
    if size >= 84 and 0 < struct.unpack_from("<I", head, 80)[0] * 50 == size - 84:
        return Format.STL
    if head.count(b"\0") <= MAX_ZEROS:
        for pattern, found in _TEXTS:
            if pattern.search(head):
                return found
    no_model = NoModelError if path.suffix.lower() not in (*Format, ".gltf") else UnreadableError
    raise no_model(f"{name} is no 3D file that Blender knows, or it is damaged. Download it again.")


def _unpacked_start(packed: bytes) -> bytes:
    try:
        return zlib.decompressobj(31).decompress(packed, 4)
    except zlib.error:
        return b""


def _described(path: Path, name: str) -> Format:
    """A JSON text is a glTF if it has the one field that each has, wherever in it; else it is a note."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if path.suffix.lower() == ".gltf" or content.find(b'"asset"') >= 0:
            return Format.GLTF  # preflight.py reads it and refuses what is none after all
    raise NoModelError(f"{name} is JSON, but no glTF model. Download it again.")


def is_text(path: Path) -> bool:
    """Whether a file may be one: no picture, and without a zero byte at its beginning."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    return b"\0" not in head and not _IMAGES.match(head)


def is_picture(path: Path) -> bool:
    with path.open("rb") as file:
        return bool(_IMAGES.match(file.read(16))) or path.suffix.lower() == ".tga"


Problem = tuple[str, UnreadableError | UnsupportedError]


def stage(sources: list[dict[str, str]], folder: Path) -> tuple[list[Model], list[Problem]]:
    """Stages every source (`path`, `name`, `role`); returns the models, and by name why others are none.

    A source in the role "companion" (texture, material file, buffer) is only laid beside the models.
    """
    models: list[Model] = []
    problems: list[Problem] = []
    companions: list[Path] = []
    for source in sorted(sources, key=lambda each: each["role"] != "companion"):  # these keep their names
        path = _vacant(folder, source["name"])
        link(Path(source["path"]), path)
        _drop_mark(path)
        if source["role"] == "companion":
            companions.append(path)
        else:
            _look_into(path, models, problems)
    for path in companions if not models else ():  # what the service says that a file is, is not trusted
        _look_into(path, models, problems)
    real = [each for each in problems if not isinstance(each[1], NoModelError)]
    return models, real if models or real else problems


def _look_into(path: Path, models: list[Model], problems: list[Problem]) -> None:
    try:
        models += _models(path)
    except (UnreadableError, UnsupportedError) as why:
        problems.append((path.name, why))


def _drop_mark(path: Path) -> None:
    """Takes a byte order mark off a staged text, and makes UTF-8 of UTF-16; what was delivered stays."""
    with path.open("rb") as file:
        head = file.read(len(_MARK))
        if head == _MARK:
            replace_content(path, file.read())
    if head.startswith(_WIDE_MARKS):
        try:
            text = path.read_bytes().decode("utf-16")
        except UnicodeDecodeError:
            return
        if text[:200].isascii() and "\0" not in text:  # else it is no text
            replace_content(path, _DECLARED.sub(r"\1utf-8", text, count=1).encode())


def replace_content(path: Path, content: bytes) -> None:
    """Gives a staged file other content; the original, which may be the same file by a link, stays."""
    part = path.with_name(f".{uuid.uuid4().hex[:8]}.part")
    part.write_bytes(content)
    os.replace(part, path)


def link(path: Path, target: Path) -> None:
    """Lets the file appear at the target, too, in a folder that may not exist yet."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(path, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(path, target)


def _vacant(folder: Path, name: str) -> Path:
    """A free path for a delivered name; its inner folders count, as models refer to files by them."""
    parts = [re.sub(r'[\x00-\x1f<>:"|?*]', "_", part)[:150].strip(" .") for part in re.split(r"[\\/]", name)]
    path = folder.joinpath(*[part for part in parts if part][-8:] or ["file"])
    while path.exists():
        path = path.with_stem(path.stem + "-2")
    return path


def _models(path: Path, *, is_inner: bool = False) -> list[Model]:
    """The model that a staged file is, or those of an archive, unpacked; archives inside stay packed."""
    found = detect(path, path.name)
    if found == Format.ZIP and not is_inner:
        return _unpacked(path)
    if found == Format.USDZ and not is_inner:
        return [_first_layer(path)]
    name = path.name
    if found in _TEXT_FORMATS and not is_binary_fbx(path):
        _drop_zeros(path)
    if found and path.suffix.lower() != found:  # Blender's USD goes by it, so it must tell the truth
        path = path.rename(_vacant(path.parent, path.stem + found))
    return [Model(path, found, name)] if found not in (None, Format.ZIP, Format.USDZ) else []


def is_binary_fbx(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(64).lstrip(b" \t\r\n").lower().startswith(b"kaydara")


def header_of_ply(path: Path) -> str:
    """Its lines, up to the data."""
    with path.open("rb") as file:
        header = file.read(1 << 16).partition(b"end_header")[0]
    return header.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")


def _drop_zeros(path: Path) -> None:
    """A text without them: what is behind one must not be hidden from whoever looks the text through."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        has_zero = content.find(b"\0") >= 0
    if has_zero:
        replace_content(path, path.read_bytes().replace(b"\0", b" "))


def _first_layer(path: Path) -> Model:
    """The layer that a USDZ is opened by, unpacked: inside the package nothing could be taken out."""
    inside = path.with_name(path.name + "-files")
    names = _extract(path, inside)
    layer = inside / names[0] if names else inside
    found = detect(layer, path.name) if layer.is_file() else None
    if found not in (Format.USDA, Format.USDC):
        raise UnreadableError(f"{path.name} does not begin with a USD layer. Download it again.")
    return Model(layer.rename(layer.with_suffix(found)), Format.USDZ, path.name)


def _extract(path: Path, inside: Path) -> list[str]:
    """Unpacks an archive within limits; returns the names in it."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if len(entries) > MAX_ENTRIES:
                raise UnreadableError(f"{path.name} holds over {MAX_ENTRIES} files, more than is unpacked.")
            size = sum(entry.file_size for entry in entries)  # zipfile reads no more than is declared
            if size > min(MAX_UNPACKED_BYTES, (1 << 20) + path.stat().st_size * MAX_RATIO):
                raise UnreadableError(
                    f"{path.name} unpacks to far more than its size allows; it is not unpacked."
                )
            for entry in entries:  # Windows' own tools write backslashes
                entry.filename = entry.filename.replace("\\", "/")
            if any(re.search(r"^/|^\w:|(^|/)\.\.(/|$)", entry.filename) for entry in entries):
                raise UnreadableError(f"{path.name} wants to write outside its folder; it is not unpacked.")
            archive.extractall(inside, entries)
            return [entry.filename for entry in entries]
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise UnreadableError(
            f"{path.name} is a damaged zip archive ({error}). Download it again."
        ) from error


def _unpacked(path: Path) -> list[Model]:
    inside = path.with_name(path.name + "-files")
    _extract(path, inside)
    models: list[Model] = []
    refused: list[Exception] = []
    files = [each for each in sorted(inside.rglob("*")) if each.is_file()]
    for file in files:
        _drop_mark(file)
    for file in files:
        try:
            models += _models(file, is_inner=True)
        # A text or licence file is no fault of the archive.
        except (UnreadableError, UnsupportedError) as why:
            refused.append(why)
    if not models:
        refused.sort(key=lambda why: isinstance(why, NoModelError))
        raise (
            refused[0] if refused else UnsupportedError(f"{path.name} holds no model; it is kept as a file.")
        )
    return models
