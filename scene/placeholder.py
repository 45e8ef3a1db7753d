# SPDX-License-Identifier: GPL-3.0-or-later
"""Placeholders: objects that wait for a job's result, which will be fitted into their box.

Any object with the property AWAITS is one: an empty that was made to wait, or an object that the result will
replace, such as an earlier result. The property is the permission to place: a file without it gets nothing.
"""

import math
from collections.abc import Collection, Iterable, Sequence

import bpy
from mathutils import Euler, Matrix, Vector

from .append import collection_of
from .custom_properties import (
    ARRIVES,
    AWAITS,
    FIT,
    MADE_TO_WAIT,
    OWN,
    VERSION,
    awaited_job,
    bounds_or_none,
    matrix_or_none,
    version_size,
)
from .place import bounds_of, box_round, floor_centre

PLACEHOLDER_KEYS = (AWAITS, MADE_TO_WAIT, OWN, FIT, ARRIVES, VERSION)
_SAME = 1e-5  # what two sizes differ by that are one, in single precision
_FLAT = 1e-6  # of the longest edge
# They list an object, and build nothing on it.
_HOLDERS = ("COLLECTION", "SCENE", "SCREEN", "WINDOWMANAGER", "WORKSPACE")


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
    empty[AWAITS], empty[MADE_TO_WAIT] = job_id, True
    collection_of(scene).objects.link(empty)
    return empty


def find_placeholders(job_ids: Collection[str] | None) -> dict[str, list[str]]:
    """Names of the objects of scenes that wait for these jobs (None: for any), by job id.

    Linked objects are left out: they wait in their own file.
    """
    found: dict[str, list[str]] = {}
    for item in bpy.data.objects:
        job_id = awaited_job(item)
        is_wanted = job_id and (job_ids is None or job_id in job_ids)
        if is_wanted and item.library is None and item.users_scene:
            found.setdefault(job_id, []).append(item.name)
    return found


def drop_placeholder(item: bpy.types.Object) -> None:
    """Ends the waiting. An empty that was made to wait is removed, unless the artist has built on it.

    Any other object stays.
    """
    if is_made_to_wait(item) and not _is_built_on(item):
        bpy.data.objects.remove(item)
    else:
        for key in PLACEHOLDER_KEYS:
            item.pop(key, None)


def _is_built_on(item: bpy.types.Object) -> bool:
    """Whether anything hangs on the object: children, constraints, drivers, nodes."""
    users = bpy.data.user_map(subset={item}).get(item, set())
    return any(each.id_type not in _HOLDERS and each != item for each in users)


def wait_no_more(item: bpy.types.Object) -> None:
    """Ends the waiting, and keeps the object: another job may have it."""
    for key in PLACEHOLDER_KEYS:
        if key != MADE_TO_WAIT:
            item.pop(key, None)


def await_version(item: bpy.types.Object, job_id: str, longest: float) -> None:
    """The result waits for another version of itself, or for another result of the same input, which gets its
    transform and its size.

    `longest` is the longest side, before placing, of what is to become as large as this one: of what comes;
    or of the version that stands here, if what comes is in the same measure.
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
    to_floor, from_floor = _steady_floor_centre(*_own_box(item)), -_steady_floor_centre(*bounds_of(root))
    return Matrix.Translation(to_floor) @ Matrix.Scale(size, 4) @ Matrix.Translation(from_floor)


def _own_box(item: bpy.types.Object) -> tuple[Vector, Vector]:
    """The box of a result, also if it was edited since it came; modifiers do not count."""
    own = bounds_or_none(item)
    return own if own and item.modifiers else box_of(item)


def _steady_floor_centre(low: Vector, high: Vector) -> Vector:
    """`floor_centre`, but 0 where single precision alone makes it another."""
    least = _SAME * max(high - low)
    return Vector([value if abs(value) > least else 0.0 for value in floor_centre(low, high)])


def mark_made_to_wait(item: bpy.types.Object) -> None:
    """Marks an empty that was made to wait: it is removed once it waits for nothing."""
    item[MADE_TO_WAIT] = True


def box_of(item: bpy.types.Object) -> tuple[Vector, Vector]:
    """Lowest and highest corner of the placeholder's box in its own space."""
    if item.type == "EMPTY":
        if bounds := bounds_or_none(item):
            return bounds
        reach = item.empty_display_size
        return Vector((-reach, -reach, -reach)), Vector((reach, reach, reach))
    return box_round([Vector(corner) for corner in item.bound_box])


def fitted(root: bpy.types.Object, item: bpy.types.Object) -> Matrix:
    """The transform of the root in the placeholder's place.

    If FIT says where what was sent stood, the root stands just there. Else it stands on the floor of the
    placeholder's box, as large as fits into that, turned as that is. The box is measured as it is seen, also
    under a parent that stretches it.
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
    box_low, box_high = box_round([mirror @ corner for corner in box_of(item)])
    _, turn, scale = basis.decompose()
    room = [factor * edge for factor, edge in zip(scale, box_high - box_low, strict=True)]
    # A flat side says nothing: a plane that is replaced has no height.
    thin, own_thin = _FLAT * max(room), _FLAT * max(high - low)
    pairs = zip(room, high - low, strict=True)
    factor = min((edge / own for edge, own in pairs if edge > thin and own > own_thin), default=1.0)
    floor, foot = floor_centre(box_low, box_high), floor_centre(low, high) * factor
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


def is_made_to_wait(item: bpy.types.Object) -> bool:
    """Whether the object is an empty that was made to wait, not one of the artist's."""
    return MADE_TO_WAIT in item


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


def move_foot(item: bpy.types.Object, place: Vector) -> None:
    """Puts the middle of the floor of the object's box on a place in the world."""
    matrix = item.matrix_world.copy()
    matrix.translation += place - matrix @ floor_centre(*box_of(item))
    item.matrix_world = matrix
