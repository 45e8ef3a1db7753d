# SPDX-License-Identifier: GPL-3.0-or-later
"""Object > Maquette: every action by keyboard, as Blender's search (F3) finds what stands in menus."""

import bpy

_GROUPS = (
    ("generate", "choose_model", "reset_parameters"),
    ("restore_original",),
    ("place_job", "put_at_cursor", "select_model", "select_job", "show_folder", "repeat_job", "use_settings"),
    ("cancel_job", "resume_job", "remove_job", "copy_message", "clear_jobs"),
    ("use_sandbox", "leave_sandbox", "check_account", "open_preferences"),
)


class MAQUETTE_MT_menu(bpy.types.Menu):
    bl_idname = "MAQUETTE_MT_menu"
    bl_label = "Maquette"

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        for number, group in enumerate(_GROUPS):
            if number:
                layout.separator()
            for name in group:
                layout.operator(f"maquette.{name}")
            if not number:
                layout.operator_menu_enum("maquette.capture_image", "source")
