# SPDX-License-Identifier: GPL-3.0-or-later
"""PNG files, sound and unsound ones, made without a library."""

import struct
import zlib

RED = (255, 32, 32)


def png(
    width: int = 4, height: int | None = None, color: tuple[int, ...] = RED, comment: bytes = b""
) -> bytes:
    """A picture of one colour; square, if no height is given."""
    height = height or width
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress((b"\0" + bytes(color) * width) * height)
    said = [(b"tEXt", b"Comment\0" + comment)] if comment else []
    return png_of((b"IHDR", header), *said, (b"IDAT", pixels))


def png_of(*chunks: tuple[bytes, bytes]) -> bytes:
    """A file of these chunks and an end, whatever they hold."""
    data = b"\x89PNG\r\n\x1a\n"
    for kind, body in (*chunks, (b"IEND", b"")):
        data += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return data
