# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a result stands and how large it is.

Everything follows from the bounds that the converter left on the root: nothing is evaluated.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import bpy
from mathutils import Vector

from .custom_properties import bounds_or_none


@dataclass(frozen=True)
class Placement:
    """A point on the ground and a size.

    `location` is in the scene's units, like the 3D cursor's; `rotation_z` in radians; `size_m` is the longest
    side in metres, None for the size as delivered.
    """

    location: tuple[float, float, float] = (0.0, 0.0, 0.0)
    rotation_z: float = 0.0
    size_m: float | None = 1.0

    def __post_init__(self) -> None:
        if self.size_m is not None and not (math.isfinite(self.size_m) and self.size_m > 0):
            raise ValueError(f"A size must be above 0 metres, not {self.size_m}.")


def place(root: bpy.types.Object, placement: Placement) -> None:
    """Stands the root's bottom centre on the point, turned and evenly scaled; heeds the unit scale."""
    low, high = bounds_of(root)
    factor = 1.0 if placement.size_m is None else placement.size_m / max(high - low)
    scale = factor / metres_per_unit(root)
    root.rotation_mode = "XYZ"
    root.location = placement.location
    root.rotation_euler = (0.0, 0.0, placement.rotation_z)
    root.scale = (scale, scale, scale)


def row_locations(roots: Sequence[bpy.types.Object], gap_m: float) -> list[tuple[float, float, float]]:
    """Locations on the ground that put the roots side by side along X, as they are turned and scaled now.

    The row is centred on the world's origin; `gap_m` is the free space between two neighbours in metres.
    """
    extents: list[tuple[float, float]] = []
    for root in roots:
        turned = root.matrix_basis.to_3x3()
        reach = [(turned @ corner).x for corner in corners_of(root)]
        extents.append((min(reach), max(reach)))
    gap = gap_m / metres_per_unit(roots[0]) if roots else 0.0
    total = sum(high - low for low, high in extents) + gap * max(len(extents) - 1, 0)
    edge = -total / 2
    row: list[tuple[float, float, float]] = []
    for low, high in extents:
        row.append((edge - low, 0.0, 0.0))
        edge += high - low + gap
    return row


def grid_locations(roots: Sequence[bpy.types.Object], gap_m: float) -> list[tuple[float, float, float]]:
    """As `row_locations`, but in several rows one before the other, about as many as each has."""
    across = math.ceil(math.sqrt(len(roots)))
    places: list[tuple[float, float, float]] = []
    edge = 0.0
    for start in range(0, len(roots), max(1, across)):
        row = roots[start : start + across]
        turned = [(root.matrix_basis.to_3x3(), corner) for root in row for corner in corners_of(root)]
        reach = [(turn @ corner).y for turn, corner in turned]
        y = edge - max(reach)
        places += [(x, y, 0.0) for x, _, _ in row_locations(row, gap_m)]
        edge = y + min(reach) - gap_m / metres_per_unit(row[0])
    return places


def bounds_of(root: bpy.types.Object) -> tuple[Vector, Vector]:
    """The lowest and highest corner of the result in the root's own space; ValueError if it is no result."""
    bounds = bounds_or_none(root)
    if bounds is None:
        raise ValueError(f"{root.name!r} is not the root of a Maquette result: its bounds are missing.")
    return bounds


def corners_of(root: bpy.types.Object) -> list[Vector]:
    """The eight corners of `bounds_of`."""
    return box_corners(*bounds_of(root))


def box_corners(low: Vector, high: Vector) -> list[Vector]:
    """The eight corners of a box."""
    return [Vector((x, y, z)) for x in (low.x, high.x) for y in (low.y, high.y) for z in (low.z, high.z)]


def box_round(points: Sequence[Vector]) -> tuple[Vector, Vector]:
    """The lowest and highest corner of the box round the points."""
    axes = list(zip(*points, strict=True))
    return Vector(map(min, axes)), Vector(map(max, axes))


def floor_centre(low: Vector, high: Vector) -> Vector:
    """The middle of the floor of a box."""
    return Vector(((low.x + high.x) / 2, (low.y + high.y) / 2, low.z))


def metres_per_unit(root: bpy.types.Object) -> float:
    """The length of a unit in the scene that the root is in; without a system of units it is a metre."""
    scenes = root.users_scene
    settings = scenes[0].unit_settings if scenes else None
    return settings.scale_length if settings and settings.system != "NONE" else 1.0
