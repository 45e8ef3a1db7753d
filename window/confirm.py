# SPDX-License-Identifier: GPL-3.0-or-later
"""Confirms paid actions: shows the price first, and ignores the second click of a double click.

None of them is for Blender's own repetition: an operator without REGISTER is neither redone (F9) nor repeated
(Shift R).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import bpy

from ..jobs import cost_text

_TICK_S, _LATE_S = 0.1, 0.15
_CALM_TICKS = 4  # longer than a double click takes
_MOST_S = 3.0
UNREAD_S = 0.5  # a price that has just appeared under the mouse is not read yet


@dataclass
class _Spent:
    """The last paid action, remembered until a second click can no longer belong to the same double click.

    Times are those of time.monotonic().
    """

    at: float = float("-inf")
    ticked_at: float = 0.0
    calm_ticks: int = 0


_spent = _Spent()
_opened_at = [float("-inf")]  # when a question last opened by itself


def question_opened() -> None:
    """A question is opening under the mouse: a click that was meant for what it covers is no answer."""
    _opened_at[0] = time.monotonic()


def invoke(
    operator: bpy.types.Operator,
    context: bpy.types.Context,
    event: bpy.types.Event,
    *,
    question: str,
    cost_cu: float | None,
    is_shown: bool,
    details: Sequence[str] = (),
) -> set[str]:
    """Has it done at once if the price is on the button (`is_shown`), else after a question.

    The question stands in the middle of the window: a double click on the button does not answer it.
    """
    if bpy.app.timers.is_registered(_settle):
        operator.report({"INFO"}, "A double click counts once. Click again for another.")
        return {"CANCELLED"}
    if time.monotonic() - _opened_at[0] < UNREAD_S:
        operator.report({"INFO"}, "Nothing was paid: that click came before the question could be read.")
        return {"CANCELLED"}
    if is_shown and cost_cu is not None:
        result = cast("Any", operator).execute(context)
        if "FINISHED" in result:
            _spent.at = _spent.ticked_at = time.monotonic()
            _spent.calm_ticks = 0
            bpy.app.timers.register(_settle, first_interval=_TICK_S)
        return result
    manager: Any = context.window_manager
    price = "The price is not known." if cost_cu is None else f"It costs {cost_text(cost_cu)}."
    return manager.invoke_confirm(
        operator, event, title=question, message="\n".join([*details, price]), confirm_text=operator.bl_label
    )


def _settle() -> float | None:
    """A slow redraw may lie between two clicks: time counts only while Blender keeps up."""
    before, _spent.ticked_at = _spent.ticked_at, time.monotonic()
    is_late = _spent.ticked_at - before > _TICK_S + _LATE_S
    _spent.calm_ticks = 0 if is_late else _spent.calm_ticks + 1
    is_over = _spent.calm_ticks >= _CALM_TICKS or _spent.ticked_at - _spent.at > _MOST_S
    return None if is_over else _TICK_S


def unregister() -> None:
    if bpy.app.timers.is_registered(_settle):
        bpy.app.timers.unregister(_settle)
