# SPDX-License-Identifier: GPL-3.0-or-later
"""Shapes as a field on a grid, above 0 inside, and the closed surface of such a field.

Plain numpy. Fields are arrays of (x, y, z) with a border of outside; points come out in cells.
"""

import numpy as np
from numpy.typing import NDArray

from .cutout import Array, Mask, blur, resize

CELLS = (100, 220)  # along the longest side of a grid, from few faces to many
SIDES = ("front", "left", "back", "right")  # of the thing itself; each a quarter turn after the one before
ROUNDNESS = 2.0  # makes a long strip as deep as it is wide
DEEPEST = 0.26  # of the longest side: a wide subject is flattened to this half depth


def _swell(free: Mask, fixed: Array) -> Array:
    """Solve Poisson's equation over `free`, with `fixed` elsewhere: a soap film under pressure."""
    swollen = np.zeros_like(fixed)
    if min(free.shape) > 12:
        height, width = (n // 2 * 2 for n in free.shape)
        coarse = _swell(free[:height:2, :width:2], np.zeros((height // 2, width // 2), np.float32))
        swollen[:height, :width] = 4 * coarse.repeat(2, 0).repeat(2, 1)
    for _ in range(60):
        wide = np.pad(np.where(free, swollen, fixed), 1)
        swollen = (wide[2:, 1:-1] + wide[:-2, 1:-1] + wide[1:-1, 2:] + wide[1:-1, :-2] + 1) / 4
    return np.where(free, swollen, fixed)


def _cells_for(faces: int, filled: float) -> int:
    """Return how fine a grid gives more faces than asked for; `filled`: the shape's share of its square."""
    return int(np.clip(np.sqrt(faces / (2 * max(filled, 0.05))), *CELLS))


def inflate(cover: Array, faces: int) -> Array:
    """Return the field of a silhouette blown up like a cushion, from its cover 0..1 by rows from the top.

    A disc comes out as a lens, a stick round; it is symmetrical front to back.
    """
    longest = _cells_for(faces, float(cover.sum()) / max(cover.shape) ** 2)
    scale = longest / max(cover.shape)
    plan = resize(cover, *(max(8, round(n * scale)) for n in cover.shape))[::-1].T
    plan = np.pad(plan, 3)
    free = blur((plan > 0.5).astype(np.float32), 1, 1) > 0.999
    swollen = _swell(free, (plan - 0.5).astype(np.float32))
    deepest = DEEPEST * longest
    half = deepest * np.tanh(np.sqrt(np.maximum(swollen, 0) * ROUNDNESS) / deepest)
    square = np.where(swollen > 0, half**2, 2 * swollen)[:, None, :]
    reach = int(np.ceil(half.max())) + 3
    y = np.abs(np.arange(-reach, reach + 1, dtype=np.float32))[None, :, None]
    return ((square - y**2) / (half[:, None, :] + y + 1)).astype(np.float32)


def carve(covers: dict[str, Array], faces: int) -> Array:
    """Return the field of the largest body that has these outlines (by side), each cut to its bounds."""
    aspects = {name: cover.shape[1] / cover.shape[0] for name, cover in covers.items()}
    wide, deep = (
        float(np.mean([aspects[name] for name in pair if name in aspects] or [1.0]))
        for pair in (SIDES[::2], SIDES[1::2])
    )
    cells = _cells_for(faces, 1.5)  # two faces and the sides of a box
    field = np.ones([max(8, round(cells * n / max(wide, deep, 1.0))) for n in (wide, deep, 1.0)], np.float32)
    for turns, name in enumerate(SIDES):
        if name in covers:
            field = np.rot90(field, -turns)  # this side to the front
            cut = resize(covers[name], field.shape[2], field.shape[0])[::-1].T[:, None, :]
            field = np.rot90(np.minimum(field, cut - 0.5), turns)
    field = np.pad(field, 3, constant_values=-0.5)
    for axis in range(3):
        field = (np.roll(field, 1, axis) + 2 * field + np.roll(field, -1, axis)) / 4
    return field


def _without_doubt(field: Array) -> Array:
    """Fill where insides meet at an edge only, so that every edge of the surface has two faces."""
    field = field.copy()
    found = True
    while found:
        found = False
        for axis in range(3):
            view = np.moveaxis(field, axis, 2)
            a = view[:-1, :-1]
            b = view[1:, :-1]
            c = view[:-1, 1:]
            d = view[1:, 1:]
            crossed = ((a > 0) == (d > 0)) & ((b > 0) == (c > 0)) & ((a > 0) != (b > 0))
            found |= bool(crossed.any())
            for part in (a, b, c, d):
                part[crossed & (part <= 0)] = 1e-3
    return field


def surface(field: Array) -> tuple[Array, NDArray[np.int32]]:
    """Return points (n, 3) in cells and quads (m, 4), normals outwards: the field's zero surface.

    Surface nets: one point in each cell that the surface crosses. Closed: every edge has exactly two faces.
    """
    field = _without_doubt(field)
    corners = np.array([(i >> 2 & 1, i >> 1 & 1, i & 1) for i in range(8)])
    shape = [n - 1 for n in field.shape]
    block = [field[x : x + shape[0], y : y + shape[1], z : z + shape[2]] for x, y, z in corners]
    count = np.sum([part > 0 for part in block], 0)
    cells = np.argwhere((count > 0) & (count < 8))
    at = tuple(cells.T)
    values = np.stack([part[at] for part in block], 1)
    total, crossings = np.zeros((len(cells), 3)), np.zeros((len(cells), 1))
    for i, j in ((i, i | bit) for i in range(8) for bit in (1, 2, 4) if not i & bit):
        crosses = ((values[:, i] > 0) != (values[:, j] > 0))[:, None]
        share = (values[:, i] / np.where(crosses[:, 0], values[:, i] - values[:, j], 1))[:, None]
        total += crosses * (corners[i] + share * (corners[j] - corners[i]))
        crossings += crosses
    number = np.full(shape, -1, np.int32)
    number[at] = np.arange(len(cells))
    faces = []
    for axis in range(3):
        side, other = np.roll(np.eye(3, dtype=int), -axis - 1, 0)[:2]  # a step along each of the other axes
        low, high = (np.take(field, range(n, field.shape[axis] - 1 + n), axis) > 0 for n in (0, 1))
        for leaves in (True, False):
            start = np.argwhere((low & ~high) if leaves else (~low & high))
            ring = [number[tuple((start - back).T)] for back in (side + other, other, 0, side)]
            faces.append(np.stack(ring if leaves else ring[::-1], 1))
    return (cells + total / crossings).astype(np.float32), np.concatenate(faces)
