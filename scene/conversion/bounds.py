# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures what is seen of objects: evaluated meshes at a scene's frame, and of them what faces use.

Skins, morph weights and modifiers count, as they do in Blender's view; what no face uses is not seen.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import bpy
import numpy as np

from .unpack import UnreadableError
from .values import values_of

MAX_METRES = 1e9  # beyond it single precision leaves nothing of a shape
MAX_POINTS = 100_000_000  # instances of a large mesh may be more; from there on the boxes of meshes serve
BACKDROP_TIMES = 3.0  # a backdrop is so many times as long as all that stands before it
BACKDROP_FACES = 8  # a flat thing with so few is a ground or a wall
_BACKDROP_NAMES = re.compile(r"back(drop|ground)|cyclorama|environment|sky[ _-]?(box|dome|sphere)", re.I)
Box = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Bounds:
    """The lowest and highest corner in world space, and in words what does not count."""

    low: np.ndarray
    high: np.ndarray
    messages: list[str]

    @property
    def longest(self) -> float:
        """The longest side."""
        return _longest((self.low, self.high))


def seen_bounds(objects: Sequence[bpy.types.Object], scene: bpy.types.Scene) -> Bounds:
    """The bounds of what is seen of the objects, all in the scene, at its current frame.

    What has no size at this frame (it grows out of a point, say) is measured where its animation ends, else
    at rest. Raises UnreadableError where that is no shape either.
    """
    now = scene.frame_current
    boxes: dict[bpy.types.Object, Box] = {}
    for frame in (now, max((int(action.frame_range[1]) for action in bpy.data.actions), default=now)):
        scene.frame_set(frame)  # also now: importers leave the values from before the first evaluation
        boxes = dict(_boxes(objects, scene.view_layers[0].depsgraph))
        if _is_shape(_union(list(boxes.values()))):
            break
    else:
        boxes = dict(_boxes(objects, None))
    if scene.frame_current != now:
        scene.frame_set(now)
    low, high = _union(list(boxes.values()))
    if not np.isfinite([low, high]).all() or np.abs([low, high]).max() > MAX_METRES:
        raise UnreadableError("The model has vertices at no place or absurdly far away; it cannot be shown.")
    if (high - low).max() <= 0:
        raise UnreadableError("All vertices of the model lie in one point; there is nothing to show.")
    backdrops = _backdrops(boxes)
    if not backdrops:
        return Bounds(low, high, [])
    low, high = _union([box for each, box in boxes.items() if each not in backdrops])
    names = ", ".join(repr(each.name) for each in backdrops[:3])
    return Bounds(low, high, [f"The size is that of the model without its backdrop ({names})."])


def _boxes(
    objects: Sequence[bpy.types.Object], graph: bpy.types.Depsgraph | None
) -> Iterator[tuple[bpy.types.Object, Box]]:
    """Of each object that has a shape, its corners; of mere rigs, the joints'. At rest without a graph."""
    read: dict[bpy.types.ID, np.ndarray] = {}  # a mesh may have very many users
    total = 0
    shapes = [each for each in objects if each.type in ("MESH", "POINTCLOUD")]
    for each in [each for each in objects if each.type == "ARMATURE" and not shapes]:
        shown = each.evaluated_get(graph) if graph else each
        yield each, _box(_joints(shown, is_posed=bool(graph)), np.array(shown.matrix_world, np.float32))
    for each in shapes:
        shown = each.evaluated_get(graph) if graph else each
        data = shown.data if each.modifiers or getattr(each.data, "shape_keys", None) else each.data
        points = read[data] if data in read else _used_points(data)
        total += len(points)
        if total > MAX_POINTS and data == each.data:
            points = _corners(points)
        if data == each.data:
            read[data] = points
        if len(points):
            yield each, _box(points, np.array(shown.matrix_world, np.float32))


def _joints(rig: bpy.types.Object, *, is_posed: bool) -> np.ndarray:
    """Both ends of its bones."""
    assert isinstance(rig.data, bpy.types.Armature)
    if is_posed and rig.pose:
        ends = [(bone.head, bone.tail) for bone in rig.pose.bones]
    else:
        ends = [(bone.head_local, bone.tail_local) for bone in rig.data.bones]
    return np.array(ends, np.float32).reshape(-1, 3)


def _box(points: np.ndarray, world: np.ndarray) -> Box:
    """The corners of the points in the world; axis by axis, which is many times as fast as all at once."""
    rows = [points @ axis[:3] + axis[3] for axis in world[:3]]
    return np.array([row.min() for row in rows]), np.array([row.max() for row in rows])


def _corners(points: np.ndarray) -> np.ndarray:
    """The eight corners of the box round the points."""
    if len(points) <= 8:
        return points
    return np.array(list(itertools.product(*zip(points.min(axis=0), points.max(axis=0), strict=True))))


def _used_points(data: bpy.types.ID | None) -> np.ndarray:
    """The points of a point cloud, or those of a mesh that its faces use, if they are at any place."""
    assert isinstance(data, bpy.types.Mesh | bpy.types.PointCloud)
    places = data.attributes["position"].data
    points = values_of(places, "vector", width=3).reshape(-1, 3)
    if isinstance(data, bpy.types.Mesh):
        if not data.polygons:
            return points[:0]
        corners = values_of(data.attributes[".corner_vert"].data, "value", np.int32)
        is_used = np.zeros(len(points), np.bool_)
        is_used[corners] = True
        points = points if is_used.all() else points[is_used]
    if np.isfinite(points.sum()):
        return points
    is_somewhere = np.isfinite(points).all(axis=1)
    return points[is_somewhere] if is_somewhere.any() else points


def _union(boxes: Sequence[Box]) -> Box:
    if not boxes:
        return np.zeros(3), np.zeros(3)
    return np.min([low for low, _ in boxes], axis=0), np.max([high for _, high in boxes], axis=0)


def _is_shape(box: Box) -> bool:
    return bool(np.isfinite(box).all() and np.abs(box).max() <= MAX_METRES and (box[1] - box[0]).max() > 0)


def _backdrops(boxes: dict[bpy.types.Object, Box]) -> list[bpy.types.Object]:
    """What the model stands on or before: by its name, or flat and of few faces, and far larger than it."""
    suspects = [each for each, box in boxes.items() if _may_be_backdrop(each, box)]
    rest = [box for each, box in boxes.items() if each not in suspects]
    longest = _longest(_union(rest)) if rest else 0.0
    if not longest:
        return []
    return [each for each in suspects if _longest(boxes[each]) > BACKDROP_TIMES * longest]


def _may_be_backdrop(item: bpy.types.Object, box: Box) -> bool:
    if not isinstance(item.data, bpy.types.Mesh):
        return False
    edges = box[1] - box[0]
    is_flat = edges.min() < edges.max() / 1000 and len(item.data.polygons) <= BACKDROP_FACES
    return bool(is_flat or _BACKDROP_NAMES.search(item.name))


def _longest(box: Box) -> float:
    return float((box[1] - box[0]).max())
