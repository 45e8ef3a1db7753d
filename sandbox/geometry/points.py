# SPDX-License-Identifier: GPL-3.0-or-later
"""Results that Blender can't read: small valid files of an object's points as splats or voxels."""

import gzip
import struct
from pathlib import Path

import bpy
import numpy as np

from . import meshes


def splat(thing: bpy.types.Object, path: Path) -> None:
    """Write the object as grey Gaussian splats in the spz format, version 2."""
    place = meshes.arrays(thing)[0][:, [0, 2, 1]] * (1, 1, -1)  # to Y up
    count = len(place)
    fixed = np.ascontiguousarray(np.round(place * 4096), "<i4").view("u1").reshape(-1, 3, 4)[:, :, :3]
    header = struct.pack("<IIIBBBB", 0x5053474E, 2, count, 0, 12, 0, 0)
    opacity, colour, size, turn = b"\xf3", b"\x80" * 3, b"\x4e" * 3, b"\x80" * 3
    body = fixed.tobytes() + b"".join(part * count for part in (opacity, colour, size, turn))
    path.write_bytes(gzip.compress(header + body))


def voxels(thing: bpy.types.Object, path: Path, grid: list[int]) -> None:
    """Write the object's points in MagicaVoxel's format, on a grid of (width, depth, height)."""
    place, _ = meshes.arrays(thing)
    place = place - place.min(0)
    scale = np.min((np.array(grid) - 1) / np.maximum(place.max(0), 1e-6))
    cells = np.unique(np.round(place * scale).astype("u1"), axis=0)
    cells = np.insert(cells, 3, 1, axis=1)  # the colour's number in the usual palette

    def chunk(name: bytes, content: bytes, children: bytes = b"") -> bytes:
        return name + struct.pack("<II", len(content), len(children)) + content + children

    parts = chunk(b"SIZE", struct.pack("<III", *grid))
    parts += chunk(b"XYZI", struct.pack("<I", len(cells)) + cells.tobytes())
    path.write_bytes(b"VOX " + struct.pack("<I", 150) + chunk(b"MAIN", b"", parts))
