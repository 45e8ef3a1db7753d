# SPDX-License-Identifier: GPL-3.0-or-later
"""Add › 3D Model from Text: a dialog takes a description in words, and shows the price."""

import bpy

from ..window import begin
from .generate_dialog import GenerateDialog


class MAQUETTE_OT_add_from_text(GenerateDialog, bpy.types.Operator):
    bl_idname = "maquette.add_from_text"
    bl_label = "3D Model from Text"
    bl_description = "Describe a 3D model in words. The dialog shows the price before it is made"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if problem := begin.why_not():
            cls.poll_message_set(problem)
        return not problem

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        before = begin.sidebar_choices(context)
        if "CANCELLED" in self.execute(context):
            return {"CANCELLED"}
        return self.open(
            context,
            self.bl_label,
            before,
            lambda: bpy.ops.maquette.add_from_text("INVOKE_DEFAULT", has_waited=True),
        )

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Chooses what the words are for; a script writes them into the model's inputs."""
        if problem := begin.with_text(context):
            self.report({"ERROR"}, problem)
            return {"CANCELLED"}
        return {"FINISHED"}
