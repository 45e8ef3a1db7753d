# SPDX-License-Identifier: GPL-3.0-or-later
"""Shapes as a field on a grid, above 0 inside, and the closed surface of such a field.

Plain numpy. Fields are arrays of (x, y, z) with a border of outside; points come out in cells.
"""

import numpy as np
from numpy.typing import NDArray

from .cutout import Array, blur

CELLS = (100, 220)  # along the longest side of a grid, from few faces to many
AZIMUTHS = {"front": 0, "left": 90, "back": 180, "right": 270}  # of the camera, from -Y towards +X, degrees
ROUNDNESS = 2.0  # makes a long strip as deep as it is wide
DEEPEST = 0.26  # of the longest side: a wide subject is flattened to this half depth


def resize(image: Array, height: int, width: int) -> Array:
    """Return the image resampled: averaged when it shrinks, interpolated otherwise."""
    shrink = max(image.shape[0] / height, image.shape[1] / width)
    if shrink > 1.5:
        image = blur(image, round(shrink / 2), 1)
    for axis, size in ((0, height), (1, width)):
        at = np.clip((np.arange(size) + 0.5) * image.shape[axis] / size - 0.5, 0, image.shape[axis] - 1)
        low = at.astype(int)
        high = np.minimum(low + 1, image.shape[axis] - 1)
        part = (
            (at - low)
            .astype(np.float32)
            .reshape((-1, 1, 1)[: image.ndim] if axis == 0 else (-1, 1)[: image.ndim - 1])
        )
        image = np.take(image, low, axis) * (1 - part) + np.take(image, high, axis) * part
    return image


def _swell(free: NDArray[np.bool_], fixed: Array) -> Array:
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


def cells_for(faces: int, filled: float) -> int:
    """Return how fine a grid gives more faces than asked for; `filled`: the shape's share of its square."""
    return int(np.clip(np.sqrt(faces / (2 * max(filled, 0.05))), *CELLS))


def inflate(cover: Array, faces: int) -> Array:
    """Return the field of a silhouette blown up like a cushion, from its cover 0..1 by rows from the top.

    A disc comes out as a lens, a stick round; it is symmetrical front to back.
    """
    longest = cells_for(faces, float(cover.sum()) / max(cover.shape) ** 2)
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
    """Return the field of the largest body that has these outlines, each cut to its bounds.

    Views by name: front, left, back, right (of the thing itself), top, bottom; others are ignored.
    """

    def aspect(*names: str) -> float | None:
        found = [covers[n].shape[1] / covers[n].shape[0] for n in names if n in covers]
        return sum(found) / len(found) if found else None

    wide = aspect("front", "back") or 1.0
    across = aspect("top", "bottom")
    deep = aspect("left", "right") or (wide / across if across else wide)
    cells = cells_for(faces, 1.5)  # two faces and the sides of a box
    size = [max(8, round(cells * length / max(wide, deep, 1.0))) for length in (wide, deep, 1.0)]
    field = np.ones(size, np.float32)
    for name, cover in covers.items():
        if name in ("front", "back"):
            cut = resize(cover, size[2], size[0])[::-1].T[:, None, :]
            cut = cut if name == "front" else cut[::-1]
        elif name in ("left", "right"):
            cut = resize(cover, size[2], size[1])[::-1].T[None, :, :]
            cut = cut if name == "left" else cut[:, ::-1]
        elif name in ("top", "bottom"):
            cut = resize(cover, size[1], size[0])
            cut = (cut[::-1] if name == "top" else cut).T[:, :, None]
        else:
            continue
        field = np.minimum(field, cut - 0.5)
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
            a, b, c, d = view[:-1, :-1], view[1:, :-1], view[:-1, 1:], view[1:, 1:]
            crossed = ((a > 0) == (d > 0)) & ((b > 0) == (c > 0)) & ((a > 0) != (b > 0))
            if crossed.any():
                found = True
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
    for i in range(8):
        for j in (i | 1, i | 2, i | 4):
            if i != j:
                crosses = ((values[:, i] > 0) != (values[:, j] > 0))[:, None]
                share = (values[:, i] / np.where(crosses[:, 0], values[:, i] - values[:, j], 1))[:, None]
                total += crosses * (corners[i] + share * (corners[j] - corners[i]))
                crossings += crosses
    number = np.full(shape, -1, np.int32)
    number[at] = np.arange(len(cells))
    return (cells + total / crossings).astype(np.float32), _quads(field, number)


def _quads(field: Array, number: NDArray[np.int32]) -> NDArray[np.int32]:
    faces = []
    for axis in range(3):
        side, other = (axis + 1) % 3, (axis + 2) % 3
        low, high = (np.take(field, range(n, field.shape[axis] - 1 + n), axis) > 0 for n in (0, 1))
        for leaves in (True, False):
            start = np.argwhere((low & ~high) if leaves else (~low & high))
            ring = []
            for back_side, back_other in ((1, 1), (0, 1), (0, 0), (1, 0)):
                cell = start.copy()
                cell[:, side] -= back_side
                cell[:, other] -= back_other
                ring.append(number[tuple(cell.T)])
            faces.append(np.stack(ring if leaves else ring[::-1], 1))
    return np.concatenate(faces)


def smooth(points: Array, quads: NDArray[np.int32], rounds: int) -> Array:
    """Return the points, each moved halfway to the mean of its neighbours, `rounds` times."""
    a, b = quads.ravel(), np.roll(quads, -1, 1).ravel()
    degree = np.bincount(a, minlength=len(points))[:, None]
    for _ in range(rounds):  # each edge is walked once in each direction, so one direction is enough
        mean = np.stack([np.bincount(a, points[b, i], len(points)) for i in range(3)], 1) / degree
        points = (points + mean) / 2
    return points.astype(np.float32)
