# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures as arrays: which texels a UV map covers, what a picture has at a place, what is filled in.

A picture is (height, width, channels), its first row at the bottom, as in Blender; a texel is a number in it.
"""

from dataclasses import dataclass

import numpy as np

_AT_ONCE = 4_000_000  # texels that are looked at in one go


@dataclass
class Texels:
    """Of each texel that a UV map covers: its number, the triangle there, and weights of its corners."""

    number: np.ndarray
    triangle: np.ndarray
    weights: np.ndarray
    overlap: float  # share of them that more than one triangle covers


def texels_of(uv: np.ndarray, size: int) -> Texels:
    """The texels of a square picture under triangles (n, 3, 2), in these' order; of several the first counts.

    What lies outside of the picture is wrapped, as textures repeat.
    """
    centres = uv.mean(axis=1, keepdims=True)
    places = ((uv - np.floor(centres)) * size).astype(np.float64)
    low = np.ceil(places.min(axis=1) - 0.5).astype(np.int64)
    high = np.floor(places.max(axis=1) - 0.5).astype(np.int64)
    spans = np.maximum(high - low + 1, 0)
    spans[(spans > 4 * size).any(axis=1)] = 0  # absurd: a picture for each would be needed
    counts = spans[:, 0] * spans[:, 1]
    ends = np.cumsum(counts)
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    start = 0
    while start < len(uv):
        done = ends[start - 1] if start else 0
        end = max(start + 1, int(np.searchsorted(ends, done + _AT_ONCE, "right")))
        found.append(_covered(places, low, spans, np.arange(start, end), size))
        start = end
    number, triangle, weights = (np.concatenate([part[place] for part in found]) for place in range(3))
    _, first = np.unique(number, return_index=True)
    overlap = 1.0 - len(first) / len(number) if len(number) else 0.0
    first.sort()
    return Texels(number[first], triangle[first], weights[first].astype(np.float32), overlap)


def _covered(
    places: np.ndarray, low: np.ndarray, spans: np.ndarray, chosen: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    counts = spans[chosen, 0] * spans[chosen, 1]
    triangle = np.repeat(chosen, counts)
    step = np.arange(len(triangle)) - np.repeat(np.cumsum(counts) - counts, counts)
    width = spans[triangle, 0]
    x = low[triangle, 0] + step % np.maximum(width, 1)
    y = low[triangle, 1] + step // np.maximum(width, 1)
    a, b, c = (places[:, corner] for corner in range(3))
    area = _cross(b - a, c - a)
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = np.where(area == 0, 0.0, 1.0 / area)
    point = np.stack([x + 0.5, y + 0.5], axis=1)
    from_a = point - a[triangle]
    second = _cross(from_a, (c - a)[triangle]) * inverse[triangle]
    third = _cross((b - a)[triangle], from_a) * inverse[triangle]
    first = 1.0 - second - third
    is_in = (first >= 0) & (second >= 0) & (third >= 0) & (area[triangle] != 0)
    weights = np.stack([first, second, third], axis=1)[is_in]
    return (y[is_in] % size) * size + x[is_in] % size, triangle[is_in], weights


def _cross(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0]


def sampled(picture: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """What the picture (of bytes) has at each place (n, 2), between texels in proportion; as 0 to 1."""
    height, width = picture.shape[:2]
    x, y = uv[:, 0] * width - 0.5, uv[:, 1] * height - 0.5
    left, low = np.floor(x), np.floor(y)
    across, up = (x - left)[:, None].astype(np.float32), (y - low)[:, None].astype(np.float32)
    left, low = left.astype(np.int64), low.astype(np.int64)
    columns = left % width, (left + 1) % width
    rows = low % height, (low + 1) % height
    lower, upper = (
        picture[row, columns[0]] * (1 - across) + picture[row, columns[1]] * across for row in rows
    )
    return (lower * (1 - up) + upper * up) / np.float32(255)


def filled(picture: np.ndarray, is_known: np.ndarray) -> np.ndarray:
    """The picture with what is not known taken from its surroundings, near ones first, however far."""
    weights = is_known.astype(np.float32)
    return _filled(picture * weights[..., None], weights)


def _filled(sums: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sums divided by weights; where nothing is known, what a coarser look at the picture knows."""
    mean = sums / np.maximum(weights, 1e-6)[..., None]
    height, width = weights.shape
    if weights.min() > 0 or min(height, width) < 2:
        return mean
    even = [(0, height % 2), (0, width % 2)]
    wide, heavy = np.pad(sums, [*even, (0, 0)]), np.pad(weights, even)
    coarse_sums, coarse = (
        part[::2, ::2] + part[1::2, ::2] + part[::2, 1::2] + part[1::2, 1::2] for part in (wide, heavy)
    )
    rest = _filled(coarse_sums, coarse)
    larger = rest.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
    return np.where((weights > 0)[..., None], mean, larger)
