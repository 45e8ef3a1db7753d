# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts images of the file into the model; more than it takes are asked about."""

import bpy

from ..window import begin, when_ready


class MAQUETTE_OT_use_images(bpy.types.Operator):
    bl_idname = "maquette.use_images"
    bl_label = "Use Image"
    bl_description = "Put the image into the model's input"
    bl_options = {"UNDO", "INTERNAL"}

    names: bpy.props.StringProperty(options={"HIDDEN", "SKIP_SAVE"})
    asks: bpy.props.BoolProperty(options={"HIDDEN", "SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        names = [name for name in self.names.split("\n") if name in bpy.data.images]
        if not names or not begin.has_inputs(context):
            self.report({"ERROR"}, "The model's inputs are not known yet. Try again.")
            return {"CANCELLED"}
        if begin.use_images(self, context, names) and self.asks:
            when_ready.ask_to_generate(context)
        return {"FINISHED"}
