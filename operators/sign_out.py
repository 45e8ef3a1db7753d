# SPDX-License-Identifier: GPL-3.0-or-later
"""Erases the stored key."""

import bpy

from .. import preferences
from ..jobs import erase_credentials
from ..window import connection


class MAQUETTE_OT_sign_out(bpy.types.Operator):
    bl_idname = "maquette.sign_out"
    bl_label = "Sign Out"
    bl_description = "Erase the key from this computer. Jobs and results stay"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        question, manager = "Erase the key from this computer?", context.window_manager
        return manager.invoke_confirm(self, event, message=question, confirm_text="Sign Out")

    def execute(self, _context: bpy.types.Context) -> set[str]:
        erase_credentials(preferences.user_folder())
        connection.open_backend()
        return {"FINISHED"}
