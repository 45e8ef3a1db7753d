# SPDX-License-Identifier: GPL-3.0-or-later
"""What a file is, by its first bytes; by its name only where the format has no mark of its own."""

from pathlib import Path

_MARKS = {
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
_BRANDS = {b"avif": "image/avif", b"heic": "image/heic", b"mif1": "image/heic", b"qt  ": "video/quicktime"}
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
        return _BRANDS.get(head[8:12], "video/mp4")
    by_name = _BINARIES if b"\0" in head else _TEXTS  # a text holds no zero byte
    marked = (mime for mark, mime in _MARKS.items() if head.startswith(mark))
    return next(marked, by_name.get(path.suffix.lower()))
