# SPDX-License-Identifier: GPL-3.0-or-later
"""Object > Maquette: every action by keyboard, as Blender's search (F3) finds what stands in menus."""

import bpy

_GROUPS = (
    (("generate", "PLAY"), ("choose_model", "PRESET"), ("reset_parameters", "LOOP_BACK")),
    (("restore_original", "RECOVER_LAST"),),
    (
        ("place_job", "IMPORT"),
        ("put_at_cursor", "PIVOT_CURSOR"),
        ("select_model", "OUTLINER"),
        ("select_job", "RESTRICT_SELECT_OFF"),
        ("show_job", "VIEWZOOM"),
        ("export_job", "EXPORT"),
        ("show_folder", "FILE_FOLDER"),
        ("repeat_job", "FILE_REFRESH"),
        ("use_settings", "COPYDOWN"),
    ),
    (
        ("cancel_job", "X"),
        ("resume_job", "PLAY"),
        ("remove_job", "TRASH"),
        ("copy_message", "COPYDOWN"),
        ("clear_jobs", "BRUSH_DATA"),
    ),
    (
        ("use_sandbox", "EXPERIMENTAL"),
        ("leave_sandbox", "LOOP_BACK"),
        ("check_account", "USER"),
        ("open_preferences", "PREFERENCES"),
    ),
)


class MAQUETTE_MT_menu(bpy.types.Menu):
    bl_idname = "MAQUETTE_MT_menu"
    bl_label = "Maquette"

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator("maquette.add_from_images", text="3D Model from Image…", icon="IMAGE_DATA")
        layout.operator("maquette.add_from_text", text="3D Model from Text…", icon="TEXT")
        layout.operator_menu_enum("maquette.capture_image", "source", icon="RESTRICT_RENDER_OFF")
        layout.operator_menu_enum("maquette.use_task", "task", icon="OBJECT_DATA")
        for group in _GROUPS:
            layout.separator()
            for name, icon in group:
                layout.operator(f"maquette.{name}", icon=icon)
