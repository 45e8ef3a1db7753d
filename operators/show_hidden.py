# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows the collections that hide what has arrived."""

import bpy

from ..session_state import state
from ..window import in_scene


class MAQUETTE_OT_show_hidden(bpy.types.Operator):
    bl_idname = "maquette.show_hidden"
    bl_label = "Show Its Collection"
    bl_description = "Show the collections that hide what has arrived, or what waits for a 3D model"
    bl_options = {"UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        in_scene.show(state.hidden, context.window)
        state.hidden = ()
        return {"FINISHED"}
