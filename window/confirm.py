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

_TICK_S = 0.1
_NEAR = 8  # pixels that a double click may move
UNREAD_S = 0.5  # a price that has just appeared under the mouse is not read yet


@dataclass
class Spent:
    """The last paid action, remembered until a second click can no longer belong to the same double click."""

    request: object = None  # what was asked for, and of which operator
    place: tuple[int, int] = (0, 0)  # of the mouse, in the window
    at: float = float("-inf")  # time.monotonic()
    is_over: bool = False  # the time of a double click is: what was clicked in it is being handled
    asked_at: float = float("-inf")  # when a question last opened by itself


spent = Spent()


def question_opened() -> None:
    """A question is opening under the mouse: a click that was meant for what it covers is no answer."""
    spent.asked_at = time.monotonic()


def invoke(
    operator: bpy.types.Operator,
    context: bpy.types.Context,
    event: bpy.types.Event,
    *,
    question: str,
    cost_cu: float | None,
    is_shown: bool,
    request: str,
    details: Sequence[str] = (),
    count: int = 1,
) -> set[str]:
    """Has it done at once if the price is on the button (`is_shown`), else after a question.

    A second click at the same place within a double click's time counts no more if it asks for the same
    `request`: any other is another wish.

    `cost_cu` is for all of a `count`. The question stands in the middle of the window: a double click on the
    button does not answer it.
    """
    place = (event.mouse_x, event.mouse_y)
    wanted = (operator.bl_idname, request)
    if bpy.app.timers.is_registered(settle) and wanted == spent.request and _is_near(place):
        operator.report({"INFO"}, "A double click counts once. Click again for another.")
        return {"CANCELLED"}
    if time.monotonic() - spent.asked_at < UNREAD_S:
        operator.report({"INFO"}, "Nothing was paid: that click came before the question could be read.")
        return {"CANCELLED"}
    if is_shown and cost_cu is not None:
        result = cast("Any", operator).execute(context)
        if "FINISHED" in result:
            spent.request = wanted
            spent.place = place
            spent.at = time.monotonic()
            spent.is_over = False
            if not bpy.app.timers.is_registered(settle):
                bpy.app.timers.register(settle, first_interval=_TICK_S)
        return result
    manager: Any = context.window_manager
    price = "Price: not known"
    if cost_cu is not None:
        each = f"{count} × {cost_text(cost_cu / count).removesuffix(' CU')} = " if count > 1 else ""
        price = f"Price: {each}{cost_text(cost_cu)}"
    return manager.invoke_confirm(
        operator, event, title=question, message="\n".join([*details, price]), confirm_text=operator.bl_label
    )


def _is_near(place: tuple[int, int]) -> bool:
    return all(abs(now - then) <= _NEAR for now, then in zip(place, spent.place, strict=True))


def settle() -> float | None:
    """Ends with the second tick after a double click's time.

    Blender may have been busy when the second click came: it is handled after the first of these ticks, which
    is why there is another.
    """
    if spent.is_over:
        return None
    allowed_s = bpy.context.preferences.inputs.mouse_double_click_time / 1000
    spent.is_over = time.monotonic() - spent.at >= allowed_s
    return _TICK_S


def unregister() -> None:
    if bpy.app.timers.is_registered(settle):
        bpy.app.timers.unregister(settle)
