# SPDX-License-Identifier: GPL-3.0-or-later
"""Has results no longer kept as assets. The files of the library stay."""

import bpy

from .. import preferences
from ..window import library


class MAQUETTE_OT_remove_library(bpy.types.Operator):
    bl_idname = "maquette.remove_library"
    bl_label = "Remove Library"
    bl_description = "Stop saving 3D models as assets and take the library off Blender's list; its files stay"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return bool(preferences.library_folder())

    def execute(self, _context: bpy.types.Context) -> set[str]:
        folder = preferences.library_folder()
        library.switch_off()
        self.report({"INFO"}, f"The assets stay in {folder}")
        return {"FINISHED"}
