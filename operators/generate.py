# SPDX-License-Identifier: GPL-3.0-or-later
"""Generate: the one action that spends. What it does is in window/start_jobs.py."""

import bpy

from ..window import blocker, confirm, placeholders, start_jobs


class MAQUETTE_OT_generate(bpy.types.Operator):
    bl_idname = "maquette.generate"
    bl_label = "Generate"
    bl_description = "Make a 3D model of this. The price on the button is what it costs"
    bl_options = {"UNDO"}

    inputs: bpy.props.StringProperty(
        name="Inputs",
        description="For scripts: inputs of the model as JSON, over those of the scene",
        options={"HIDDEN", "SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        found = None if bpy.app.background else blocker(context, needs_inputs=False)
        if found:
            cls.poll_message_set(found.text)
        return not found

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if found := blocker(context):
            self.report({"ERROR"}, found.text)
            return {"CANCELLED"}
        count = len(placeholders.targets(context))
        cost_cu = start_jobs.cost_of_one(context)
        return confirm.invoke(
            self,
            context,
            event,
            question=f"Generate {count} 3D Models?" if count > 1 else "Generate a 3D Model?",
            cost_cu=None if cost_cu is None else cost_cu * count,
            is_shown=count == 1 and _is_button_shown(context),
            request=start_jobs.request_key(context, self.inputs),
        )

    def execute(self, context: bpy.types.Context) -> set[str]:
        job_ids, problem = start_jobs.start_jobs(context, self.inputs)
        if problem:
            self.report({"ERROR"}, problem)
        return {"FINISHED"} if job_ids else {"CANCELLED"}


def _is_button_shown(context: bpy.types.Context) -> bool:
    """Whether the window shows the sidebar's tab, where the button tells the price."""
    regions = [region for area in context.screen.areas if area.type == "VIEW_3D" for region in area.regions]
    return any(
        region.type == "UI" and region.width > 1 and region.active_panel_category == "Maquette"
        for region in regions
    )
