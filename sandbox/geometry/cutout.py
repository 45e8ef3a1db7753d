# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the subject of a picture: by its transparency, else by what the border says of the background.

Plain numpy. It never gives up: a picture without a background to speak of yields its middle.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
Mask = NDArray[np.bool_]


def blur(image: Array, radius: int, passes: int = 2) -> Array:
    """Return the image blurred by box filters along its first two axes (edges repeated)."""
    for axis in (0, 1) * passes:
        pad = [(0, 0)] * image.ndim
        pad[axis] = (radius + 1, radius)
        total = np.cumsum(np.pad(image, pad, mode="edge"), axis=axis, dtype=np.float64)
        size = total.shape[axis]
        upper = np.take(total, range(2 * radius + 1, size), axis)
        image = ((upper - np.take(total, range(size - 2 * radius - 1), axis)) / (2 * radius + 1)).astype(
            np.float32
        )
    return image


def labels(mask: Mask) -> NDArray[np.int64]:
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


def to_lab(rgb: Array) -> Array:
    """Return sRGB in 0..1 as CIE L*a*b*, in which equal distances look alike."""
    linear = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ matrix.T / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    lab = [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])]
    return np.stack(lab, -1).astype(np.float32)


def subject(rgba: Array) -> Array:
    """Return how much each pixel belongs to the subject, 0..1, as an array of (height, width)."""
    alpha = rgba[..., 3]
    if 0.01 < (alpha < 0.5).mean() < 0.99:
        return alpha
    lab = blur(to_lab(rgba[..., :3]), 1, 1)
    mask, is_plain = _unlike_border(lab)
    mask = tidy(mask, 0.00005 if is_plain else 0.08)
    if not is_plain or not _is_plausible(mask):
        guess = mask if _is_plausible(mask) else None
        mask = tidy(_by_colours(lab, guess), 0.08)
    if not _is_plausible(mask, most_border=0.6) or not (is_plain or _is_smooth(mask)):
        mask = _middle(mask.shape) > 0.5
    return np.clip(blur(mask.astype(np.float32), 1, 1), 0, 1)


def _ring(shape: tuple[int, ...]) -> Mask:
    ring = np.ones(shape[:2], bool)
    width = max(2, round(min(shape[:2]) * 0.03))
    ring[width:-width, width:-width] = False
    return ring


def _is_plausible(mask: Mask, most_border: float = 0.3) -> bool:
    return bool(0.02 < mask.mean() < 0.85 and mask[_ring(mask.shape)].mean() < most_border)


