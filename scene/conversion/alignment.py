# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts what came back over what was sent: services scale it to their own size, move it, and may turn it.

The boxes of both are put over each other. If the shapes do not meet then, all quarter turns are tried.
"""

import itertools

import numpy as np
from mathutils import Matrix, kdtree

from .surface import Surface, places_by_area

_SAME = 1e-4  # of the size: boxes that differ by less are the same, and nothing is moved
_MEETS = 0.02  # of the size: shapes that are so near to each other on average meet
_BETTER = 0.5  # a turn has to be so much nearer to be believed
_LOOKS = 1_500
_POINTS = 20_000


def alignment(came: Surface, sent: Surface) -> tuple[Matrix, float]:
    """From where it came to where it was sent; and how far they are apart then, as a part of the size."""
    chance = np.random.default_rng(1)
    looks = _points(sent, _LOOKS, chance)
    cloud = _points(came, _POINTS, chance)
    low, high = _box(sent)
    size = float(np.linalg.norm(high - low)) or 1.0
    tree = kdtree.KDTree(len(cloud))
    for number, point in enumerate(cloud.tolist()):
        tree.insert(point, number)
    tree.balance()

    def apart(matrix: np.ndarray) -> float:
        back = np.linalg.inv(matrix)
        places = looks @ back[:3, :3].T + back[:3, 3]
        scale = float(np.cbrt(abs(np.linalg.det(matrix[:3, :3]))))
        distances = np.array([tree.find(place)[2] for place in places.tolist()], np.float64)
        return float(distances.mean()) * scale / size

    best = _fitted(came, np.eye(3), low, high)
    distance = apart(best)
    if distance > _MEETS:
        turned = [_fitted(came, turn, low, high) for turn in _quarter_turns()]
        distances = [apart(matrix) for matrix in turned]
        if min(distances) < distance * _BETTER:
            distance = min(distances)
            best = turned[distances.index(distance)]
    return Matrix(best.tolist()), distance


def _fitted(came: Surface, turn: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Turned, then evenly scaled and moved so that the boxes share their middle and their longest side."""
    own_low, own_high = _box(came, turn)
    size = float((high - low).max())
    matrix = np.eye(4)
    matrix[:3, :3] = turn
    if np.abs([own_low - low, own_high - high]).max() <= size * _SAME:
        return matrix
    longest = float((own_high - own_low).max())
    factor = size / longest if longest > 0 else 1.0
    matrix[:3, :3] *= factor
    matrix[:3, 3] = (low + high) / 2 - (own_low + own_high) / 2 * factor
    return matrix


def _box(surface: Surface, turn: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    points = surface.corners.reshape(-1, 3).astype(np.float64)
    points = points if turn is None else points @ turn.T
    return points.min(axis=0), points.max(axis=0)


def _quarter_turns() -> list[np.ndarray]:
    """The 23 ways to turn a box onto itself, those about the upright axis first."""
    found: list[np.ndarray] = []
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1.0, -1.0), repeat=3):
            matrix = np.zeros((3, 3))
            matrix[range(3), order] = signs
            if np.linalg.det(matrix) > 0 and not np.array_equal(matrix, np.eye(3)):
                found.append(matrix)
    return sorted(found, key=lambda matrix: -matrix[2, 2])


def _points(surface: Surface, count: int, chance: np.random.Generator) -> np.ndarray:
    """Points spread evenly over the surface."""
    places = places_by_area(surface, count, chance)
    points = surface.corners.reshape(-1, 3)[:count] if places is None else places.of(surface.corners)
    return points.astype(np.float64)


def matching_triangles(came: Surface, sent: Surface) -> tuple[np.ndarray, np.ndarray] | None:
    """For each triangle that was sent the one that came back in its place, and which corner is which.

    None where what came back is not of the same triangles.
    """
    if len(came.corners) != len(sent.corners):
        return None
    points, numbers = _merged(sent.corners)
    own_points, own_numbers = _merged(came.corners)
    if len(points) != len(own_points):
        return None
    tree = kdtree.KDTree(len(points))
    for number, point in enumerate(points.tolist()):
        tree.insert(point, number)
    tree.balance()
    near = [tree.find(point) for point in own_points.tolist()]
    if max(each[2] for each in near) > sent.size * _SAME * 2:
        return None
    there = np.array([each[1] for each in near])
    ours, theirs = numbers, there[own_numbers]
    order, their_order = _order(ours), _order(theirs)
    if not np.array_equal(np.sort(ours[order], axis=1), np.sort(theirs[their_order], axis=1)):
        return None
    match = np.empty(len(ours), np.int64)
    match[order] = their_order
    corner = (theirs[match][:, None, :] == ours[:, :, None]).argmax(axis=2)
    return match, corner


def _merged(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The places that there are, and for each corner which it is at."""
    flat = np.ascontiguousarray(corners.reshape(-1, 3), np.float32) + np.float32(0)  # no minus 0
    _, first, numbers = np.unique(flat.view("V12").ravel(), return_index=True, return_inverse=True)
    return flat[first], numbers.reshape(-1, 3)


def _order(triangles: np.ndarray) -> np.ndarray:
    return np.lexsort(np.sort(triangles, axis=1).T[::-1])
