# SPDX-License-Identifier: GPL-3.0-or-later
"""Places of their own for 3D models: points on the ground or on a surface, one or a grid of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import bpy
from bpy_extras import view3d_utils
from mathutils import Matrix, Vector

from .. import properties, scene


@dataclass(frozen=True)
class Spot:
    """Where the middle of a 3D model's foot stands, how it is turned about Z, and its longest side."""

    location: tuple[float, float, float]
    rotation_z: float = 0.0
    size: float = 1.0


def grid(context: bpy.types.Context, count: int) -> list[Spot]:
    """Places for several, side by side and one behind the other.

    The first is where the settings put one. At the 3D cursor and in a row, all stand clear of what is there.
    """
    settings = properties.get(context.scene)
    start, turn = Vector(context.scene.cursor.location), 0.0
    across = math.ceil(math.sqrt(count))
    step = settings.size * (1 + scene.GAP)
    places = [Vector((at % across * step, at // across * step, 0.0)) for at in range(count)]
    if settings.place_mode == "POINT":
        start, turn = drop_place(context)
        turned = Matrix.Rotation(turn, 3, "Z")
        places = [turned @ place for place in places]
    else:
        if settings.place_mode == "ROW":
            start = scene.row_place(context.scene, settings.size)
        start, _ = scene.free_place(start, settings.size, context.view_layer, offsets=places)
    return [Spot(tuple(start + place), turn, settings.size) for place in places]


def row_beside(
    context: bpy.types.Context, standing: Sequence[bpy.types.Object], count: int
) -> Sequence[Spot | None]:
    """Places in a row beside what stands, as large as that; if nothing does, where the settings say."""
    reach = scene.reach_of(standing)
    if reach is None:
        return grid(context, count) if count > 1 else [None]
    low, high = reach
    size = max(high - low)
    start = Vector((high.x + (scene.GAP + 0.5) * size, (low.y + high.y) / 2, low.z))
    places = [Vector((place * (1 + scene.GAP) * size, 0.0, 0.0)) for place in range(count)]
    start, _ = scene.free_place(start, size, context.view_layer, offsets=places)
    return [Spot(tuple(start + place), 0.0, size) for place in places]


def drop_place(context: bpy.types.Context) -> tuple[Vector, float]:
    """Where the image was dropped, and the turn about Z; beside what has been made there since."""
    settings = properties.get(context.scene)
    turn = settings.drop_rotation_z
    step = Matrix.Rotation(turn, 3, "Z") @ Vector((settings.size * (1 + scene.GAP), 0.0, 0.0))
    return scene.free_point(settings.drop_point, step, context.view_layer), turn


def point_under(context: bpy.types.Context, x: float, y: float) -> Vector:
    """The point on the surface under the mouse, else on the ground, else at the cursor's depth.

    `x` and `y` are pixels of the context's region of a 3D view.
    """
    region, view = context.region, context.region_data
    origin = view3d_utils.region_2d_to_origin_3d(region, view, (x, y))
    direction = view3d_utils.region_2d_to_vector_3d(region, view, (x, y))
    is_hit, point, *_ = context.scene.ray_cast(context.evaluated_depsgraph_get(), origin, direction)
    if is_hit:
        return point
    distance = -origin.z / direction.z if direction.z else -1.0
    if distance > 0:
        return origin + direction * distance
    return view3d_utils.region_2d_to_location_3d(region, view, (x, y), context.scene.cursor.location)
