# SPDX-License-Identifier: GPL-3.0-or-later
"""A rig arrives with a scale of 1: what its objects are scaled by goes into bones, meshes and clips.

An even scale commutes with every turn, so that each joint and each vertex stays where it was on every frame.
Where a scale is uneven or changes it stays, and where something else depends on it, that of the whole rig;
both are said.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

from .animated import Use, key_of, uses_of
from .channels import constant_or_none, curve_lists, curves_of, multiply

_SAME = 3e-5  # of a scale: single precision, through some multiplications
_LEAST, _MOST = 1e-6, 1e6
_LEAST_BONE = 2e-6  # Blender removes shorter bones when an armature is changed
_HARMLESS = ("ARMATURE", "SUBSURF", "TRIANGULATE", "WEIGHTED_NORMAL", "EDGE_SPLIT")
_PARENTS = ("OBJECT", "BONE", "ARMATURE")
_ALSO = {"MESH": {"shape_keys": True}, "ARMATURE": {}}  # of what `transform` can do
_Children = dict[bpy.types.Object | None, list[bpy.types.Object]]


class _CannotError(Exception):
    """The rig keeps its scale; the text says why."""


@dataclass(frozen=True)
class _Change:
    """What becomes of an object, in factors.

    `given` comes from what it hangs on, `parents` from its parent inverse. Folded, it has a scale of 1 and
    gives `content` to its data and to what hangs on it; else it takes `given` into its own scale.
    """

    item: Any
    given: float
    parents: float
    content: float
    is_folded: bool

    @property
    def location(self) -> float:
        return self.given * self.parents

    @property
    def is_nothing(self) -> bool:
        factors = (self.given, self.parents, self.content)
        return not any(map(_is_other, factors)) and not (self.is_folded and _has_scale(self.item))

    @property
    def is_seen(self) -> bool:
        """Whether it leaves a scale where none should be."""
        is_ours = self.item.type in ("MESH", "ARMATURE", "EMPTY")
        return is_ours and not self.is_folded and (_has_scale(self.item) or _is_other(self.given))


def fold_scale(objects: Sequence[bpy.types.Object]) -> list[str]:
    """Folds the scale of every rig among the objects, with all that stands over it and hangs on it.

    Returns in words what keeps its scale, and why.
    """
    children: _Children = {}
    for each in objects:
        children.setdefault(each.parent, []).append(each)
    owners: dict[tuple[str, int], list[bpy.types.Object]] = {}
    for each in objects:
        for use in uses_of(each):
            owners.setdefault(key_of(use), []).append(each)
    said: list[str] = []
    for root in _roots(objects):
        planned = _planned(root, children)
        changes = [each for each in planned if not each.is_nothing]
        try:
            _check(changes, owners)
        except _CannotError as why:
            said.append(f"{_named([root])} its scale: {why}.")
            continue
        kept = [each.item for each in planned if each.is_seen]
        said += [f"{_named(kept)} a scale that is uneven, or that changes with time."] if kept else []
        _apply(changes)
    bpy.context.view_layer.update()
    return said


def _roots(objects: Iterable[bpy.types.Object]) -> list[bpy.types.Object]:
    """The topmost objects over armatures and over what those deform."""
    found: dict[bpy.types.Object, None] = {}
    for each in objects:
        if each.type == "ARMATURE" or any(step.type == "ARMATURE" for step in each.modifiers):
            top = each
            while top.parent:
                top = top.parent
            found[top] = None
    return list(found)


def _named(items: Sequence[bpy.types.Object]) -> str:
    names = ", ".join(repr(each.name[:40]) for each in items[:3])
    return f"{names}{' and others' if len(items) > 3 else ''} keep{'' if len(items) > 1 else 's'}"


def _planned(root: bpy.types.Object, children: _Children) -> list[_Change]:
    """From the top down: an object has the scale of what it hangs on already."""
    changes: list[_Change] = []
    waiting = [(root, 1.0)]
    while waiting:
        item, given = waiting.pop()
        parents = _even_or_none(item.matrix_parent_inverse) if item.parent else 1.0
        own = _own_scale_or_none(item)
        content = given * (parents or 0.0) * (own or 0.0)
        if item.type in ("MESH", "ARMATURE", "EMPTY") and _LEAST < content < _MOST:
            change = _Change(item, given, parents or 1.0, content, is_folded=True)
        else:
            change = _Change(item, given, 1.0, 1.0, is_folded=False)
        changes.append(change)
        waiting += [(each, change.content) for each in children.get(item, ())]
    return changes


def _is_other(factor: float) -> bool:
    return abs(factor - 1) > _SAME


def _has_scale(item: Any) -> bool:
    own = [one * other for one, other in zip(item.scale, item.delta_scale, strict=True)]
    return any(map(_is_other, own))


def _even_or_none(matrix: Matrix) -> float | None:
    """By what the matrix scales evenly, without a shear or a mirroring."""
    axes = np.array(matrix.to_3x3())
    if not np.isfinite(axes).all():
        return None
    squares = axes.T @ axes
    square = float(np.trace(squares)) / 3
    is_even = np.abs(squares - np.eye(3) * square).max() <= 2 * _SAME * square
    return float(np.sqrt(square)) if is_even and np.linalg.det(axes) > 0 else None


def _own_scale_or_none(item: Any) -> float | None:
    """The one scale that an object has at all times, evenly; None if there is none."""
    uses = [_scale_curves(each) for each in uses_of(item)]
    found = [_constant_scale(curves, item) for curves in uses]
    if not item.animation_data or not item.animation_data.action or not all(uses):
        found.append(list(item.scale))
    whole = np.array([each for each in found if each is not None])
    if len(whole) < len(found):
        return None
    whole = whole * np.array(item.delta_scale)
    value = float(whole.mean())
    is_one = np.isfinite(value) and value > 0 and np.abs(whole - value).max() <= _SAME * value
    return value if is_one else None


def _scale_curves(use: Use) -> list[bpy.types.FCurve]:
    return [each for each in curves_of(use) if each.data_path == "scale"]


def _constant_scale(curves: list[bpy.types.FCurve], item: Any) -> list[float] | None:
    values = list(item.scale)
    for curve in curves:
        value = constant_or_none(curve)
        if value is None or not 0 <= curve.array_index < 3:
            return None
        values[curve.array_index] = value
    return values


def _check(changes: Sequence[_Change], owners: Mapping[tuple[str, int], Iterable[bpy.types.Object]]) -> None:
    """Raises _CannotError where something would not follow. `owners` are all that a clip moves."""
    change_of = {each.item: each for each in changes}
    for change in changes:
        _check_item(change.item, change.content)
        for use in uses_of(change.item):
            for owner in owners[key_of(use)]:
                other = change_of.get(owner)
                if other is None or replace(other, item=change.item) != change:
                    raise _CannotError("one clip moves several parts")
            for curve in curves_of(use):
                if curve.data_path.startswith("delta_"):
                    raise _CannotError("a clip moves it in an unusual way")
                if curve.modifiers and curve.data_path.rsplit(".", 1)[-1] in ("location", "scale"):
                    raise _CannotError("a clip has curves with modifiers")


def _check_item(item: Any, content: float) -> None:
    holders = [item, item.data, getattr(item.data, "shape_keys", None)]
    if any(each.animation_data.drivers for each in holders if getattr(each, "animation_data", None)):
        raise _CannotError("drivers depend on it")
    if item.constraints or (item.pose and any(bone.constraints for bone in item.pose.bones)):
        raise _CannotError("constraints depend on it")
    if item.parent and item.parent_type not in _PARENTS:
        raise _CannotError("a part hangs on single vertices")
    if any(step.type not in _HARMLESS for step in item.modifiers):
        raise _CannotError("a modifier depends on it")
    bones = item.data.bones if item.type == "ARMATURE" and _is_other(content) else ()
    if any(each.length * min(content, 1.0) < _LEAST_BONE for each in bones):
        raise _CannotError("its bones would be too short for Blender")


def _apply(changes: Sequence[_Change]) -> None:
    done: set[tuple[str, int]] = set()
    for change in changes:
        item = change.item
        for use in uses_of(item):
            if key_of(use) not in done:
                done.add(key_of(use))
                _fold_clip(use, change)
        _fold_place(change)
        if item.type == "EMPTY":
            item.empty_display_size = min(max(item.empty_display_size * change.content, 0.0001), 1000.0)
    _fold_data([each for each in changes if each.item.type in _ALSO])


def _fold_clip(use: Use, change: _Change) -> None:
    for curves in curve_lists(use):
        for curve in list(curves):
            if curve.data_path == "location":
                multiply(curve, change.location)
            elif curve.data_path == "scale" and change.is_folded:
                curves.remove(curve)
            elif curve.data_path == "scale":
                multiply(curve, change.given)
            elif curve.data_path.startswith("pose.bones[") and curve.data_path.endswith("].location"):
                multiply(curve, change.content)


def _fold_place(change: _Change) -> None:
    """The object's own transform, and that of its bones."""
    item = change.item
    inverse = item.matrix_parent_inverse @ Matrix.Scale(1 / change.parents, 4)
    inverse.translation *= change.given
    item.matrix_parent_inverse = inverse
    item.location *= change.location
    item.delta_location *= change.location
    if change.is_folded:
        item.scale = item.delta_scale = (1.0, 1.0, 1.0)
    else:
        item.scale *= change.given
    for bone in item.pose.bones if item.pose else ():
        bone.location *= change.content


def _fold_data(changes: Sequence[_Change]) -> None:
    """Meshes with their shape keys, and bones at rest. What objects share stays shared where it can."""
    users: dict[Any, dict[float, list[Any]]] = {}
    for each in changes:
        users.setdefault(each.item.data, {}).setdefault(each.content, []).append(each.item)
    for data, items_of in users.items():
        for factor, items in items_of.items():
            if not _is_other(factor):
                continue
            own = data
            if data.users > len(items):
                own = data.copy()
                for each in items:
                    each.data = own
            own.transform(Matrix.Scale(factor, 4), **_ALSO[items[0].type])
