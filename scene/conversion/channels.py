# SPDX-License-Identifier: GPL-3.0-or-later
"""The curves of actions, as every Blender has them: in slots from 4.4 on, before that one list each."""

from collections.abc import Iterator
from typing import Any

import bpy
import numpy as np

from .animated import Use
from .values import values_of


def curve_lists(use: Use) -> Iterator[Any]:
    """The lists of curves, from which curves can be removed."""
    action: Any = use[0]
    if not hasattr(action, "slots"):
        yield action.fcurves
        return
    bags = [strip.channelbag(use[1]) for layer in action.layers for strip in layer.strips] if use[1] else []
    yield from (bag.fcurves for bag in bags if bag)


def curves_of(use: Use) -> list[bpy.types.FCurve]:
    """All its curves."""
    return [curve for curves in curve_lists(use) for curve in curves]


def multiply(curve: bpy.types.FCurve, factor: float) -> None:
    """Multiplies the values of all keys and their handles."""
    points: Any = curve.keyframe_points
    for name in ("co", "handle_left", "handle_right"):
        pairs = np.empty(len(points) * 2, np.float32)
        points.foreach_get(name, pairs)
        pairs[1::2] *= factor
        points.foreach_set(name, pairs)
    curve.update()


def constant_or_none(curve: bpy.types.FCurve) -> float | None:
    """The value that the curve always has; None if it changes, or has none."""
    points: Any = curve.keyframe_points
    pairs = values_of(points, "co", width=2)
    values = pairs[1::2]
    if not len(values) or not np.isfinite(values).all():
        return None
    value = float(np.median(values))
    return value if np.abs(values - value).max() <= 1e-5 * abs(value) else None
