# SPDX-License-Identifier: GPL-3.0-or-later
"""What a dialog tells of the 3D models that Generate would make now, and keeps it true while it is open.

Blender lays a dialog out anew only when something in it is changed, so a price that comes later has to be
shown by a timer. What such a dialog has not shown for long enough to be read is not paid: `is_read`.
"""

import contextlib
import time
from dataclasses import dataclass
from typing import Any

import bpy

from .. import properties
from ..client import Model
from ..jobs import requires_mesh
from ..session_state import Notice, state
from .blockers import blocker
from .confirm import UNREAD_S
from .wanted import Wanted, wanted_now

_TICK_S = 0.1


@dataclass(frozen=True)
class Offer:
    """What Generate would make, in words: `action` is on its button, `notice` tells what is in the way."""

    model: str
    objects: tuple[str, ...]
    place: str
    action: str
    cost_cu: float | None
    notice: Notice | None

    @property
    def is_blocked(self) -> bool:
        return self.notice is not None and self.notice.is_blocking


@dataclass
class OpenDialog:
    """The dialog that is open: what it shows, and since when (time.monotonic()).

    `region` is kept as Blender's own extensions keep that of a dialog, and used only if it is still there.
    While its field for words has the cursor, which Blender gives it as it opens, it is not laid out anew:
    that would take the cursor away.
    """

    window: int
    region: Any = None
    offer: Offer | None = None
    since: float = 0.0
    is_changed: bool = False
    is_pressed: bool = False


current: OpenDialog | None = None  # the one that is open


def fields(settings: properties.MaquetteSettings, model: Model) -> list[properties.Field]:
    """The inputs that a dialog asks for: the words, and pictures that say what a mesh is to look like."""
    relevant = properties.relevant_fields(settings, model)
    known = [each for each in properties.fields_of(model.id) if each in relevant]
    words = [each for each in known if each.spec.is_prompt]
    words.sort(key=lambda each: not each.spec.is_primary)
    pictures = [each for each in known if each.role == "picture" and requires_mesh(model)]
    return [*words[:1], *pictures]


def offer_now(context: bpy.types.Context) -> Offer:
    wanted = wanted_now(context)
    error = wanted.price_error
    notice = blocker(context, wanted=wanted) or _nothing_given(wanted) or (Notice(error) if error else None)
    is_blocked = notice is not None and notice.is_blocking
    return Offer(
        model=wanted.model.name if wanted.model else "",
        objects=tuple(wanted.lines() or (each.name for each in wanted.targets if each)),
        place=_place(wanted),
        action=wanted.action(has_price=not is_blocked or wanted.cost_cu is not None),
        cost_cu=wanted.cost_cu,
        notice=notice,
    )


def opened(context: bpy.types.Context) -> None:
    """A dialog opens: from now on its prices are asked for, until `closed`."""
    global current
    current = OpenDialog(context.window.as_pointer())
    if not bpy.app.timers.is_registered(_look):  # not persistent: another file closes the dialog
        bpy.app.timers.register(_look, first_interval=0.0)


def drawn(context: bpy.types.Context, offer: Offer) -> None:
    """The dialog has been laid out, and shows this."""
    if current is None:
        return
    current.region = context.region_popup
    if offer != current.offer:
        current.offer = offer
        current.since = time.monotonic()


def changed() -> None:
    """What the person has typed or chosen in the dialog is complete: its price is asked for at once."""
    properties.edits.is_complete = True
    if current:
        current.is_changed = True


def shown() -> Offer | None:
    """What the open dialog shows; None if there is none."""
    return current.offer if current else None


def is_read(context: bpy.types.Context) -> bool:
    """Whether the dialog has shown, long enough to be read, what Generate would make now, and its price."""
    offer, now = offer_now(context), time.monotonic()
    is_shown = current is not None and current.offer == offer and now - current.since >= UNREAD_S
    return is_shown and offer.cost_cu is not None and not offer.is_blocked


def pressed() -> None:
    """Generate was, in the dialog."""
    if current:
        current.is_pressed = True


def closed() -> bool:
    """The dialog is gone; returns whether Generate was pressed in it."""
    global current
    is_pressed = current is not None and current.is_pressed
    current = None
    if bpy.app.timers.is_registered(_look):
        bpy.app.timers.unregister(_look)
    return is_pressed


def _look() -> float | None:
    global current
    state.drawn_at = time.monotonic()  # has the timer ask for what is not known
    windows = {window.as_pointer(): window for window in bpy.context.window_manager.windows}
    window = windows.get(current.window) if current else None
    if current is None or window is None:
        current = None
        return None
    with bpy.context.temp_override(window=window):
        is_new = current.is_changed and offer_now(bpy.context) != current.offer
    if is_new:
        # The override refuses a region that is gone.
        with contextlib.suppress(TypeError), bpy.context.temp_override(window=window, region=current.region):
            current.region.tag_redraw()
            current.region.tag_refresh_ui()
    return _TICK_S


def _nothing_given(wanted: Wanted) -> Notice | None:
    """Neither words nor a picture, where a model could do without: nobody pays for that on purpose."""
    if wanted.model is None:
        return None
    asked = fields(wanted.settings, wanted.model)
    given = wanted.replaced | properties.values_of(wanted.settings, wanted.model).keys()
    if not asked or any(each.spec.name in given for each in asked):
        return None
    return Notice(properties.advice(asked[:2]), is_blocking=True)


def _place(wanted: Wanted) -> str:
    """Where it will stand, as the sidebar says it."""
    settings, model = wanted.settings, wanted.model
    mode = properties.place_mode_of(settings, model)
    name = "mesh_place_mode" if model and requires_mesh(model) else "place_mode"
    text = _choice(settings, name, mode)
    return f"{text}: {_choice(settings, 'result', settings.result)}" if mode == "ORIGINAL" else text


def _choice(settings: properties.MaquetteSettings, name: str, value: str) -> str:
    items: Any = settings.bl_rna.properties[name]
    return items.enum_items[value].name
