# SPDX-License-Identifier: GPL-3.0-or-later
"""Placeholders: objects that wait for a job's result, which will be fitted into their box.

Any object with the property is one: an empty made for it, or what is to be replaced, be it an earlier result.
The property is the permission to place: a file without it gets nothing.
"""

import math
from collections.abc import Collection, Iterable

import bpy
from mathutils import Euler, Matrix, Vector

from .append import collection_of
from .custom_properties import ARRIVES, AWAITS, FIT, OWN, awaited_job, bounds_or_none, matrix_or_none
from .place import bounds_of, corners_of

_MADE = "maquette_placeholder"  # an empty of ours, not one of the artist's that is to be replaced
PLACEHOLDER_KEYS = (AWAITS, _MADE, OWN, FIT, ARRIVES)
_GAP = 0.25  # of the size, between two in a row


def add_placeholder(
    scene: bpy.types.Scene,
    *,
    job_id: str,
    name: str,
    location: Iterable[float],
    rotation: tuple[float, float, float] = (0.0, 0.0, 0.0),
    size: float,
) -> bpy.types.Object:
    """An empty cube that stands on `location`; `size` is its edge in the scene's units, angles in radians."""
    empty = bpy.data.objects.new(name, None)
    empty.empty_display_type = "CUBE"
    empty.empty_display_size = 0.5
    middle = Euler(rotation).to_matrix() @ Vector((0.0, 0.0, size / 2))
    empty.location = Vector(location) + middle
    empty.rotation_euler = rotation
    empty.scale = (size, size, size)
    empty[AWAITS], empty[_MADE] = job_id, True
    collection_of(scene).objects.link(empty)
    return empty


def find_placeholders(job_ids: Collection[str] | None) -> dict[str, list[str]]:
    """Names of the objects in the file that wait for these jobs (None: for any), by job id."""
    found: dict[str, list[str]] = {}
    for item in bpy.data.objects:
        job_id = awaited_job(item)
        if job_id and (job_ids is None or job_id in job_ids):
            found.setdefault(job_id, []).append(item.name)
    return found


def drop_placeholder(item: bpy.types.Object) -> None:
    """It waits no more: an empty made for it goes, the artist's own object stays."""
    if _MADE in item:
        bpy.data.objects.remove(item)
    else:
        for key in PLACEHOLDER_KEYS:
            item.pop(key, None)


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
    box, as large as fits, turned alike.
    """
    place = matrix_or_none(item.get(FIT))
    if place is not None:
        return item.matrix_basis @ place
    low, high = bounds_of(root)
    box_low, box_high = box_of(item)
    _, turn, scale = item.matrix_basis.decompose()
    room = [abs(factor * edge) for factor, edge in zip(scale, box_high - box_low, strict=True)]
    # A flat side says nothing: a plane that is replaced has no height.
    ratios = [edge / own for edge, own in zip(room, high - low, strict=True) if edge > 1e-6 and own > 1e-6]
    factor = min(ratios, default=1.0)
    floor = Vector(((box_low.x + box_high.x) / 2, (box_low.y + box_high.y) / 2, box_low.z))
    foot = Vector(((low.x + high.x) / 2, (low.y + high.y) / 2, low.z)) * factor
    return Matrix.LocRotScale(item.matrix_basis @ floor - turn @ foot, turn, [factor] * 3)


def row_place(scene: bpy.types.Scene, size: float) -> Vector:
    """Where the next in a row stands: beside all of Maquette's here, the first at the 3D cursor."""
    place = scene.cursor.location.copy()
    reaches: list[float] = []
    for item in scene.objects:
        if bounds_or_none(item):
            corners = corners_of(item)
        elif awaited_job(item):
            low, high = box_of(item)
            corners = [low, high, Vector((low.x, high.y, low.z)), Vector((high.x, low.y, low.z))]
        else:
            continue
        world = item.matrix_world if item.parent else item.matrix_basis
        reaches.append(max((world @ corner).x for corner in corners))
    reaches = [reach for reach in reaches if math.isfinite(reach)]
    if reaches:
        place.x = max(reaches) + (_GAP + 0.5) * size
    return place
