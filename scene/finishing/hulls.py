# SPDX-License-Identifier: GPL-3.0-or-later
"""Convex hulls for collisions, under the engines' names: UCX_ before the name of what they are of.

The shape is cut where that saves the most of the hulls' volume, until there are `hulls` of them or another
cut would save little.
"""

import itertools
from collections.abc import Sequence

import bmesh
import bpy
import numpy as np
from mathutils import Matrix

from ..conversion.surface import surface_from
from ..custom_properties import PART
from ..export_as import HULL
from .deviation import sampled
from .lods import hide
from .work import CannotError, Work

CORNERS = 32  # of a hull at most: engines take few
POINTS = 10_000  # of the surface are looked at, and as many corners
LEAST_GAIN = 0.03  # of the volume of the first hull
_CUTS = (0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9)  # of the extent along each axis


def add_hulls(work: Work) -> None:
    """Of all that is seen together, as children of the root, hidden."""
    if not work.users():
        raise CannotError("it has no faces")
    points = _points(work)
    hulls = [each for each in _decomposed(points, work.profile["hulls"]) if each is not None]
    if not hulls:
        raise CannotError("it is flat")
    of = next(users[0] for users in work.users().values())
    root = work.root
    for number, (corners, faces) in enumerate(hulls, 1):
        name = f"{HULL}{of.name}_{number:02}"
        mesh = bpy.data.meshes.new(name)
        mesh.from_pydata(corners.tolist(), [], faces)
        item = bpy.data.objects.new(name, mesh)
        item[PART] = True
        item.parent = root
        item.matrix_parent_inverse = Matrix()
        item.display_type = "WIRE"
        hide(item)
        root.users_collection[0].objects.link(item)
        work.objects.append(item)
    work.hulls = len(hulls)


Hull = tuple[np.ndarray, list[list[int]]]


def _points(work: Work) -> np.ndarray:
    """Places all over the surface in the space of the root, and its vertices, as far as they are not many."""
    bpy.context.view_layer.update()
    to_root = work.root.matrix_world.inverted_safe()
    shown = [each for users in work.users().values() for each in users if not each.hide_viewport]
    surface = surface_from([(each.data, to_root @ each.matrix_world) for each in shown])
    corners = surface.corners.reshape(-1, 3)
    corners = corners[:: max(1, len(corners) // POINTS)]
    return np.concatenate([sampled(surface, POINTS).of(surface.corners), corners]).astype(np.float64)


def _decomposed(points: np.ndarray, most: int) -> list[Hull | None]:
    """Cuts the pieces with the most to be saved, again and again."""
    pieces = [points]
    volumes = [_volume(points)]
    if not volumes[0]:
        return []
    gains = [_best_cut(points, volumes[0])] if most > 1 else []
    while len(pieces) < most:
        at = int(np.argmax([gain for gain, _ in gains]))
        gain, halves = gains[at]
        if gain < LEAST_GAIN * volumes[0] or halves is None:
            break
        for kept in (pieces, gains):
            del kept[at]
        for half in halves:
            pieces.append(half)
            gains.append(_best_cut(half, _volume(half)))
    return [_hull(each) for each in pieces]


def _best_cut(points: np.ndarray, volume: float) -> tuple[float, tuple[np.ndarray, np.ndarray] | None]:
    """How much less the hulls of both sides hold, and the points of both sides."""
    best: tuple[float, tuple[np.ndarray, np.ndarray] | None] = (0.0, None)
    low, high = points.min(axis=0), points.max(axis=0)
    for axis in range(3):
        for share in _CUTS:
            at = low[axis] + share * (high[axis] - low[axis])
            is_below = points[:, axis] < at
            one, other = points[is_below], points[~is_below]
            if min(len(one), len(other)) < 4:
                continue
            volumes = _volume(one), _volume(other)
            gain = volume - sum(volumes)
            if gain > best[0] and min(volumes) > 0:
                best = gain, (one, other)
    return best


def _directions() -> np.ndarray:
    """Evenly all round."""
    number = np.arange(CORNERS) + 0.5
    tilt, round_ = np.arccos(1 - 2 * number / CORNERS), np.pi * (1 + 5**0.5) * number
    return np.stack([np.cos(round_) * np.sin(tilt), np.sin(round_) * np.sin(tilt), np.cos(tilt)], axis=1)


def _hull(points: np.ndarray) -> Hull | None:
    """The convex hull of what lies outermost in some directions; None if that is flat."""
    outermost = np.unique(np.argmax(points @ _directions().T, axis=0))
    held = bmesh.new()
    try:
        for point in points[outermost].tolist():
            held.verts.new(point)
        if len(outermost) < 4:
            return None
        bmesh.ops.convex_hull(held, input=held.verts)
        bmesh.ops.delete(held, geom=[each for each in held.verts if not each.link_faces], context="VERTS")
        held.verts.index_update()
        corners = np.array([list(each.co) for each in held.verts])
        faces = [[vertex.index for vertex in face.verts] for face in held.faces]
    finally:
        held.free()
    return (corners, faces) if len(faces) >= 4 and _enclosed(corners, faces) > 0 else None


def _volume(points: np.ndarray) -> float:
    hull = _hull(points)
    return _enclosed(*hull) if hull else 0.0


def _enclosed(corners: np.ndarray, faces: Sequence[Sequence[int]]) -> float:
    middle = corners.mean(axis=0)
    total = 0.0
    for a, *rest in faces:
        for b, c in itertools.pairwise(rest):
            total += abs(float(np.linalg.det(corners[[a, b, c]] - middle))) / 6
    return total
