# SPDX-License-Identifier: GPL-3.0-or-later
"""What a picture's bytes tell beside its format: which way up it is, and whether its end is there.

Cameras store a picture as the sensor lay, and write down how to turn it. Nothing here decodes a pixel.
"""

import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

UPRIGHT = 1
_PNG = b"\x89PNG\r\n\x1a\n"
_TIFF = (b"II*\0", b"MM\0*")
_ORIENTATION = 274
_PARTS = ((273, 279), (324, 325))  # tags of the places and sizes of strips, and of tiles: TIFF 6.0
_MOST_VALUES = 1 << 20  # of one entry in a TIFF
# A marker of a JPEG but those within its data (stuffed zeros, fill bytes, restarts): T.81, B.1.1.2
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_SOI = 0xD8
_EOI = 0xD9
_APP1 = 0xE1
_APP2 = 0xE2
_EXR = b"\x76\x2f\x31\x01"  # what is said of EXRs here is from "OpenEXR File Layout"
_HAS_TILES, _HAS_PARTS = 0x200, 0x1000  # flags of its version
_EXR_CHUNKS = {  # by the type of a part: the bytes before the sizes of a chunk's data, and those sizes
    b"scanlineimage": (4, "<I"),
    b"tiledimage": (16, "<I"),
    b"deepscanline": (4, "<QQ8x"),
    b"deeptile": (16, "<QQ8x"),
}
_MOST_HEAD_BYTES = 1 << 26  # of an EXR: what would tell of more is not looked at
_RADIANCE = b"#?R"
_RADIANCE_SIZE = re.compile(rb"[-+][XY] +(\d{1,9}) +[-+][XY] +(\d{1,9})")
_RADIANCE_HEAD_BYTES = 1 << 16
_PROFILE = b"ICC_PROFILE\0"  # ICC.1, B.4: in an APP2 segment or several


def orientation_of(path: Path) -> int:
    """1 to 8 as EXIF numbers them (CIPA DC-008, tag 0x0112): 1 is upright, 3 upside down, 6 and 8 lie on a
    side, the others are mirrored. 1 also where the file does not tell. Raises OSError.
    """
    with path.open("rb") as file:
        facts = _exif(file)
    try:
        (value,) = dict(_entries(facts)).get(_ORIENTATION, (UPRIGHT,))
    except (struct.error, ValueError):
        return UPRIGHT
    return value if 1 <= value <= 8 else UPRIGHT


def is_cut_short(path: Path) -> bool:
    """Whether the picture shows that its end is missing, as where a download broke off. Raises OSError."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head.startswith(b"\xff\xd8\xff"):
            return not any(marker == _EOI for marker, _ in _segments(head + file.read()))
        if head.startswith(_PNG):
            return not any(name == b"IEND" for name, _, _ in _chunks(file, 8, ">", 4))
        if head[:4] == b"RIFF":
            return int.from_bytes(head[4:8], "little") + 8 > size
        if head[:4] in _TIFF:
            return _is_tiff_cut(head + file.read())
        if head[4:8] == b"ftyp":
            return _is_cut_box(file, size)
        if head.startswith(b"GIF8"):
            return _is_gif_cut(head + file.read())
        if head.startswith(_EXR):
            return _is_exr_cut(file, size)
        if head.startswith(_RADIANCE):
            return _is_radiance_cut(file)
        if head[:2] == b"BM":
            return int.from_bytes(head[2:6], "little") > size
    return False


def colour_profile(path: Path) -> bytes:
    """The segments of a JPEG that hold its ICC profile, as `with_profile` takes them. Raises OSError."""
    data = path.read_bytes()
    if not data.startswith(b"\xff\xd8\xff"):
        return b""
    found = (content for marker, content in _segments(data) if marker == _APP2)
    mine = [content for content in found if content.startswith(_PROFILE)]
    return b"".join(b"\xff\xe2" + struct.pack(">H", len(each) + 2) + each for each in mine)


def with_profile(jpeg: bytes, profile: bytes) -> bytes:
    """The JPEG with those segments; the one of JFIF stays the first, as JFIF 1.02 wants it."""
    has_jfif = jpeg[2:4] == b"\xff\xe0"
    at = 4 + int.from_bytes(jpeg[4:6], "big") if has_jfif else 2
    return jpeg[:at] + profile + jpeg[at:]


def _exif(file: BinaryIO) -> bytes:
    """The TIFF that tells of the picture; empty if none does."""
    head = file.read(12)
    if head.startswith(b"\xff\xd8\xff"):  # EXIF is in the first segments, of 64 KB at most each
        found = (content for marker, content in _segments(head + file.read(1 << 20)) if marker == _APP1)
        return next((content[6:] for content in found if content.startswith(b"Exif\0")), b"")
    if head.startswith(_PNG):
        return _chunk(file, b"eXIf", 8, ">", 4)
    if head[:4] == b"RIFF" and head[8:] == b"WEBP":
        return _chunk(file, b"EXIF", 12, "<", 0).removeprefix(b"Exif\0\0")
    return head + file.read() if head[:4] in _TIFF else b""


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Each marker of a JPEG with what its segment holds, those between the scans of one, too."""
    at = 2
    while found := _MARKER.search(data, at):
        marker, at = data[found.start() + 1], found.end()
        if marker in (_EOI, _SOI, 0x01):
            yield marker, b""
            continue
        length = int.from_bytes(data[at : at + 2], "big")
        yield marker, data[at + 2 : at + length]
        at += max(2, length)


