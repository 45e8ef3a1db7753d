# SPDX-License-Identifier: GPL-3.0-or-later
"""Add › 3D Model from Text: takes a description in words, and asks with the price."""

import bpy

from ..window import begin


class MAQUETTE_OT_add_from_text(bpy.types.Operator):
    bl_idname = "maquette.add_from_text"
    bl_label = "3D Model from Text"
    bl_description = "Describe a 3D model in words. A question shows the price before it is made"
    bl_options = {"UNDO"}

    prompt: bpy.props.StringProperty(name="Prompt", description="What it is, in words")

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if problem := begin.why_not():
            cls.poll_message_set(problem)
        return not problem

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_props_dialog(self, width=400, confirm_text="Next")

    def draw(self, _context: bpy.types.Context) -> None:
        row = self.layout.row()
        row.activate_init = True
        row.prop(self, "prompt", text="", placeholder="a weathered oak chair")

    def execute(self, context: bpy.types.Context) -> set[str]:
        text = self.prompt.strip()
        problem = begin.with_text(context, text) if text else "Write what it is."
        if problem:
            self.report({"ERROR"}, problem)
            return {"CANCELLED"}
        return {"FINISHED"}
