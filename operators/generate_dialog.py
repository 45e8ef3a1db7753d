# SPDX-License-Identifier: GPL-3.0-or-later
"""What dialogs have in common in which a 3D model is begun: the words for it, and Generate with its price.

Their button is Generate itself. The dialog pays nothing: neither when it is drawn, nor when it is closed.
"""

import sys
import textwrap
from collections.abc import Callable
from typing import Any

import bpy

from .. import properties
from ..session_state import Notice, state
from ..window import begin, dialog, when_ready

WIDTH = 400
_LETTERS = 60  # of a line
_TITLES = 0.3  # the share of the width that titles have


class GenerateDialog:
    """Once the model is chosen, its words are asked for.

    `has_waited`: reopened after waiting for the model's inputs.
    """

    layout: Any
    report: Any

    has_waited: bpy.props.BoolProperty(options={"HIDDEN", "SKIP_SAVE"})

    def open(
        self,
        context: bpy.types.Context,
        title: str,
        before: tuple[str, str, str],
        again: Callable[[], object],
    ) -> set[str]:
        """Opens the dialog, by calling `again` a little later if the model's inputs are still looked up.

        Unless Generate is pressed, what the sidebar had chosen `before` is chosen again.
        """
        if begin.has_inputs(context):
            self._before = before
            dialog.opened(context)
            manager: Any = context.window_manager
            return manager.invoke_props_dialog(self, width=WIDTH, title=title)
        if self.has_waited:
            self.report({"ERROR"}, "The model's inputs are not known yet. Try again.")
        else:
            when_ready.go_on_when(context, begin.has_inputs, lambda _: again())
        return {"CANCELLED"}

    def draw(self, context: bpy.types.Context) -> None:
        offer = dialog.offer_now(context)
        column = self.layout.column()
        _draw_fields(column, properties.get(context.scene))
        column.separator()
        _draw_fact(column, "Model", offer.model)
        for text in offer.objects:
            _draw_fact(column, "Object" if text == offer.objects[0] else "", text)
        _draw_fact(column, "Place", offer.place)
        column.separator()
        if offer.notice:
            _draw_notice(column, offer.notice)
        _draw_buttons(self.layout, offer)
        dialog.drawn(context, offer)

    def check(self, _context: bpy.types.Context) -> bool:
        """Blender calls it after each change in the dialog, and lays it out anew."""
        dialog.changed()
        return True

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender calls it whenever the dialog closes: by Esc, and after what its buttons do."""
        if not dialog.closed():
            begin.restore_sidebar(context, self._before)


def _draw_fields(column: bpy.types.UILayout, settings: properties.MaquetteSettings) -> None:
    """What it is to be, in words, with the cursor in it; and pictures, each beside its title."""
    model = properties.model_of(settings, state.catalogue)
    group = properties.inputs_of(settings, model.id) if model else None
    for field in dialog.fields(settings, model) if model and group else ():
        if field.spec.is_prompt:
            row = column.row()
            row.activate_init = True
            hint = field.spec.placeholder or "What it is to look like"
            row.prop(group, field.attribute, text="", placeholder=hint)
        else:
            split = column.split(factor=_TITLES)
            _draw_title(split, field.title)
            split.prop(group, field.attribute, text="")


def _draw_fact(column: bpy.types.UILayout, title: str, text: str) -> None:
    split = column.split(factor=_TITLES)
    _draw_title(split, title)
    split.label(text=text, translate=False)


def _draw_title(split: bpy.types.UILayout, title: str) -> None:
    left = split.column()
    left.alignment = "RIGHT"
    left.label(text=title)


def _draw_notice(column: bpy.types.UILayout, notice: Notice) -> None:
    for number, line in enumerate(textwrap.wrap(notice.text, _LETTERS)):
        column.label(text=line, icon="BLANK1" if number else notice.icon, translate=False)
    if notice.operator:
        column.operator(notice.operator, **notice.button)


def _draw_buttons(layout: bpy.types.UILayout, offer: dialog.Offer) -> None:
    """Instead of Blender's own, of which none can tell a price that comes later, or be disabled."""
    layout.operator_context = "INVOKE_DEFAULT"
    if not offer.is_blocked:
        made: Any = layout.template_popup_confirm("maquette.generate", text=offer.action)
        made.in_dialog = True
        return
    split = layout.split(factor=0.5)
    is_cancel_left = sys.platform != "win32"  # as Blender places its own
    for is_cancel in (is_cancel_left, not is_cancel_left):
        half = split.column()
        if is_cancel:
            half.template_popup_confirm("", text="", cancel_text="Cancel")
        else:
            half.enabled = False
            half.operator("maquette.generate", text=offer.action)