def _is_smooth(mask: Mask) -> bool:
    """Whether the outline is one that a thing may have: a ragged one was torn out of a busy picture."""
    rounded = blur(mask.astype(np.float32), max(mask.shape) // 10) > 0.5
    return bool((mask ^ rounded).sum() < 0.07 * mask.sum())


def _middle(shape: tuple[int, ...]) -> Array:
    """Return a smooth hill: 1 in the middle, 0.5 on a rounded rectangle that leaves a margin."""
    y, x = (np.abs(np.linspace(-1, 1, n)) / 0.86 for n in shape[:2])
    return (1 / (1 + (y[:, None] ** 4 + x[None, :] ** 4) ** 2)).astype(np.float32)


def _unlike_border(lab: Array) -> tuple[Mask, bool]:
    """Return what differs from the border's colours, and whether those are one, plain or softly shaded."""
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
    if spread > 4:  # not one plain colour: be near to any of its main colours
        centres = _clusters(seen, 4)
        apart = np.linalg.norm(lab[:, :, None] - centres, axis=3).min(2)
        own = np.linalg.norm(seen[:, None] - centres, axis=2).min(1)
        distance = np.minimum(distance, apart / max(3.0, float(np.percentile(own, 80)) / 1.5))
    capped = np.minimum(distance, 12)
    mask = capped > max(2.5, _otsu(capped))
    if spread > 4:
        return mask, False
    highest, outside = distance, (~mask).astype(np.float32)  # each of the neighbourhood
    for axis in (0, 1, 0, 1):
        highest, outside = (
            np.maximum.reduce([np.roll(a, i, axis) for i in (-1, 0, 1)]) for a in (highest, outside)
        )
    return mask & ((outside == 0) | (distance > 0.5 * highest)), True  # an edge lies halfway up the slope


def _clusters(points: Array, count: int) -> Array:
    centres = points[np.argsort(points[:, 0])][np.linspace(0, len(points) - 1, count).astype(int)]
    for _ in range(12):
        nearest = np.linalg.norm(points[:, None] - centres, axis=2).argmin(1)
        centres = np.stack(
            [points[nearest == i].mean(0) if (nearest == i).any() else centres[i] for i in range(count)]
        )
    return centres


def _otsu(values: Array) -> float:
    """Return the threshold that parts the values best into two groups (Otsu's method)."""
    counts, edges = np.histogram(values, 64)
    middles = (edges[1:] + edges[:-1]) / 2
    below, sums = np.cumsum(counts), np.cumsum(counts * middles)
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = sums / below - (sums[-1] - sums) / above
    return float(middles[np.nan_to_num(below * above * gap**2).argmax()])


def _by_colours(lab: Array, guess: Mask | None) -> Mask:
    """Part subject from surroundings by their colours, beginning with a guess (the middle) and learning."""
    prior = _middle(lab.shape)
    y, x = (np.linspace(-1, 1, n) for n in lab.shape[:2])
    belief = np.exp(-2.5 * (y[:, None] ** 2 + x[None, :] ** 2)).astype(np.float32)
    if guess is not None:
        prior = 0.2 + 0.6 * blur(guess.astype(np.float32), max(lab.shape) // 40)
        belief = 0.1 + 0.8 * guess
    bins = (np.clip(lab - np.array([0, -64, -64]), 0, [99.9, 127.9, 127.9]) / [7, 8, 8]).astype(int)
    code = np.ravel_multi_index(tuple(np.moveaxis(bins, 2, 0)), (16, 16, 16))
    for _ in range(6):
        inside = _histogram(code, belief)
        outside = _histogram(code, 1 - belief)
        ratio = np.log(inside[code] / outside[code])
        ratio = blur(ratio.astype(np.float32), max(2, max(lab.shape) // 60))
        belief = 1 / (1 + np.exp(-2.5 * (ratio + 2 * (prior - 0.5))))
    return belief > 0.5


def _histogram(code: NDArray[np.int64], weight: Array) -> Array:
    counts = np.bincount(code.ravel(), weight.ravel(), 4096).reshape(16, 16, 16)
    for axis in range(3):  # neighbouring colours count as well
        counts = counts * 0.5 + 0.25 * (np.roll(counts, 1, axis) + np.roll(counts, -1, axis))
    counts = counts.ravel() + 1e-3
    return (counts / counts.sum() + 1e-6).astype(np.float32)


def tidy(mask: Mask, largest_hole: float) -> Mask:
    """Return the mask with its main parts only and without holes up to that share of the picture."""
    if largest_hole > 0.01:  # not from a plain background: a rough outline
        mask = blur(mask.astype(np.float32), max(1, max(mask.shape) // 50)) > 0.5
    for is_hole in (False, True):
        marks = labels(~mask if is_hole else mask)
        sizes = np.bincount(marks.ravel())
        sizes[0] = 0
        if not sizes.any():
            return mask
        small = sizes < (largest_hole * mask.size if is_hole else 0.15 * sizes.max())
        if is_hole:  # what reaches the border is outside, however small
            small[np.concatenate([marks[0], marks[-1], marks[:, 0], marks[:, -1]])] = False
        mask = mask | small[marks] & (marks > 0) if is_hole else mask & ~small[marks]
    return mask
