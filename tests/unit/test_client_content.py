# SPDX-License-Identifier: GPL-3.0-or-later
"""What the bytes of a file tell of it: its format, which way up a picture is, whether its end is there."""

import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maquette.client.content import content_type
from maquette.client.pictures import colour_profile, is_cut_short, orientation_of, with_profile
from png_files import png


def box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), name) + content


def boxed(brand: bytes, *others: bytes) -> bytes:
    return box(b"ftyp", brand + bytes(4) + b"".join(others)) + box(b"mdat", bytes(40))


def exif(orientation: int, order: str = ">") -> bytes:
    mark = b"MM" if order == ">" else b"II"
    entry = struct.pack(f"{order}HHIHH", 274, 3, 1, orientation, 0)
    return mark + struct.pack(f"{order}HIH", 42, 8, 1) + entry + bytes(4)


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def jpeg(orientation: int | None = None, *, profile: bytes = b"", end: bytes = b"\xff\xd9") -> bytes:
    """One that nobody can look at, but with what is round the pixels, a small picture in its EXIF, too."""
    small = b"\xff\xd8" + segment(0xDB, bytes(65)) + b"\xff\xd9"
    told = b"" if orientation is None else segment(0xE1, b"Exif\0\0" + exif(orientation) + small)
    colours = segment(0xE2, b"ICC_PROFILE\0\1\1" + profile) if profile else b""
    scan = segment(0xDA, bytes(10)) + b"data\xff\0with\xff\xd0restarts\xff\xd9"[:-2]
    tables = segment(0xC4, b"\xff\xd9 in a table between two scans")
    jfif = segment(0xE0, b"JFIF\0" + bytes(9))
    return b"\xff\xd8" + jfif + told + colours + segment(0xDB, bytes(65)) + scan + tables + scan + end


def webp(orientation: int | None = None) -> bytes:
    chunks = b"VP8 " + struct.pack("<I", 3) + b"abc\0"
    if orientation is not None:
        told = exif(orientation, "<")
        chunks += b"EXIF" + struct.pack("<I", len(told)) + told
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def png_of(orientation: int) -> bytes:
    told = exif(orientation)
    chunk = struct.pack(">I", len(told)) + b"eXIf" + told + struct.pack(">I", zlib.crc32(b"eXIf" + told))
    return png()[:-12] + chunk + png()[-12:]


def tiff(orientation: int = 1, *, order: str = "<") -> bytes:
    """Its one strip of 12 bytes after its directory."""
    entries = ((273, 4, 1, 50), (274, 3, 1, orientation), (279, 4, 1, 12))
    packed = b""
    for tag, kind, count, value in entries:
        shape = "HHIHH" if kind == 3 else "HHII"
        packed += struct.pack(f"{order}{shape}", tag, kind, count, value, *([0] if kind == 3 else []))
    mark = b"II" if order == "<" else b"MM"
    return mark + struct.pack(f"{order}HIH", 42, 8, 3) + packed + bytes(4) + b"twelve bytes"


