# SPDX-License-Identifier: GPL-3.0-or-later
"""What a file is, by its first bytes; by its name only where the format has no mark of its own."""

from pathlib import Path

HEAD_BYTES = 4096
_MARKS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"\x76\x2f\x31\x01", "image/x-exr"),
    (b"#?RADIANCE", "image/vnd.radiance"),
    (b"#?RGBE", "image/vnd.radiance"),
    (b"glTF", "model/gltf-binary"),
    (b"Kaydara FBX Binary  \0", "application/vnd.autodesk.fbx"),
    (b"ply\n", "model/ply"),
    (b"ply\r\n", "model/ply"),
    (b"VOX ", "model/x-3d-vox"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"\x1aE\xdf\xa3", "video/webm"),
)
_BRANDS = {b"avif": "image/avif", b"avis": "image/avif", b"heic": "image/heic", b"heix": "image/heic",
           b"mif1": "image/heic", b"qt  ": "video/quicktime", b"M4A ": "audio/m4a"}  # fmt: skip
_SUFFIXES = {
    ".gltf": "model/gltf+json",
    ".obj": "model/obj",
    ".mtl": "model/mtl",
    ".stl": "model/stl",
    ".fbx": "application/vnd.autodesk.fbx",
    ".usdz": "model/vnd.usdz+zip",
    ".dae": "model/vnd.collada+xml",
    ".splat": "model/splat",
    ".spz": "model/spz",
    ".svg": "image/svg+xml",
    ".mp3": "audio/mpeg",
    ".txt": "text/plain",
    ".json": "application/json",
}
_BINARY = {
    "model/stl",
    "model/splat",
    "model/spz",
    "model/vnd.usdz+zip",
    "audio/mpeg",
    "application/vnd.autodesk.fbx",
}


def content_type(path: Path) -> str | None:
    """The MIME type of the file at `path`, or None if the service takes no such thing. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    for mark, mime in _MARKS:
        if head.startswith(mark):
            return mime
    if head[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    if head[:2] == b"BM" and path.suffix.lower() in (".bmp", ".dib"):
        return "image/bmp"
    mime = _SUFFIXES.get(path.suffix.lower())
    # Text formats hold no zero byte: one that does bears another format's name.
    return None if mime is None or (b"\0" in head and mime not in _BINARY) else mime
