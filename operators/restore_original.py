# SPDX-License-Identifier: GPL-3.0-or-later
"""Gives objects back what they had before a result went onto them: mesh, materials, UV maps."""

import bpy

from .. import scene
from ..window import wrong_mode


class MAQUETTE_OT_restore_original(bpy.types.Operator):
    bl_idname = "maquette.restore_original"
    bl_label = "Restore Original"
    bl_description = "Give the selected objects back the mesh and the materials that they had before"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not any(map(scene.has_original, context.selected_editable_objects)):
            cls.poll_message_set("Select an object that got a material or a mesh from Maquette")
            return False
        if problem := wrong_mode(context):
            cls.poll_message_set(problem)
        return not problem

    def execute(self, context: bpy.types.Context) -> set[str]:
        chosen = [each for each in context.selected_editable_objects if scene.has_original(each)]
        for each in chosen:
            scene.restore_original(each)
        count = f"{len(chosen)} objects are" if len(chosen) > 1 else f"{chosen[0].name} is"
        self.report({"INFO"}, f"{count} as before")
        return {"FINISHED"}
