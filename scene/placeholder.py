# SPDX-License-Identifier: GPL-3.0-or-later
"""Placeholders: objects that wait for a job's result, which will be fitted into their box.

Any object with the property is one: an empty made for it, or what is to be replaced, be it an earlier result.
The property is the permission to place: a file without it gets nothing.
"""

import math
from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence

import bpy
from mathutils import Euler, Matrix, Vector

from .append import collection_of
from .custom_properties import (
    ARRIVES,
    AWAITS,
    FIT,
    OWN,
    VERSION,
    awaited_job,
    bounds_or_none,
    matrix_or_none,
    version_size,
)
from .place import bounds_of

_MADE = "maquette_placeholder"  # an empty of ours, not one of the artist's that is to be replaced
PLACEHOLDER_KEYS = (AWAITS, _MADE, OWN, FIT, ARRIVES, VERSION)
_SAME = 1e-5  # what two sizes differ by that are one, in single precision
_FLAT = 1e-6  # of the longest edge
_LAST_BIT = 2.0**-23  # of a number in single precision, at most
GAP = 0.25  # of the size, between two in a row
_ROOM = 4.0  # what is so many times as large is what one stands in, not beside
_HOLDERS = ("COLLECTION", "SCENE", "SCREEN", "WINDOWMANAGER", "WORKSPACE")  # they have an object, no more
_SOLID = ("MESH", "CURVE", "SURFACE", "META", "FONT", "CURVES", "POINTCLOUD", "VOLUME")


def add_placeholder(
    scene: bpy.types.Scene,
    *,
    job_id: str,
    name: str,
    location: Iterable[float],
    rotation: tuple[float, float, float] = (0.0, 0.0, 0.0),
    size: float | Sequence[float],
) -> bpy.types.Object:
    """An empty box that stands on `location`; `size` is the edge of a cube, or the three of another box.

    In the scene's units, angles in radians.
    """
    edges = (size,) * 3 if isinstance(size, float | int) else size
    empty = bpy.data.objects.new(name, None)
    empty.empty_display_type = "CUBE"
    empty.empty_display_size = 0.5
    middle = Euler(rotation).to_matrix() @ Vector((0.0, 0.0, edges[2] / 2))
    empty.location = Vector(location) + middle
    empty.rotation_euler = rotation
    empty.scale = edges
    empty[AWAITS], empty[_MADE] = job_id, True
    collection_of(scene).objects.link(empty)
    return empty


def find_placeholders(job_ids: Collection[str] | None) -> dict[str, list[str]]:
    """Names of the objects of scenes that wait for these jobs (None: for any), by job id.

    Not of those that are linked: they wait in their own file.
    """
    found: dict[str, list[str]] = {}
    for item in bpy.data.objects:
        job_id = awaited_job(item)
        is_wanted = job_id and (job_ids is None or job_id in job_ids)
        if is_wanted and item.library is None and item.users_scene:
            found.setdefault(job_id, []).append(item.name)
    return found


def drop_placeholder(item: bpy.types.Object) -> None:
    """It waits no more: an empty made for it goes, unless the artist has built on it; an own object stays."""
    if is_made(item) and not _is_built_on(item):
        bpy.data.objects.remove(item)
    else:
        for key in PLACEHOLDER_KEYS:
            item.pop(key, None)


def _is_built_on(item: bpy.types.Object) -> bool:
    """Whether anything hangs on the object: children, constraints, drivers, nodes."""
    users = bpy.data.user_map(subset={item}).get(item, set())
    return any(each.id_type not in _HOLDERS and each != item for each in users)


def wait_no_more(item: bpy.types.Object) -> None:
    """What it has waited for does not come: another job may have it."""
    for key in PLACEHOLDER_KEYS:
        if key != _MADE:
            item.pop(key, None)


def await_version(item: bpy.types.Object, job_id: str, longest: float) -> None:
    """The result waits for another version of itself, or for another result of the same input, which gets its
    transform and its size.

    `longest` is the longest side as it was converted of what has to be made as large as this one: the version
    that it is now, for one in the same measure, or what comes.
    """
    low, high = _own_box(item)
    size = max(high - low) / longest if longest > 0 else 1.0
    item[VERSION] = 1.0 if abs(size - 1.0) < _SAME else size
    item[AWAITS] = job_id


def version_within(root: bpy.types.Object, item: bpy.types.Object) -> Matrix | None:
    """Where in the item's space the root of its other version lies: on the same floor, in the same size.

    None if the item waits for no other version of itself.
    """
    size = version_size(item)
    if not size:
        return None
    to_floor, from_floor = _middle_of_floor(*_own_box(item)), -_middle_of_floor(*bounds_of(root))
    return Matrix.Translation(to_floor) @ Matrix.Scale(size, 4) @ Matrix.Translation(from_floor)


def _own_box(item: bpy.types.Object) -> tuple[Vector, Vector]:
    """Of a result that may have been edited since; modifiers do not count."""
    own = bounds_or_none(item)
    return own if own and item.modifiers else box_of(item)


def _middle_of_floor(low: Vector, high: Vector) -> Vector:
    """Of a box; 0 where single precision alone makes it another."""
    middle = Vector(((low.x + high.x) / 2, (low.y + high.y) / 2, low.z))
    least = _SAME * max(high - low)
    return Vector([value if abs(value) > least else 0.0 for value in middle])


def mark_made(item: bpy.types.Object) -> None:
    """The empty was made to wait, and goes if nothing is waited for any more."""
    item[_MADE] = True


