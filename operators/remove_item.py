# SPDX-License-Identifier: GPL-3.0-or-later
"""Take an item out of an input that takes several."""

import bpy

from .. import properties
from ..session_state import state


class MAQUETTE_OT_remove_item(bpy.types.Operator):
    bl_idname = "maquette.remove_item"
    bl_label = "Remove"
    bl_description = "Take this one out of the list"
    bl_options = {"UNDO", "INTERNAL"}

    input_name: bpy.props.StringProperty(options={"SKIP_SAVE"})
    index: bpy.props.IntProperty(min=0, options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        items = properties.items_of(properties.get(context.scene), state.catalogue, self.input_name)
        if items is None or self.index >= len(items):
            return {"CANCELLED"}
        items.remove(self.index)
        properties.note_change()
        return {"FINISHED"}
