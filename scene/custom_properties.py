# SPDX-License-Identifier: GPL-3.0-or-later
"""The custom properties that Maquette leaves in a .blend: their names, and reading them typed and bounded.

A .blend may come from anybody, so what is not of the kind that we write counts as not there.
"""

import math

import bpy
from mathutils import Matrix, Vector

PREFIX = "maquette_"  # of the name of each custom property of ours
LOWEST, HIGHEST = "maquette_min", "maquette_max"  # of a result's root: the corners of its bounds
UNIT = "maquette_unit"  # of a result's root: of files whose numbers have no unit of their own
NAMED = "maquette_named"  # of a result's root: its parts have the names that they are to have
PART = "maquette_part"  # of every object of a result but its root: it goes when the result is replaced
ARRAYS_BESIDE = "maquette_parts"  # of a mesh or an image that is not whole yet: what of it is in which file
JOB = "maquette_job"  # of what came of a job: that job's id
AWAITS = "maquette_awaits"  # of a placeholder: the id of a job
MADE_TO_WAIT = "maquette_placeholder"  # of an empty of ours, not of an object of the artist's that waits
OWN = "maquette_own"  # of a placeholder: from its space to that of the object that was sent
FIT = "maquette_fit"  # of a placeholder: where in it the result's root stands
VERSION = "maquette_version"  # of a result that waits for another version of itself: how large it was made
ARRIVES = "maquette_arrives"  # of an object that waits for a material or a mesh of its own
BEFORE = "maquette_before"  # of an object: what was taken from it, to be restored
BESIDE = "maquette_beside"  # of what was put beside another object, not at the 3D cursor: that one's name
FOR_RESULTS = "maquette_collection"  # of a collection: results come into it
SHAPE = "maquette_shape"  # of an object that came with a result: what its mesh was like, see parts.py
MAX_COORDINATE = 1e10  # beyond it single precision leaves nothing of a shape
MAX_ID_LENGTH = 200


def bounds_or_none(item: bpy.types.Object) -> tuple[Vector, Vector] | None:
    """The lowest and highest corner of a result in its root's own space; None if it is no root."""
    if LOWEST not in item:  # most have none, and get() takes seven times as long to say so
        return None
    low, high = (_corner_or_none(item.get(name)) for name in (LOWEST, HIGHEST))
    if low is None or high is None:
        return None
    edges = high - low
    return (low, high) if min(edges) >= 0 and max(edges) > 0 else None


def awaited_job(item: bpy.types.Object) -> str:
    """The id of the job that the object waits for; empty if it waits for none."""
    if AWAITS not in item:
        return ""
    value = item[AWAITS]
    return value if isinstance(value, str) and len(value) <= MAX_ID_LENGTH else ""


def matrix_or_none(value: object) -> Matrix | None:
    """A matrix of four rows that has an inverse."""
    numbers = numbers_or_none(value, 16)
    if numbers is None:
        return None
    matrix = Matrix([numbers[row : row + 4] for row in range(0, 16, 4)])
    return matrix if matrix.determinant() else None


def version_size(item: bpy.types.Object) -> float:
    """How many times its own size a result was made, if it waits for another version of itself; else 0."""
    value = item.get(VERSION)
    is_usual = isinstance(value, int | float) and 1.0 / MAX_COORDINATE < value < MAX_COORDINATE
    return float(value) if is_usual else 0.0


def numbers_or_none(value: object, count: int) -> list[float] | None:
    """The value as that many numbers, if it is that and none is absurdly large."""
    try:
        numbers = list(value)  # pyright: ignore[reportCallIssue, reportArgumentType] # whatever it is
    except TypeError:
        return None
    if len(numbers) != count or not all(isinstance(number, int | float) for number in numbers):
        return None
    is_usual = all(math.isfinite(number) and abs(number) <= MAX_COORDINATE for number in numbers)
    return numbers if is_usual else None


def _corner_or_none(value: object) -> Vector | None:
    numbers = numbers_or_none(value, 3)
    return Vector(numbers) if numbers else None
