# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a picture's file can be read at all. A PNG's own checksums tell, and what it unpacks to."""

import struct
import zlib
from pathlib import Path

from .content import content_type
from .pictures import is_cut_short

_PIECE = 1 << 20
_LAYERS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # values a pixel, by PNG's type of colour


def problem_of_picture(path: Path) -> str:
    """What is wrong with the file, as the rest of a sentence that begins with its name; "" if nothing is.

    A file that is not there is not judged: Blender may still hold its pixels.
    """
    try:
        if not (content_type(path) or "").startswith("image/"):
            return "is no picture"
        return damage_of_picture(path)
    except OSError:
        return ""


def damage_of_picture(path: Path) -> str:
    """The same for a file of any type: what is no picture has no damage. Raises OSError."""
    if is_cut_short(path):
        return "is cut short: its end is missing"
    is_damaged = content_type(path) == "image/png" and _is_png_damaged(path)
    return "is damaged: its pixels cannot be read" if is_damaged else ""


def _is_png_damaged(path: Path) -> bool:
    """By ISO/IEC 15948: the checksum of each chunk that is needed, and the length of what is packed."""
    unpacked = zlib.decompressobj()
    size = 0
    head = b""
    with path.open("rb") as file:
        file.seek(8)
        while len(start := file.read(8)) == 8:
            length, name = struct.unpack(">I4s", start)
            checksum = zlib.crc32(name)
            left = length
            while left > 0 and (piece := file.read(min(left, _PIECE))):
                checksum = zlib.crc32(piece, checksum)
                left -= len(piece)
                if name == b"IHDR":
                    head += piece
                while name == b"IDAT" and piece:
                    try:
                        size += len(unpacked.decompress(piece, _PIECE))
                    except zlib.error:
                        return True
                    piece = unpacked.unconsumed_tail
            is_needed = name[:1].isupper()
            if is_needed and file.read(4) != struct.pack(">I", checksum):
                return True
            if not is_needed:
                file.seek(4, 1)
            if name == b"IEND":
                break
    return size < _least_bytes(head)


def _least_bytes(head: bytes) -> int:
    """How many bytes the pixels take at least; an interlaced picture takes some more."""
    if len(head) < 13:
        return 1
    width, height, depth, kind = struct.unpack(">IIBB", head[:10])
    return height * (width * depth * _LAYERS.get(kind, 1) // 8)
