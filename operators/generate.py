# SPDX-License-Identifier: GPL-3.0-or-later
"""Generate: starts paid jobs by the settings of the sidebar. The work is in window/start_jobs.py."""

import bpy

from .. import properties
from ..session_state import state
from ..window import Wanted, blocker, confirm, dialog, start_jobs, wanted_now, when_ready
from .paid_operator import PaidOperator


class MAQUETTE_OT_generate(PaidOperator, bpy.types.Operator):
    bl_idname = "maquette.generate"
    bl_label = "Generate"
    bl_description = "Make a 3D model of this. The price on the button is what it costs"
    bl_options = {"UNDO"}

    inputs: bpy.props.StringProperty(
        name="Inputs",
        description="For scripts: inputs of the model as JSON, over those of the scene",
        options={"HIDDEN", "SKIP_SAVE"},
    )
    asks: bpy.props.BoolProperty(
        name="Ask", description="Ask first, wherever the price is shown", options={"HIDDEN", "SKIP_SAVE"}
    )
    in_dialog: bpy.props.BoolProperty(
        name="In Dialog",
        description="From a dialog, which shows the price: ask if it is another by now, or not known",
        options={"HIDDEN", "SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        found = None if bpy.app.background else blocker(context, needs_inputs=False)
        if found:
            cls.poll_message_set(found.text)
        return not found

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if self.in_dialog:
            dialog.pressed()
        if found := blocker(context):
            self.report({"ERROR"}, found.text)
            return {"CANCELLED"}
        if self.in_dialog and not dialog.is_read(context):
            when_ready.ask_to_generate(context)
            return {"CANCELLED"}
        settings = properties.get(context.scene)
        mode = properties.place_mode_of(settings, properties.model_of(settings, state.catalogue))
        is_view = context.area is not None and context.area.type == "VIEW_3D"
        if mode == "MOUSE" and is_view and not (self.asks or self.in_dialog):
            bpy.ops.maquette.place_under_mouse("INVOKE_DEFAULT")
            return {"CANCELLED"}  # that one has an undo step of its own
        wanted = wanted_now(context)
        count = len(wanted.targets)
        return confirm.invoke(
            self,
            context,
            event,
            question=_question(mode, count),
            details=_details(wanted) if self.asks else wanted.lines(),
            cost_cu=wanted.cost_cu,
            is_shown=self.in_dialog or (count == 1 and not self.asks and _is_button_shown(context)),
            request=start_jobs.request_key(context, self.inputs),
        )

    def start(self, context: bpy.types.Context) -> tuple[list[str], str]:
        return start_jobs.start_jobs(context, self.inputs)


def _question(mode: str, count: int) -> str:
    if mode == "ORIGINAL":
        return f"Generate for {count} Objects?" if count > 1 else "Generate for This Object?"
    return f"Generate {count} 3D Models?" if count > 1 else "Generate a 3D Model?"


def _details(wanted: Wanted) -> list[str]:
    """What is asked for, where no sidebar shows it: of what, and by which model."""
    model = wanted.model
    values = properties.values_of(wanted.settings, model) if model else {}
    sources = [text for value in values.values() if (text := _source(value))][:1]
    with_model = [f"Model: {model.name}"] if model else []
    return [*sources, *with_model, *wanted.lines()]


def _source(value: object) -> str:
    match value:
        case properties.Picture(name):
            return f"Image: {name}"
        case [properties.Picture(name), *_]:
            return f"Image: {name}"
        case str():
            return f"Prompt: {value}" if len(value) <= 64 else f"Prompt: {value[:63]}…"
    return ""


def _is_button_shown(context: bpy.types.Context) -> bool:
    """Whether the window shows the sidebar's tab, where the button tells the price."""
    regions = [region for area in context.screen.areas if area.type == "VIEW_3D" for region in area.regions]
    return any(
        region.type == "UI" and region.width > 1 and region.active_panel_category == "Maquette"
        for region in regions
    )
