# SPDX-License-Identifier: GPL-3.0-or-later
"""Object > Maquette: every action by keyboard, as Blender's search (F3) finds what stands in menus."""

from collections.abc import Callable

import bpy

from .. import properties
from ..jobs import DONE, JobRecord
from ..session_state import state
from ..window import placeholders

_MAKE = (("generate", "PLAY"), ("choose_model", "PRESET"), ("reset_parameters", "LOOP_BACK"))
_SELECTED = (("restore_original", "RECOVER_LAST"), ("select_model", "OUTLINER"), ("show_job", "VIEWZOOM"))
# Of the job that is chosen in the list, and when each can be done.
_JOB: tuple[tuple[str, str, Callable[[JobRecord], object]], ...] = (
    ("place_job", "IMPORT", lambda job: job.state in DONE),
    ("finish_job", "MOD_DECIM", lambda job: job.has_model),
    ("put_at_cursor", "PIVOT_CURSOR", lambda job: placeholders.is_beside(bpy.context, job.id)),
    ("select_job", "RESTRICT_SELECT_OFF", lambda job: job.is_working or job.state in DONE),
    ("export_job", "EXPORT", lambda job: job.id in state.in_scene),
    ("show_folder", "FILE_FOLDER", lambda _: True),
    ("repeat_job", "FILE_REFRESH", lambda job: not job.is_working),
    ("vary_job", "DUPLICATE", lambda job: not job.is_working),
    ("swap_job", "UV_SYNC_SELECT", lambda _: True),
    ("compare_job", "ALIGN_JUSTIFY", lambda _: True),
    ("keep_job", "PINNED", lambda _: True),
    ("use_settings", "COPYDOWN", lambda _: True),
    ("cancel_job", "X", lambda job: job.is_working and not job.cancel),
    ("resume_job", "PLAY", lambda job: job.resume_state and not job.doubts),
    ("copy_message", "COPYDOWN", lambda job: job.message),
    ("remove_job", "TRASH", lambda job: not job.is_working),
)
_ACCOUNT = (("check_account", "USER"), ("open_preferences", "PREFERENCES"))


class MAQUETTE_MT_menu(bpy.types.Menu):
    bl_idname = "MAQUETTE_MT_menu"
    bl_label = "Maquette"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator("maquette.add_from_images", text="3D Model from Image…", icon="IMAGE_DATA")
        layout.operator("maquette.add_from_text", text="3D Model from Text…", icon="TEXT")
        layout.operator_menu_enum("maquette.capture_image", "source", icon="RESTRICT_RENDER_OFF")
        layout.operator_menu_enum("maquette.use_task", "task", icon="OBJECT_DATA")
        for group in (_MAKE, _SELECTED):
            layout.separator()
            for name, icon in group:
                layout.operator(f"maquette.{name}", icon=icon)
        layout.separator()
        job = state.jobs.by_id.get(properties.active_job_id(context.window_manager)) if state.jobs else None
        name = state.in_scene.get(job.id, job.name) if job else "none is chosen in the list"
        layout.label(text=f"Job: {name}", translate=False)
        for action, icon, is_possible in _JOB:
            row = layout.row()
            row.enabled = bool(job and is_possible(job))
            row.operator(f"maquette.{action}", icon=icon)
        layout.operator("maquette.clear_jobs", icon="BRUSH_DATA")
        layout.separator()
        if state.account == "sandbox":
            layout.operator("maquette.leave_sandbox", icon="LOOP_BACK")
        else:
            layout.operator("maquette.use_sandbox", icon="EXPERIMENTAL")
        for name, icon in _ACCOUNT:
            layout.operator(f"maquette.{name}", icon=icon)
