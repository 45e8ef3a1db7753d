# SPDX-License-Identifier: GPL-3.0-or-later
"""Goes on with what a person has begun once the service has answered: a model's inputs, a price.

Only questions are opened here, never a paid action: that takes a click on a price. Between two looks it keeps
the window's number and plain values, never references.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import bpy

from ..session_state import state
from .blockers import blocker
from .status import show_message
from .wanted import wanted_now

_TICK_S = 0.1
_MOST_S = 6.0


@dataclass
class _Awaited:
    """One thing that was begun; `until` is time.monotonic()."""

    window: int
    is_ready: Callable[[bpy.types.Context], bool]
    go_on: Callable[[bpy.types.Context], object]
    until: float


_awaited: _Awaited | None = None


def go_on_when(
    context: bpy.types.Context,
    is_ready: Callable[[bpy.types.Context], bool],
    go_on: Callable[[bpy.types.Context], object],
) -> None:
    """Calls `go_on` with the window's context once it is ready, or after some seconds in any case.

    What was begun before and still waits is dropped: a person has begun something else.
    """
    global _awaited
    if bpy.app.background:
        return
    _awaited = _Awaited(context.window.as_pointer(), is_ready, go_on, time.monotonic() + _MOST_S)
    if not bpy.app.timers.is_registered(_look):
        bpy.app.timers.register(_look, first_interval=0.0)


def is_priced(context: bpy.types.Context) -> bool:
    """Whether the price is known, or why there is none."""
    wanted = wanted_now(context)
    return bool(blocker(context, wanted=wanted)) or wanted.is_priced


def ask_to_generate(context: bpy.types.Context) -> None:
    """Opens Generate's question, with its price, as soon as that is known."""
    go_on_when(context, is_priced, lambda _: bpy.ops.maquette.generate("INVOKE_DEFAULT", asks=True))


def show_sidebar(context: bpy.types.Context) -> bool:
    """Brings Maquette's tab to the front; False until Blender has drawn the sidebar."""
    areas = [area for area in context.screen.areas if area.type == "VIEW_3D"]
    if not areas:
        return True
    area = max(areas, key=lambda each: each.width * each.height)
    area.spaces.active.show_region_ui = True
    region: Any = next(each for each in area.regions if each.type == "UI")
    region.tag_redraw()
    try:
        region.active_panel_category = "Maquette"
    except (AttributeError, TypeError):  # it has no tabs until it is drawn
        return False
    return region.active_panel_category == "Maquette"


def _look() -> float | None:
    global _awaited
    state.drawn_at = time.monotonic()  # has the timer ask for what is not known
    awaited = _awaited
    windows = {window.as_pointer(): window for window in bpy.context.window_manager.windows}
    window = windows.get(awaited.window) if awaited else None
    if awaited is None or window is None:
        _awaited = None
        return None
    area = max(window.screen.areas, key=lambda one: one.width * one.height)
    region = next(one for one in area.regions if one.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        if awaited.is_ready(bpy.context) or time.monotonic() > awaited.until:
            _awaited = None
            _go_on(awaited)  # which may begin another
    return _TICK_S if _awaited else None


def _go_on(awaited: _Awaited) -> None:
    try:
        awaited.go_on(bpy.context)
    except RuntimeError as error:  # an operator that could not
        show_message(str(error).strip().removeprefix("Error: "), is_error=True)


def unregister() -> None:
    global _awaited
    _awaited = None
    if bpy.app.timers.is_registered(_look):
        bpy.app.timers.unregister(_look)
