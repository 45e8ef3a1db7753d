# SPDX-License-Identifier: GPL-3.0-or-later
"""Where in a scene there is room: for a box beside what is seen, for the next in a row, round a point.

Placeholders and results count with the box that they have or will fill. No object is changed.
"""

import math
from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence

import bpy
from mathutils import Matrix, Vector

from .custom_properties import awaited_job, bounds_or_none
from .place import box_corners, box_round, floor_centre
from .placeholder import box_of

_LAST_BIT = 2.0**-23  # of a number in single precision, at most
GAP = 0.25  # of the size, between two in a row
_ROOM = 4.0  # what is so many times as large is what one stands in, not beside
_SOLID = ("MESH", "CURVE", "SURFACE", "META", "FONT", "CURVES", "POINTCLOUD", "VOLUME")


def free_place(
    place: Iterable[float],
    size: float,
    layer: bpy.types.ViewLayer,
    *,
    offsets: Collection[Vector] = (Vector(),),
) -> tuple[Vector, str]:
    """The place, or the next along X, where a box of that size stands in nothing that is seen.

    Also the name of what it then stands beside, "" where the place itself is free. With `offsets` from the
    place, one box stands at each, and all of them are free.
    What is far larger in both directions, a room or a landscape, is no hindrance.
    """
    free, beside = Vector(place), ""
    feet = [free + each for each in offsets]
    near = _along_x(
        [min(each[axis] for each in feet) - size for axis in range(3)],
        [max(each[axis] for each in feet) + size for axis in range(3)],
    )
    boxes = [(each.name, *_world_box(each)) for each in near if _fills_space(each, layer)]
    boxes = [(name, low, high) for name, low, high in boxes if min((high - low).xy) < _ROOM * size]
    boxes.sort(key=lambda box: box[2].x)
    first = min(each.x for each in offsets)
    for name, low, high in boxes:
        if any(_is_within(free + each, size, low, high) for each in offsets):
            free.x, beside = high.x + (GAP + 0.5) * size - first, beside or name
    return free, beside


def _along_x(low: Sequence[float], high: Sequence[float]) -> Iterator[bpy.types.Object]:
    """The objects of the file that may reach into this box, were it endless along X.

    Of the others there may be ten thousand, and to ask each for its corners takes fifteen times as long. Not
    of a view layer's: there are gaps in these where one was removed, at which Blender ends if it reads all at
    once.
    """
    objects = bpy.data.objects
    lengths = {"matrix_world": 16, "matrix_basis": 16, "bound_box": 24}
    read = {name: array("f", bytes(4 * length * len(objects))) for name, length in lengths.items()}
    for name, values in read.items():
        objects.foreach_get(name, values)
    worlds, bases, corners = read.values()
    for number, item in enumerate(objects):
        matrix = (worlds if item.parent else bases)[16 * number : 16 * number + 16]  # as `_placed`
        if item.type == "EMPTY" or _is_near(matrix, corners[24 * number : 24 * number + 21], low, high):
            yield item


def _is_near(
    matrix: Sequence[float], corners: Sequence[float], low: Sequence[float], high: Sequence[float]
) -> bool:
    """Whether a box that is moved by a matrix, given as its columns, reaches into another along Y and Z.

    `corners` are those of `Object.bound_box`: the lowest is first, the highest the last but one.
    """
    for axis in (1, 2):
        middle, reach = matrix[12 + axis], 0.0
        for side in range(3):
            factor = matrix[4 * side + axis]
            low_end, high_end = corners[side], corners[18 + side]
            middle += factor * (low_end + high_end) / 2
            reach += abs(factor) * (high_end - low_end) / 2
        if middle + reach < low[axis] or middle - reach > high[axis]:
            return False
    return True


def free_point(point: Iterable[float], step: Vector, layer: bpy.types.ViewLayer) -> Vector:
    """The point, or the first of steps from it where no result or placeholder stands.

    Other objects are no hindrance: the artist has chosen the point on one.
    """
    feet = [
        _placed(each) @ floor_centre(*box_of(each))
        for each in layer.objects
        if awaited_job(each) or bounds_or_none(each)
    ]
    free = Vector(point)
    least = 2 * _LAST_BIT * max(map(abs, free))  # far away a smaller step would lead nowhere
    if 0 < step.length < least:
        step = step.normalized() * least
    while any((foot - free).length < 0.1 * step.length for foot in feet):
        free += step
    return free


def _placed(item: bpy.types.Object) -> Matrix:
    """Where the object is in the world, also before Blender has evaluated it."""
    return item.matrix_world if item.parent else item.matrix_basis


def reach_of(items: Iterable[bpy.types.Object]) -> tuple[Vector, Vector] | None:
    """The corners in the world of all their boxes; None if there are none."""
    boxes = [_world_box(each) for each in items]
    if not boxes:
        return None
    lows, highs = zip(*boxes, strict=True)
    return Vector(map(min, zip(*lows, strict=True))), Vector(map(max, zip(*highs, strict=True)))


def _fills_space(item: bpy.types.Object, layer: bpy.types.ViewLayer) -> bool:
    is_solid = item.type in _SOLID or bool(awaited_job(item) or bounds_or_none(item))
    return is_solid and item.visible_get(view_layer=layer)


def _world_box(item: bpy.types.Object) -> tuple[Vector, Vector]:
    world = _placed(item)
    return box_round([world @ corner for corner in box_corners(*box_of(item))])


def _is_within(place: Vector, size: float, low: Vector, high: Vector) -> bool:
    """Whether the box that stands on the place and that between the corners share more than a rim."""
    half = Vector((size / 2, size / 2, 0))
    own_low, own_high = place - half, place + half + Vector((0, 0, size))
    shared = [min(a, b) - max(c, d) for a, b, c, d in zip(own_high, high, own_low, low, strict=True)]
    return min(shared) > 0.01 * size


def row_place(scene: bpy.types.Scene, size: float) -> Vector:
    """Where the next in a row stands: beside all of Maquette's here, the first at the 3D cursor."""
    place = scene.cursor.location.copy()
    reaches: list[float] = []
    for item in scene.objects:
        if bounds_or_none(item) or awaited_job(item):
            reaches.append(_world_box(item)[1].x)
    reaches = [reach for reach in reaches if math.isfinite(reach)]
    if reaches:
        place.x = max(reaches) + (GAP + 0.5) * size
    return place
