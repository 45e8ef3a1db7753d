# SPDX-License-Identifier: GPL-3.0-or-later
"""What a file is, by its first bytes; by its name only where the format has no signature."""

from pathlib import Path

_SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"II*\0": "image/tiff",
    b"MM\0*": "image/tiff",
    b"\x76\x2f\x31\x01": "image/x-exr",
    b"#?R": "image/vnd.radiance",
    b"glTF": "model/gltf-binary",
    b"Kaydara FBX Binary  \0": "application/vnd.autodesk.fbx",
    b"ply": "model/ply",
    b"\x1aE\xdf\xa3": "video/webm",
}
# Brands of ISO/IEC 23008-12 (HEIF) and of AVIF's specification: single pictures and sequences of them. The
# general ones come last: a file of theirs may name a special one among those that it is compatible with.
_BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), "image/avif"),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), "image/heic"),
    **dict.fromkeys((b"mif1", b"mif2", b"msf1", b"miaf"), "image/heic"),
}
_TEXTS = {
    ".gltf": "model/gltf+json",
    ".obj": "model/obj",
    ".fbx": "application/vnd.autodesk.fbx",
    ".dae": "model/vnd.collada+xml",
    ".stl": "model/stl",
    ".svg": "image/svg+xml",
}
_BINARIES = {".stl": "model/stl", ".usdz": "model/vnd.usdz+zip", ".spz": "model/spz", ".bmp": "image/bmp"}


def content_type(path: Path) -> str | None:
    """The MIME type of the file at `path`, or None if the service takes no such thing. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(4096)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp":
        return _boxed(head)
    by_name = _BINARIES if b"\0" in head else _TEXTS  # a text holds no zero byte
    by_signature = (mime for start, mime in _SIGNATURES.items() if head.startswith(start))
    return next(by_signature, by_name.get(path.suffix.lower()))


def _boxed(head: bytes) -> str:
    """By the brand of a file in boxes (ISO/IEC 14496-12), or, of a picture, by those that it goes with."""
    major = head[8:12]
    if major == b"qt  ":
        return "video/quicktime"
    if major not in _BRANDS:
        return "video/mp4"
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {major, *(head[at : at + 4] for at in range(16, end, 4))}
    is_general = major in (b"mif1", b"mif2", b"msf1", b"miaf")
    return next(mime for brand, mime in _BRANDS.items() if brand in brands) if is_general else _BRANDS[major]
