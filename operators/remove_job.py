# SPDX-License-Identifier: GPL-3.0-or-later
"""Forgets a job and deletes its files; what is in the scene stays."""

import bpy

from ..jobs import Backend, JobRecord, State
from ..window import placeholders
from .job_operator import JobOperator


class MAQUETTE_OT_remove_job(JobOperator, bpy.types.Operator):
    bl_idname = "maquette.remove_job"
    bl_label = "Remove"
    bl_description = "Forget this job and delete its files. What is in the scene stays"
    bl_options = {"UNDO"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        job = self.find(context)
        if job is None or not job.remote_id or not (job.state is State.READY or job.resume_state):
            return self.execute(context)
        return context.window_manager.invoke_confirm(
            self,
            event,
            title=f"Remove {job.name}?",
            message="It is paid for, and was not placed. Its files are deleted.",
            confirm_text="Remove",
        )

    def act(self, context: bpy.types.Context, backend: Backend, job: JobRecord) -> str | None:
        backend.jobs.remove(job)
        placeholders.remove(job.id)
        return None
