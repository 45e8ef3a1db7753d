# SPDX-License-Identifier: GPL-3.0-or-later
"""Applies the scale of a result's parts, turns its front, sets its origin."""

from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Vector

from ..conversion.bounds import seen_bounds
from ..custom_properties import HIGHEST, LOWEST
from ..place import floor_centre
from .work import CannotError, Work

_TURNS = {"-y": 0.0, "x": 90.0, "y": 180.0, "-x": 270.0}  # degrees about Z, from where glTF's front is


def apply_scale(work: Work) -> None:
    """Parts have a scale of 1: it goes into their meshes. Raises CannotError for what a rig or clip moves."""
    kept: list[str] = []
    children: dict[Any, list[bpy.types.Object]] = {}
    for each in work.objects:
        children.setdefault(each.parent, []).append(each)
    waiting = [*children.get(work.root, ())]
    while waiting:
        item = waiting.pop(0)
        if _is_moved(item):
            kept += [item.name] if _has_scale(item) else []
            continue  # with all that hangs on it
        _without_scale(item, children.get(item, []))
        waiting += children.get(item, [])
    if kept:
        raise CannotError(f"a rig or an animation moves {', '.join(kept[:3])}")


def _is_moved(item: bpy.types.Object) -> bool:
    return bool(
        item.animation_data
        or item.constraints
        or item.type not in ("MESH", "EMPTY")
        or item.parent_type != "OBJECT"
        or item.modifiers
        or getattr(item.data, "shape_keys", None)
    )


def _has_scale(item: bpy.types.Object) -> bool:
    return any(abs(value - 1) > 1e-5 for value in (item.matrix_parent_inverse @ item.matrix_basis).to_scale())


def _without_scale(item: bpy.types.Object, children: list[bpy.types.Object]) -> None:
    """What it has of scale goes to what hangs on it, so that nothing is seen to move."""
    whole = item.matrix_parent_inverse @ item.matrix_basis
    location, turn, _ = whole.decompose()
    kept = Matrix.LocRotScale(location, turn, None)
    rest = kept.inverted() @ whole
    item.matrix_parent_inverse = Matrix()
    item.matrix_basis = kept
    for each in children:
        each.matrix_parent_inverse = rest @ each.matrix_parent_inverse
    if not isinstance(item.data, bpy.types.Mesh) or _is_nothing(rest):
        return
    if item.data.users > 1:
        item.data = item.data.copy()
    item.data.transform(rest)
    if rest.is_negative:
        item.data.flip_normals()


def _is_nothing(matrix: Matrix) -> bool:
    return np.allclose(np.array(matrix), np.eye(4), atol=1e-6)


def turn(work: Work) -> None:
    """What looked along -Y, as delivered models do, looks along `front`."""
    _move(work, Matrix.Rotation(np.radians(_TURNS[work.profile["front"]]), 4, "Z"))


def set_pivot(work: Work) -> None:
    """Puts the origin at the bottom centre or the centre of what is seen, and notes its bounds anew."""
    low, high = _measure(work)
    pivot = work.profile["pivot"]
    if pivot:
        at = floor_centre(low, high) if pivot == "base" else (low + high) / 2
        _move(work, Matrix.Translation(-at))
        low, high = low - at, high - at
    work.root[LOWEST], work.root[HIGHEST] = low, high


def _measure(work: Work) -> tuple[Vector, Vector]:
    scene: Any = bpy.context.scene
    bounds = seen_bounds(work.objects, scene)
    return Vector(bounds.low), Vector(bounds.high)


def _move(work: Work, matrix: Matrix) -> None:
    """All of it within its root."""
    root = work.root
    if isinstance(root.data, bpy.types.Mesh):
        root.data.transform(matrix, shape_keys=True)
        root.data.update()
    for child in [each for each in work.objects if each.parent == root]:
        child.matrix_parent_inverse = matrix @ child.matrix_parent_inverse
    bpy.context.view_layer.update()
