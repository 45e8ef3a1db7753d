# SPDX-License-Identifier: GPL-3.0-or-later
"""Stops a job, or asks the service to; the placeholder goes either way."""

import bpy

from ..jobs import Backend, JobRecord, State
from ..window import placeholders
from .job_operator import JobOperator


class MAQUETTE_OT_cancel_job(JobOperator, bpy.types.Operator):
    bl_idname = "maquette.cancel_job"
    bl_label = "Cancel"
    bl_description = "Do not go on with this job. What the service has begun it may refuse to stop"
    bl_options = {"UNDO"}

    def act(self, context: bpy.types.Context, backend: Backend, job: JobRecord) -> str | None:
        job = backend.jobs.cancel(job)
        placeholders.remove(job.id)
        if job.state in (State.CANCELED, State.UPLOADING):
            text = f"{job.name} is canceled before it is sent. It costs nothing."
        elif job.cancel == "refused":
            text = f"{job.name}: {job.message}"
        else:
            text = (
                f"The service is asked to cancel {job.name}. If it refuses, the job is paid for, and its"
                " result is kept in the list."
            )
        self.report({"INFO"}, text)
        return None
