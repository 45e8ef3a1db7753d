# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the subject of a picture: by its transparency, else by a plain background, else by its colours.

Plain numpy. It never gives up: a picture without a subject to speak of yields its middle.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
Mask = NDArray[np.bool_]
# sRGB in 0..1 to something like CIE L*a*b*, in which equal distances look alike.
TO_LAB = np.array([[21.0, 85.0, 25.0], [72.0, -125.0, 80.0], [7.0, 40.0, -105.0]], np.float32)


def blur(image: Array, radius: int, passes: int = 2) -> Array:
    """Return the image blurred by box filters along its first two axes (edges repeated)."""
    for axis in (0, 1) * passes:
        pad = [(0, 0)] * image.ndim
        pad[axis] = (radius + 1, radius)
        total = np.cumsum(np.pad(image, pad, mode="edge"), axis, np.float64).swapaxes(0, axis)
        step = 2 * radius + 1
        image = ((total[step:] - total[:-step]) / step).swapaxes(0, axis).astype(np.float32)
    return image


def resize(image: Array, height: int, width: int) -> Array:
    """Return the image resampled: averaged when it shrinks, interpolated otherwise."""
    shrink = max(image.shape[0] / height, image.shape[1] / width)
    if shrink > 1.5:
        image = blur(image, round(shrink / 2), 1)
    for axis, size in enumerate((height, width)):
        rows = image.swapaxes(0, axis)
        at = np.clip((np.arange(size) + 0.5) * len(rows) / size - 0.5, 0, len(rows) - 1)
        low = at.astype(int)
        part = (at - low).astype(np.float32).reshape(-1, *[1] * (image.ndim - 1))
        rows = rows[low] * (1 - part) + rows[np.minimum(low + 1, len(rows) - 1)] * part
        image = rows.swapaxes(0, axis)
    return image


def subject(rgba: Array) -> Array:
    """Return how much each pixel belongs to the subject, 0..1, as an array of (height, width)."""
    alpha = rgba[..., 3]
    if 0.01 < (alpha < 0.5).mean() < 0.99:
        return alpha
    lab = blur(rgba[..., :3] @ TO_LAB, 1, 1)
    mask = _tidy(_unlike_border(lab), 0.00005)
    if not _is_plausible(mask, 0.3):
        mask = blur(_by_colours(lab).astype(np.float32), max(1, max(lab.shape) // 50)) > 0.5
        mask = _tidy(mask, 0.08)
        rounded = blur(mask.astype(np.float32), max(mask.shape) // 10) > 0.5
        is_ragged = (mask ^ rounded).sum() > 0.07 * mask.sum()  # torn out of a busy picture
        if is_ragged or not _is_plausible(mask, 0.6):
            mask = _middle(mask.shape) > 0.5
    return np.clip(blur(mask.astype(np.float32), 1, 1), 0, 1)


def _ring(shape: tuple[int, ...]) -> Mask:
    ring = np.ones(shape[:2], bool)
    width = max(2, round(min(shape[:2]) * 0.03))
    ring[width:-width, width:-width] = False
    return ring


def _is_plausible(mask: Mask, most_border: float) -> bool:
    return bool(0.02 < mask.mean() < 0.85 and mask[_ring(mask.shape)].mean() < most_border)


def _middle(shape: tuple[int, ...]) -> Array:
    """Return a smooth hill: 1 in the middle, 0.5 on a rounded rectangle that leaves a margin."""
    y, x = (np.abs(np.linspace(-1, 1, n)) / 0.86 for n in shape[:2])
    return (1 / (1 + (y[:, None] ** 4 + x[None, :] ** 4) ** 2)).astype(np.float32)


def _unlike_border(lab: Array) -> Mask:
    """Return what differs from the border's colour, plain or softly shaded; nothing if it has several."""
    ring = _ring(lab.shape)
    y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in lab.shape[:2]), indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], -1)
    known, seen = terms[ring], lab[ring]
    keep = np.ones(len(seen), bool)
    fit, spread = np.zeros((6, 3)), 0.0
    for _ in range(4):  # without the outliers: the subject may touch the border
        fit = np.linalg.lstsq(known[keep], seen[keep], rcond=None)[0]
        rest = np.linalg.norm(seen - known @ fit, axis=1)
        spread = max(1.5, float(np.median(rest)) * 1.5)
        keep = rest < 2.5 * spread
    distance = np.linalg.norm(lab - terms @ fit, axis=2) / spread
    # Halfway up the slope of an edge is where the subject ends.
    return distance > (max(2.5, np.percentile(distance, 98) / 2) if spread < 4 else np.inf)


def _by_colours(lab: Array) -> Mask:
    """Part subject from surroundings by their colours, beginning with the middle and learning."""
    prior = _middle(lab.shape)
    y, x = (np.linspace(-1, 1, n) for n in lab.shape[:2])
    belief = np.exp(-2.5 * (y[:, None] ** 2 + x[None, :] ** 2)).astype(np.float32)
    bins = (np.clip(lab - np.array([0, -64, -64]), 0, [99.9, 127.9, 127.9]) / [7, 8, 8]).astype(int)
    code = np.ravel_multi_index(tuple(np.moveaxis(bins, 2, 0)), (16, 16, 16))
    for _ in range(6):
        ratio = np.log(_histogram(code, belief)[code] / _histogram(code, 1 - belief)[code])
        ratio = blur(ratio.astype(np.float32), max(2, max(lab.shape) // 60))
        belief = 1 / (1 + np.exp(-2.5 * (ratio + 2 * (prior - 0.5))))
    return belief > 0.5


def _histogram(code: NDArray[np.int64], weight: Array) -> Array:
    counts = np.bincount(code.ravel(), weight.ravel(), 4096).reshape(16, 16, 16)
    for axis in range(3):  # neighbouring colours count as well
        counts = counts * 0.5 + 0.25 * (np.roll(counts, 1, axis) + np.roll(counts, -1, axis))
    counts = counts.ravel() + 1e-3
    return (counts / counts.sum() + 1e-6).astype(np.float32)


def _tidy(mask: Mask, largest_hole: float) -> Mask:
    """Return the mask with its main parts only and without holes up to that share of the picture."""
    marks = _labels(mask)
    sizes = np.bincount(marks.ravel())
    sizes[0] = 0
    mask = mask & (sizes >= 0.15 * sizes.max())[marks]
    marks = _labels(~mask)
    is_small = np.bincount(marks.ravel()) < largest_hole * mask.size
    is_small[np.concatenate([marks[0], marks[-1], marks[:, 0], marks[:, -1]])] = False  # that is outside
    return mask | (is_small[marks] & (marks > 0))


def _labels(mask: Mask) -> NDArray[np.int64]:
    """Return the connected parts of the mask, each with a number of its own above 0 (not consecutive)."""
    marks = np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0)
    while True:
        wide = np.pad(marks, 1)
        near = [wide[2:, 1:-1], wide[:-2, 1:-1], wide[1:-1, 2:], wide[1:-1, :-2]]
        best = np.where(mask, np.maximum.reduce([marks, *near]), 0)
        best = np.where(mask, best.ravel()[best - 1], 0)  # jump to where the neighbour's mark came from
        if np.array_equal(best, marks):
            return marks
        marks = best
