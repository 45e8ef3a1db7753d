# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes back from the sandbox to the service."""

import bpy

from ..window import connection


class MAQUETTE_OT_leave_sandbox(bpy.types.Operator):
    bl_idname = "maquette.leave_sandbox"
    bl_label = "Leave the Sandbox"
    bl_description = "Work with the real service again; the sandbox's jobs are kept for the next time"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        connection.choose_sandbox(False)
        return {"FINISHED"}
