# SPDX-License-Identifier: GPL-3.0-or-later
"""GLB files, sound and unsound ones, made without a library."""

import json
import struct
from collections.abc import Mapping
from itertools import accumulate


def glb(document: object, binary: bytes = b"") -> bytes:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    body = struct.pack("<I4s", len(text), b"JSON") + text
    if binary:
        body += struct.pack("<I4s", len(binary), b"BIN\0") + binary
    return struct.pack("<4sII", b"glTF", 2, 12 + len(body)) + body


def glb_of(document: Mapping[str, object], *blobs: bytes) -> bytes:
    """With a buffer that has a view of each blob."""
    whole = [blob + b"\0" * (-len(blob) % 4) for blob in blobs]
    ends = [*accumulate(map(len, whole))]
    views = [
        {"buffer": 0, "byteOffset": end - len(blob), "byteLength": len(blob)}
        for end, blob in zip(ends, whole, strict=True)
    ]
    return glb({**document, "bufferViews": views, "buffers": [{"byteLength": ends[-1]}]}, b"".join(whole))
