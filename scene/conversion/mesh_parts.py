# SPDX-License-Identifier: GPL-3.0-or-later
"""Which faces hang together, and which of them look the wrong way: by arrays, in a few steps for any mesh.

The right way is outwards for what is closed, and the way of most faces for what is open. A closed part that
looks inwards as a whole, and lies within another, is the inside of something hollow.
"""

from dataclasses import dataclass

import numpy as np

_MAX_CONTAINERS = 64  # closed parts, the largest, that others may be the insides of
_FLAT = 1e-7  # a volume below this tells no direction


@dataclass(frozen=True)
class FaceLinks:
    """Faces, their corners, and the edges that two of them share."""

    points: np.ndarray
    corners: np.ndarray  # the vertex of each corner, face by face
    sizes: np.ndarray  # how many corners each face has
    parts: np.ndarray  # the part that each face belongs to: any number
    volumes: np.ndarray  # between each face and the centre; the longest side of all is 1
    is_open: np.ndarray  # of each face: an edge of it has one face, or more than two
    one: np.ndarray  # of each edge that two faces share, these two
    other: np.ndarray
    is_turned: np.ndarray  # both go along that edge the same way: one of them looks the wrong way


def components(count: int, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """For each of `count` things the lowest that links from `one` to `other` lead to."""
    lowest = np.arange(count, dtype=np.int32)
    while len(one):
        one, other = lowest[one], lowest[other]
        is_apart = one != other
        one, other = one[is_apart], other[is_apart]
        np.minimum.at(lowest, np.maximum(one, other), np.minimum(one, other))
        while not np.array_equal(further := lowest[lowest], lowest):
            lowest = further
    return lowest


def count_flipped(links: FaceLinks) -> tuple[int, int]:
    """How many faces look the wrong way; of how many that means nothing: their surface has one side alone."""
    shells, signs, is_one_sided = _shells(links)
    count = int(shells.max()) + 1
    ahead, back = (np.bincount(shells[signs == sign], minlength=count) for sign in (1, -1))
    is_closed = np.ones(count, np.bool_)
    is_closed[shells[links.is_open]] = False
    aligned = np.bincount(shells, links.volumes * signs, count)  # if all faces had the sign 1
    has_inside = is_closed & (np.abs(aligned) > _FLAT)
    flipped = np.where(has_inside, np.where(aligned > 0, back, ahead), np.minimum(ahead, back))
    is_inwards = np.bincount(shells, links.volumes, count) < 0
    hollows = np.flatnonzero(has_inside & is_inwards)
    solids = np.flatnonzero(has_inside & ~is_inwards)
    if len(hollows) and len(solids):
        hollows = hollows[_are_within(_boxes(links, shells), hollows, solids)]
        flipped[hollows] = (ahead + back - flipped)[hollows]
    flipped[shells[is_one_sided]] = 0
    return int(flipped.sum()), int(np.count_nonzero(is_one_sided))


def _shells(links: FaceLinks) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each face the number of what it hangs together with, 1 or -1 so that in there those of one sign look
    the same way, and whether no such signs can be given.
    """
    count = len(links.parts)
    is_turned = links.is_turned
    if not is_turned.any():
        return _numbered(links.parts), np.ones(count, np.int8), np.zeros(count, np.bool_)
    patches = _numbered(components(count, links.one[~is_turned], links.other[~is_turned]))
    count = int(patches.max()) + 1
    one, other = patches[links.one[is_turned]], patches[links.other[is_turned]]
    # Each patch is there twice, as it is and turned over; what has to be turned for another hangs together.
    both = components(2 * count, np.append(one, one + count), np.append(other + count, other))
    plain, over = both[:count], both[count:]
    signs = np.where(plain <= over, 1, -1).astype(np.int8)
    return _numbered(np.minimum(plain, over))[patches], signs[patches], (plain == over)[patches]


def _numbered(labels: np.ndarray) -> np.ndarray:
    """The labels as numbers from 0 on, none left out."""
    is_there = np.zeros(int(labels.max()) + 1, np.bool_)
    is_there[labels] = True
    return (np.cumsum(is_there, dtype=np.int32) - 1)[labels]


def _boxes(links: FaceLinks, shells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and the highest corner of each shell."""
    of_corner = np.repeat(shells, links.sizes)
    order = np.argsort(of_corner, kind="stable")
    starts = np.searchsorted(of_corner[order], np.arange(int(shells.max()) + 1))
    points = links.points[links.corners[order]]
    return np.minimum.reduceat(points, starts), np.maximum.reduceat(points, starts)


def _are_within(boxes: tuple[np.ndarray, np.ndarray], inner: np.ndarray, outer: np.ndarray) -> np.ndarray:
    """Which of the inner shells lie in the box of one of the largest of the outer ones."""
    low, high = boxes
    largest = outer[np.argsort(-(high - low)[outer].max(axis=1), kind="stable")[:_MAX_CONTAINERS]]
    is_within = np.zeros(len(inner), np.bool_)
    for each in largest:
        is_within |= ((low[inner] > low[each]) & (high[inner] < high[each])).all(axis=1)
    return is_within
