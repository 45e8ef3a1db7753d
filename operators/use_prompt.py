# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts words into the model's prompt, and asks whether to generate."""

import bpy

from .. import properties
from ..session_state import state
from ..window import begin, when_ready


class MAQUETTE_OT_use_prompt(bpy.types.Operator):
    bl_idname = "maquette.use_prompt"
    bl_label = "Use Prompt"
    bl_description = "Put the words into the model's prompt"
    bl_options = {"UNDO", "INTERNAL"}

    prompt: bpy.props.StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = properties.get(context.scene)
        model = properties.model_of(settings, state.catalogue)
        if (
            model is None
            or not begin.has_inputs(context)
            or not properties.set_prompt(settings, model, self.prompt)
        ):
            self.report({"ERROR"}, "The model's inputs are not known yet. Try again.")
            return {"CANCELLED"}
        when_ready.ask_to_generate(context)
        return {"FINISHED"}
