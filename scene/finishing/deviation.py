# SPDX-License-Identifier: GPL-3.0-or-later
"""How far the finished surface is from the one before, and how much its colour differs.

Places are chosen at random, as many everywhere by area, and the same each time: from each surface, and for
each the nearest place on the other. So a part that is gone counts as much as one that is new.
"""

from dataclasses import dataclass

import bpy
import numpy as np

from ..conversion.look import Look
from ..conversion.surface import Finder, Places, Surface, places_by_area, surface_from
from .work import CannotError, Work

SAMPLES = 100_000  # of each surface
COLOURS = 20_000  # of those before
MAX_FACES = 4_000_000
SEED = 17
UNCHANGED: dict[str, float | None] = {
    "deviation_mean_m": 0.0,
    "deviation_max_m": 0.0,
    "deviation_mean_share": 0.0,
    "deviation_max_share": 0.0,
    "texture_difference": 0.0,
}


@dataclass
class Before:
    """What is kept of the surface as it was."""

    surface: Surface  # without its materials
    points: np.ndarray  # (n, 3)
    colours: np.ndarray  # of the first of them, 0 to 1 as in a file


def remember(work: Work) -> Before:
    """The surface as it is now. Raises CannotError if there is none, or too much of it."""
    surface = _surface(work)
    places = sampled(surface, SAMPLES)
    colours = Look(surface).values("color", _part(places, COLOURS))[:, :3]
    surface.materials = []
    return Before(surface, places.of(surface.corners), colours)


def compare(work: Work, before: Before) -> dict[str, float | None]:
    """The mean and the largest distance, in metres and as shares of the longest side; and of the colours."""
    after = _surface(work)
    here = sampled(after, SAMPLES)
    found: list[np.ndarray] = []
    for surface, points in ((before.surface, here.of(after.corners)), (after, before.points)):
        finder = Finder(surface)
        try:
            there = finder.nearest(points)
        finally:
            finder.close()
        found.append(there.distance)
    seen = Look(after).values("color", _part(there, COLOURS))[:, :3]
    corners = before.surface.corners.reshape(-1, 3)
    longest = float((corners.max(axis=0) - corners.min(axis=0)).max()) or 1.0
    mean = float(np.mean([each.mean(dtype=np.float64) for each in found]))
    most = float(max(each.max() for each in found))
    return {
        "deviation_mean_m": mean,
        "deviation_max_m": most,
        "deviation_mean_share": mean / longest,
        "deviation_max_share": most / longest,
        "texture_difference": float(np.abs(seen - before.colours).mean(dtype=np.float64)),
    }


def _surface(work: Work) -> Surface:
    """All meshes at their places, at rest."""
    users = work.users()
    if not users:
        raise CannotError("it has no faces")
    count = sum((len(mesh.loops) - 2 * len(mesh.polygons)) * len(its) for mesh, its in users.items())
    if count > MAX_FACES:
        raise CannotError(f"it has over {MAX_FACES:,} faces")
    bpy.context.view_layer.update()
    return surface_from([(mesh, each.matrix_world) for mesh, its in users.items() for each in its])


def sampled(surface: Surface, count: int) -> Places:
    """So many places, as many everywhere by area, the same each time. Raises CannotError if it has none."""
    places = places_by_area(surface, count, np.random.default_rng(SEED))
    if places is None:
        raise CannotError("its faces have no area")
    return places


def _part(places: Places, count: int) -> Places:
    return Places(places.triangle[:count], places.weights[:count], places.distance[:count])
