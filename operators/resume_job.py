# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes up a job that failed half-way."""

import bpy

from ..jobs import Desk, JobRecord
from .job import JobOperator


class MAQUETTE_OT_resume_job(JobOperator, bpy.types.Operator):
    bl_idname = "maquette.resume_job"
    bl_label = "Try Again"
    bl_description = "Go on with this job from where it failed. Nothing is paid twice"

    def act(self, context: bpy.types.Context, desk: Desk, job: JobRecord) -> str | None:
        desk.resume(job)
        return None