@pytest.mark.parametrize(
    ("brand", "mime"),
    [
        *((brand, "image/heic") for brand in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx")),
        *((brand, "image/heic") for brand in (b"mif1", b"msf1", b"miaf")),
        *((brand, "image/avif") for brand in (b"avif", b"avis")),
        *((brand, "video/mp4") for brand in (b"isom", b"mp42", b"M4V ")),
        (b"qt  ", "video/quicktime"),
    ],
)
def test_pictures_of_every_brand_are_told_from_videos(tmp_path: Path, brand: bytes, mime: str) -> None:
    path = tmp_path / "a.heic"
    path.write_bytes(boxed(brand, b"mif1"))
    assert content_type(path) == mime
    assert not is_cut_short(path)


def test_a_general_brand_says_by_the_others_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(boxed(b"mif1", b"miaf", b"avif"))
    assert content_type(path) == "image/avif"


def gif() -> bytes:
    """A moving one of two pictures, of which the second has its own colours."""
    size = struct.pack("<HH", 2, 2)
    comment = b"\x21\xfe\x05hello\x03you\0"
    picture = b"\x2c" + bytes(4) + size
    content = b"\x02\x02\x4c\x01\0"
    colours = bytes(range(24))
    first = picture + b"\0" + content
    second = picture + b"\x82" + colours + content
    return b"GIF89a" + size + b"\x80\0\0" + colours[:6] + comment + first + second + b";"


def exr(kind: str = "scanlineimage", parts: int = 1) -> bytes:
    """Each part is two chunks of eight bytes; what is said of channels is left out."""
    is_deep, has_tiles = "deep" in kind, "tile" in kind
    flags = 0x200 * (kind == "tiledimage") + 0x800 * is_deep + 0x1000 * (parts > 1)
    head = b"v/1\x01" + struct.pack("<I", 2 | flags)
    named = b"type\0string\0" + struct.pack("<I", len(kind)) + kind.encode()
    window = b"dataWindow\0box2i\0" + struct.pack("<I4i", 16, 0, 0, 1, 1)
    for _ in range(parts):
        head += (named if is_deep or parts > 1 else b"") + window + b"\0"
    head += b"\0" * (parts > 1)
    chunks: list[bytes] = []
    for number in range(2 * parts):
        place = struct.pack("<4i", number, 0, 0, 0) if has_tiles else struct.pack("<i", number)
        sizes = struct.pack("<3Q", 3, 5, 99) if is_deep else struct.pack("<I", 8)
        chunks.append((struct.pack("<i", number // 2) if parts > 1 else b"") + place + sizes + b"contents")
    start = len(head) + 8 * len(chunks)
    starts = [start + number * len(chunks[0]) for number in range(len(chunks))]
    starts.reverse()  # lines may be written from the bottom up
    return head + struct.pack(f"<{len(starts)}Q", *starts) + b"".join(chunks)


EXRS = [
    *(exr(kind) for kind in ("scanlineimage", "tiledimage", "deepscanline", "deeptile")),
    exr("tiledimage", parts=3),
]
RADIANCE = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 2 +X 9\n"
RADIANCES = [  # packed; as they are; where a pixel of three ones says how often the last comes again
    RADIANCE + 2 * (b"\2\2\0\x09" + 4 * b"\x86A\3abc"),
    RADIANCE + bytes(range(9, 81)),
    RADIANCE + b"abcd" + b"\1\1\1\x08" + b"efgh\1\1\1\x04\1\1\1\0" + b"ijkl" * 4,
    RADIANCE.replace(b"X 9", b"X 258") + 2 * (b"abcd\1\1\1\1" + b"\1\1\1\1"),
]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_says_which_way_up_it_is(tmp_path: Path, orientation: int) -> None:
    for number, content in enumerate(
        [
            *(jpeg(orientation), webp(orientation), png_of(orientation)),
            *(tiff(orientation), tiff(orientation, order=">")),
        ]
    ):
        path = tmp_path / str(number)
        path.write_bytes(content)
        assert orientation_of(path) == orientation
        assert not is_cut_short(path)


@pytest.mark.parametrize(
    "content", [jpeg(), webp(), png(), jpeg(0), jpeg(9), b"", b"text", b"\xff\xd8\xff\xe1\0\x10Exif\0\0MM\0*"]
)
def test_a_picture_that_does_not_say_is_upright(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    assert orientation_of(path) == 1


@pytest.mark.parametrize(
    "content",
    [jpeg(6), webp(6), png_of(6), tiff(6), gif(), boxed(b"heic"), boxed(b"avis"), *EXRS, *RADIANCES],
)
def test_a_picture_that_is_cut_short_shows_it_wherever_it_is_cut(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a"
    has_mark = content.startswith((b"GIF", b"v/1\x01", b"#?R"))
    start = 12 if has_mark else 52  # from a TIFF's directory and a HEIF's first box on
    for length in range(start, len(content)):
        path.write_bytes(content[:length])
        assert is_cut_short(path), length
    for more in (b"", b"\0", b"a film that a telephone hangs on"):
        if content[4:8] != b"ftyp":
            path.write_bytes(content + more)
            assert not is_cut_short(path)


@given(
    st.binary(max_size=200),
    st.sampled_from([jpeg(6), webp(6), png_of(6), tiff(6), gif(), boxed(b"heic"), *EXRS, *RADIANCES]),
)
def test_no_bytes_confuse_what_looks_at_them(
    tmp_path_factory: pytest.TempPathFactory, junk: bytes, good: bytes
) -> None:
    path = tmp_path_factory.mktemp("junk") / "a"
    for content in (junk, good[:8] + junk, good[:40] + junk + good[40:]):
        path.write_bytes(content)
        assert 1 <= orientation_of(path) <= 8
        assert is_cut_short(path) in (True, False)
        assert isinstance(content_type(path), str | None)


def test_an_exr_whose_writer_stopped_is_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "a.exr"
    content = exr()
    start = content.index(b"dataWindow") + 10 + 7 + 4 + 16 + 1
    path.write_bytes(content[:start] + bytes(16) + content[start + 16 :])
    assert is_cut_short(path)


@pytest.mark.parametrize("size", [b"-Y 999999999 +X 0", b"-Y 999999999 +X 999999999", b"+Y 0 +X 5", b"+Y 1"])
def test_a_radiance_picture_is_looked_at_no_longer_than_it_is(tmp_path: Path, size: bytes) -> None:
    path = tmp_path / "a.hdr"
    path.write_bytes(RADIANCE.replace(b"-Y 2 +X 9", size) + b"\1\1\1\0" * 99)
    assert is_cut_short(path) == (size.endswith(b"9"))


def test_a_picture_that_is_turned_keeps_its_colours(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(6, profile=b"Display P3"))
    profile = colour_profile(path)
    assert b"Display P3" in profile
    path.write_bytes(with_profile(jpeg(), profile))
    assert colour_profile(path) == profile
    assert path.read_bytes()[2:4] == b"\xff\xe0"
    assert not is_cut_short(path)
    path.write_bytes(png())
    assert colour_profile(path) == b""
