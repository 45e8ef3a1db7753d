# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes up a job that failed half-way; without a window also one that was left under way, to its end."""

import bpy

from ..jobs import Backend, JobRecord
from ..window import connection, wait
from .job_operator import JobOperator


class MAQUETTE_OT_resume_job(JobOperator, bpy.types.Operator):
    bl_idname = "maquette.resume_job"
    bl_label = "Try Again"
    bl_description = "Go on with this job from where it failed. Nothing is paid twice"

    def act(self, context: bpy.types.Context, backend: Backend, job: JobRecord) -> str | None:
        if not (bpy.app.background and job.is_working):
            backend.jobs.resume(job)
        if bpy.app.background:  # with another worker, which does not wait for what was in the way of the last
            connection.open_backend()
        return wait.wait_for_jobs([job.id])
