# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens Blender's preferences at this extension."""

import bpy

from .. import preferences


class MAQUETTE_OT_open_preferences(bpy.types.Operator):
    bl_idname = "maquette.open_preferences"
    bl_label = "Maquette Preferences"
    bl_description = "Open the add-on's preferences: account, folders, sizes"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        bpy.ops.preferences.addon_show(module=preferences.PACKAGE)
        return {"FINISHED"}
