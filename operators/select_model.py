# SPDX-License-Identifier: GPL-3.0-or-later
"""Selects the whole of a 3D model with several parts, so that Blender's own actions are done to all of it."""

import bpy

from ..window import placeholders


class MAQUETTE_OT_select_model(bpy.types.Operator):
    bl_idname = "maquette.select_model"
    bl_label = "Select Whole Model"
    bl_description = "Select all parts of the selected 3D models, to frame, duplicate, delete or export them"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        active = context.active_object
        is_model = bool(active and placeholders.root_of(active))
        if not is_model:
            cls.poll_message_set("Select a part of a 3D model of Maquette's")
        return is_model and context.mode == "OBJECT"

    def execute(self, context: bpy.types.Context) -> set[str]:
        chosen = [context.active_object, *context.selected_objects]
        for root in dict.fromkeys(placeholders.root_of(each) for each in chosen):
            if root is not None:
                placeholders.select_whole(root, context.view_layer)
        return {"FINISHED"}
