# SPDX-License-Identifier: GPL-3.0-or-later
"""A checker as the texture of a mesh: in space, so that it shows where each place of the mesh has gone.

On a UV map that is kept it lies in the map instead, as a test grid does.
"""

import math

import bpy
import numpy as np

from . import lettering, meshes
from .cutout import Array

CELLS = 8  # along the longest side, or along a side of the map
MAP_PIXELS = 1024
LARGEST_CELL, SMALLEST_CELL = 24, 6  # pixels for a triangle


def shades(prompt: str) -> Array:
    """A light and a dark one of the colour that the prompt names."""
    colour = lettering.texture(prompt).mean(axis=(0, 1))
    return np.stack([colour * 1.35, colour * 0.65]).clip(0, 1)


def in_map(thing: bpy.types.Object, prompt: str) -> None:
    """Paint on the UV map that the mesh has."""
    cells = np.arange(MAP_PIXELS) * 2 * CELLS // MAP_PIXELS
    meshes.dress(thing, shades(prompt)[(cells[:, None] + cells) % 2])


def in_space(thing: bpy.types.Object, prompt: str) -> None:
    """Paint on a map of its own, in which each triangle has a corner of a square."""
    meshes.modified(thing, "TRIANGULATE")
    points, corners = meshes.arrays(thing)
    low, longest = points.min(0), max(float(np.ptp(points, axis=0).max()), 1e-9)
    count = max(1, len(corners))
    across = math.ceil(math.sqrt(count))
    cell = max(SMALLEST_CELL, min(LARGEST_CELL, 2048 // across))
    size = across * cell
    y, x = np.mgrid[0:size, 0:size]
    triangle = np.minimum(y // cell * across + x // cell, count - 1)
    right, up = (((place % cell) - 1.0) / (cell - 3) for place in (x, y))  # a margin of one and a half
    a, b, c = (points[corners[:, corner]] for corner in range(3))
    place = a[triangle] + right[..., None] * (b - a)[triangle] + up[..., None] * (c - a)[triangle]
    cells = np.floor((place - low) / longest * CELLS - 1e-4).astype(int).sum(-1)
    meshes.dress(thing, shades(prompt)[cells % 2][::-1])
    number = np.arange(count)
    foot = np.stack([number % across, number // across], -1)[:, None] * cell
    inner = np.array([(1.5, 1.5), (cell - 1.5, 1.5), (1.5, cell - 1.5)])
    meshes.lay_out(thing, (foot + inner) / size)
