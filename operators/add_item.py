# SPDX-License-Identifier: GPL-3.0-or-later
"""Add an item to an input that takes several."""

import bpy

from .. import properties
from ..session_state import state


class MAQUETTE_OT_add_item(bpy.types.Operator):
    bl_idname = "maquette.add_item"
    bl_label = "Add"
    bl_description = "Add one more to the list"
    bl_options = {"UNDO", "INTERNAL"}

    input_name: bpy.props.StringProperty(options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        items = properties.items_of(properties.get(context.scene), state.catalogue, self.input_name)
        if items is None:
            return {"CANCELLED"}
        items.add()
        return {"FINISHED"}
