# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows the job of the active object in the list of jobs."""

import bpy

from .. import properties
from ..session_state import state
from ..window import placeholders, when_ready


class MAQUETTE_OT_show_job(bpy.types.Operator):
    bl_idname = "maquette.show_job"
    bl_label = "Show Job"
    bl_description = "Show the job that made the active object, or that it waits for, in the list of jobs"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return placeholders.job_of(context.object, state.jobs) is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        job = placeholders.job_of(context.object, state.jobs)
        if job is None:
            return {"CANCELLED"}
        properties.show_job(context.window_manager, job.id)
        when_ready.go_on_when(context, when_ready.show_sidebar, lambda _: None)
        return {"FINISHED"}
