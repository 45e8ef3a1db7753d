# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows where Blender keeps its setting for online access; changing it is the user's decision."""

import bpy


class MAQUETTE_OT_allow_online(bpy.types.Operator):
    bl_idname = "maquette.allow_online"
    bl_label = "Allow Online Access…"
    bl_description = "Open Blender's setting for online access"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        bpy.ops.screen.userpref_show(section="SYSTEM")
        return {"FINISHED"}