def _chunks(file: BinaryIO, at: int, order: str, sum_bytes: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, place and length of each whole chunk, of a PNG or of a WebP (whose chunks are padded)."""
    end = file.seek(0, 2)
    while at + 8 <= end:
        file.seek(at)
        head = file.read(8)
        if order == ">":
            length, name = struct.unpack(">I4s", head)
        else:
            name, length = struct.unpack("<4sI", head)
        if at + 8 + length + sum_bytes > end:
            return
        yield name, at + 8, length
        at += 8 + length + sum_bytes + (length % 2 if order == "<" else 0)


def _chunk(file: BinaryIO, wanted: bytes, at: int, order: str, sum_bytes: int) -> bytes:
    for name, place, length in _chunks(file, at, order, sum_bytes):
        if name == wanted:
            file.seek(place)
            return file.read(length)
    return b""


def _entries(data: bytes) -> Iterator[tuple[int, tuple[int, ...]]]:
    """The whole numbers by tag in a TIFF's first directory. Raises struct.error where it is cut."""
    if data[:4] not in _TIFF:
        return
    order = "<" if data[:2] == b"II" else ">"
    (at,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, at)
    for number in range(count):
        place = at + 2 + 12 * number
        tag, kind, length = struct.unpack_from(f"{order}HHI", data, place)
        if kind not in (3, 4) or length > _MOST_VALUES:  # SHORT, LONG
            continue
        form = f"{order}{length}{'H' if kind == 3 else 'I'}"
        if struct.calcsize(form) > 4:
            (place,) = struct.unpack_from(f"{order}I", data, place + 8)
        else:
            place += 8
        yield tag, struct.unpack_from(form, data, place)


def _is_tiff_cut(data: bytes) -> bool:
    try:
        entries = dict(_entries(data))
    except (struct.error, ValueError):
        return True
    for offsets, sizes in _PARTS:
        parts = zip(entries.get(offsets, ()), entries.get(sizes, ()), strict=False)
        if any(at + length > len(data) for at, length in parts):
            return True
    return False


def _is_gif_cut(data: bytes) -> bool:
    """By its blocks, one after the other up to the trailer (GIF 89a, 12 to 27)."""
    at = 13 + _colours_bytes(data, 10)
    while at < len(data):
        if data[at] == 0x3B:  # the trailer
            return False
        if data[at] == 0x21:  # an extension with its label
            at += 2
        elif data[at] == 0x2C:  # a picture with its table of colours and the size of its codes
            at += 11 + _colours_bytes(data, at + 9)
        else:
            return True
        while at < len(data) and data[at]:
            at += 1 + data[at]
        at += 1
    return True


def _colours_bytes(data: bytes, at: int) -> int:
    """How long the table of colours is that the flags there announce."""
    flags = data[at] if at < len(data) else 0
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _is_cut_box(file: BinaryIO, size: int) -> bool:
    """Of HEIF and AVIF: boxes one after the other, of which the last may go to the end (ISO/IEC 14496-12)."""
    at = 0
    while at < size:
        file.seek(at)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length == 0:
            return False
        at += max(8, length)
    return at > size


def _is_exr_cut(file: BinaryIO, size: int) -> bool:
    try:
        return _end_of_exr(file) > size
    except struct.error:  # the file ends before
        return True
    except ValueError:
        return False


def _end_of_exr(file: BinaryIO) -> int:
    """Where the last chunk ends. The table of where chunks begin fills all that is before the first of them.

    Raises struct.error where the file is cut before, or where what wrote it has not come to the end: then
    there are zeros in the table. ValueError where it is none.
    """
    file.seek(4)
    (version,) = _next(file, "<I")
    kinds = _exr_parts(file, version)
    place = file.tell()
    end_of_table = last = 0
    for _ in range(_MOST_VALUES):
        (start,) = _next(file, "<Q")
        if not start:
            raise struct.error("a chunk was not written")
        end_of_table = min(end_of_table or start, start)
        last = max(last, start)
        place += 8
        if place >= end_of_table:
            break
    file.seek(min(last, file.seek(0, 2)))
    number = _next(file, "<i")[0] if version & _HAS_PARTS else 0
    if not 0 <= number < len(kinds) or kinds[number] not in _EXR_CHUNKS:
        raise ValueError("no such part")
    skipped, sizes = _EXR_CHUNKS[kinds[number]]
    _next(file, f"{skipped}x")
    lengths: tuple[int, ...] = _next(file, sizes)
    return file.tell() + sum(lengths)


def _exr_parts(file: BinaryIO, version: int) -> list[bytes]:
    """The type of each part; then the file stands behind the headers. Raises as `_end_of_exr`."""
    usual = b"tiledimage" if version & _HAS_TILES else b"scanlineimage"  # others say it themselves
    kinds: list[bytes] = []
    while True:
        kind = usual
        is_there = False
        while name := _exr_name(file):
            is_there = True
            _exr_name(file)  # of the attribute's type
            (length,) = _next(file, "<I")
            if name == b"type" and length < 64:
                kind = file.read(length)
            else:
                file.seek(length, 1)
            if file.tell() > _MOST_HEAD_BYTES:
                raise ValueError("no picture has such a header")
        kinds += [kind] if is_there else []
        if not (is_there and version & _HAS_PARTS):  # after the last of several parts comes an empty one
            return kinds


def _exr_name(file: BinaryIO) -> bytes:
    """Up to its zero byte, without it."""
    data = file.read(256)
    name, zero, _ = data.partition(b"\0")
    if not zero:
        raise struct.error("cut within a name") if len(data) < 256 else ValueError("a name without an end")
    file.seek(len(name) + 1 - len(data), 1)
    return name


def _next(file: BinaryIO, form: str) -> tuple[int, ...]:
    return struct.unpack(form, file.read(struct.calcsize(form)))


def _is_radiance_cut(file: BinaryIO) -> bool:
    """By its lines, each of which tells its length while it is read (Radiance's "picture file format")."""
    file.seek(0)
    head = file.read(_RADIANCE_HEAD_BYTES)
    start = head.find(b"\n\n") + 2
    end = head.find(b"\n", start)
    if start < 2 or end < 0:
        return len(head) < _RADIANCE_HEAD_BYTES
    found = _RADIANCE_SIZE.fullmatch(head, start, end)
    if not found or not int(found[2]):
        return False
    file.seek(end + 1)
    width = int(found[2])
    for _ in range(int(found[1])):
        mark = file.read(4)
        if mark[:2] == b"\2\2" and mark[2:3] < b"\x80" and 8 <= width < 1 << 15:
            is_whole = _skip_packed_line(file, 4 * width)
        else:
            file.seek(-len(mark), 1)
            is_whole = _skip_plain_line(file, width)
        if not is_whole:
            return True
    return False


def _skip_packed_line(file: BinaryIO, count: int) -> bool:
    """Whether all values of the line are there: one that is repeated, or so many as they are."""
    while count > 0:
        code = file.read(1)
        if not code:
            return False
        is_run = code[0] > 128
        length = code[0] - 128 if is_run else code[0]
        wanted = 1 if is_run else length
        if len(file.read(wanted)) < wanted:
            return False
        count -= length
    return True


def _skip_plain_line(file: BinaryIO, width: int) -> bool:
    """Whether all pixels of the line are there; one of three ones says how often the last is repeated."""
    shift = 0
    while width > 0:
        data = file.read(4 * min(width, 1 << 15))
        whole = len(data) - len(data) % 4
        used = 0
        if not whole:
            return False
        if b"\1\1\1" not in data:
            width -= whole // 4
            used = whole
            shift = 0
        while used < whole and width > 0:
            is_repeat = data[used : used + 3] == b"\1\1\1"
            width -= data[used + 3] << shift if is_repeat else 1
            shift = min(shift + 8, 32) if is_repeat else 0
            used += 4
        file.seek(used - len(data), 1)
    return True
