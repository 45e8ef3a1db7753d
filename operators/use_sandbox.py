# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes over to the sandbox; no account is needed, and none is touched."""

import bpy

from ..window import connection


class MAQUETTE_OT_use_sandbox(bpy.types.Operator):
    bl_idname = "maquette.use_sandbox"
    bl_label = "Use the Sandbox"
    bl_description = "Try everything with a stand-in for the service on this computer: no account, no cost"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        connection.choose_sandbox(True)
        return {"FINISHED"}
