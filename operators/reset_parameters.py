# SPDX-License-Identifier: GPL-3.0-or-later
"""Set the model's parameters back to their defaults."""

import bpy

from .. import properties
from ..session_state import state


class MAQUETTE_OT_reset_parameters(bpy.types.Operator):
    bl_idname = "maquette.reset_parameters"
    bl_label = "Reset Parameters"
    bl_description = "Set the parameters back to the model's defaults; images, objects and prompts stay"
    bl_options = {"UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = properties.get(context.scene)
        model = properties.model_of(settings, state.catalogue)
        if model is None:
            return {"CANCELLED"}
        kept = {spec.name for spec in model.inputs if spec.is_file or spec.is_prompt}
        values = properties.values_of(settings, model)
        properties.set_values(settings, model, {name: values[name] for name in kept & values.keys()})
        properties.note_change()
        return {"FINISHED"}