def box_of(item: bpy.types.Object) -> tuple[Vector, Vector]:
    """Lowest and highest corner of the placeholder's box in its own space."""
    if item.type == "EMPTY":
        if bounds := bounds_or_none(item):
            return bounds
        reach = item.empty_display_size
        return Vector((-reach, -reach, -reach)), Vector((reach, reach, reach))
    corners = [Vector(corner) for corner in item.bound_box]
    low, high = (Vector(map(pick, zip(*corners, strict=True))) for pick in (min, max))
    return low, high


def fitted(root: bpy.types.Object, item: bpy.types.Object) -> Matrix:
    """Where the root stands: where what was sent stood, exactly; else on the floor of the placeholder's
    box, as large as fits, turned alike. What is there is measured as it is seen, also under a parent that
    stretches it.
    """
    place = matrix_or_none(item.get(FIT))
    if place is not None:
        return item.matrix_basis @ place
    low, high = bounds_of(root)
    # A mirrored box is filled like one that is not: Blender's `decompose` would turn it upside down.
    signs = [math.copysign(1.0, a * b) for a, b in zip(item.scale, item.delta_scale, strict=True)]
    mirror = Matrix.Diagonal((*signs, 1.0))
    stretch = _stretch_of_parent(item)
    basis = stretch @ full_basis(item) @ mirror
    ends = [mirror @ corner for corner in box_of(item)]
    box_low, box_high = (Vector([pick(axis) for axis in zip(*ends, strict=True)]) for pick in (min, max))
    _, turn, scale = basis.decompose()
    room = [factor * edge for factor, edge in zip(scale, box_high - box_low, strict=True)]
    # A flat side says nothing: a plane that is replaced has no height.
    thin, own_thin = _FLAT * max(room), _FLAT * max(high - low)
    pairs = zip(room, high - low, strict=True)
    factor = min((edge / own for edge, own in pairs if edge > thin and own > own_thin), default=1.0)
    floor = Vector(((box_low.x + box_high.x) / 2, (box_low.y + box_high.y) / 2, box_low.z))
    foot = Vector(((low.x + high.x) / 2, (low.y + high.y) / 2, low.z)) * factor
    return stretch.inverted() @ Matrix.LocRotScale(basis @ floor - turn @ foot, turn, [factor] * 3)


def full_basis(item: bpy.types.Object) -> Matrix:
    """The object's transform, in which it has a size of 1 where animation has shrunk it to nothing."""
    basis = item.matrix_basis.copy()
    if not is_animated(item) or abs(basis.determinant()) > 1e-12:
        return basis
    scale = item.scale.copy()
    item.scale = [math.copysign(1.0, factor) for factor in scale]
    basis = item.matrix_basis.copy()
    item.scale = scale
    return basis


def is_animated(item: bpy.types.Object) -> bool:
    """Whether an action, a driver or a track may move the object."""
    data = item.animation_data
    return data is not None and bool(data.action or data.drivers or len(data.nla_tracks))


def is_made(item: bpy.types.Object) -> bool:
    """Whether the object is an empty that was made to wait, not one of the artist's."""
    return _MADE in item


def _stretch_of_parent(item: bpy.types.Object) -> Matrix:
    """From the space in which the object stands to the world, if its parent stretches that along an axis.

    Else nothing: what is alone, or under a parent that scales evenly, is fitted in its own space.
    """
    if not item.parent or item.parent_type != "OBJECT":
        return Matrix()
    outer = item.parent.matrix_world @ item.matrix_parent_inverse
    axes = outer.to_3x3()
    scale = axes.to_scale()
    is_even = max(scale) - min(scale) <= _SAME * max(scale) and axes.is_orthogonal_axis_vectors
    return Matrix() if is_even or axes.determinant() <= 1e-12 else outer


def free_place(
    place: Iterable[float],
    size: float,
    layer: bpy.types.ViewLayer,
    *,
    offsets: Collection[Vector] = (Vector(),),
) -> tuple[Vector, str]:
    """Where a box of that size stands in nothing that is seen: there, else along X; and beside what.

    With `offsets` from the place, one box stands at each, and all of them are free.
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
    """The point, or so many steps from it that nothing of ours has its foot there.

    What else is there is no hindrance: the point was chosen on it.
    """
    feet = [_foot(each, _placed(each)) for each in layer.objects if awaited_job(each) or bounds_or_none(each)]
    free = Vector(point)
    least = 2 * _LAST_BIT * max(map(abs, free))  # far away a smaller step would lead nowhere
    if 0 < step.length < least:
        step = step.normalized() * least
    while any((foot - free).length < 0.1 * step.length for foot in feet):
        free += step
    return free


def move_foot(item: bpy.types.Object, place: Vector) -> None:
    """Puts the middle of the floor of the object's box on a place in the world."""
    matrix = item.matrix_world.copy()
    matrix.translation += place - _foot(item, matrix)
    item.matrix_world = matrix


def _foot(item: bpy.types.Object, world: Matrix) -> Vector:
    low, high = box_of(item)
    return world @ Vector(((low.x + high.x) / 2, (low.y + high.y) / 2, low.z))


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
    low, high = box_of(item)
    world = _placed(item)
    points = [
        world @ Vector((x, y, z)) for x in (low.x, high.x) for y in (low.y, high.y) for z in (low.z, high.z)
    ]
    return Vector(map(min, zip(*points, strict=True))), Vector(map(max, zip(*points, strict=True)))


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
