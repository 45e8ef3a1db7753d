# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts a job's message on the clipboard, to ask somebody about it."""

import bpy

from ..jobs import Backend, JobRecord
from .job_operator import JobOperator


class MAQUETTE_OT_copy_message(JobOperator, bpy.types.Operator):
    bl_idname = "maquette.copy_message"
    bl_label = "Copy Message"
    bl_description = "Copy what went wrong to the clipboard"

    def act(self, context: bpy.types.Context, backend: Backend, job: JobRecord) -> str | None:
        context.window_manager.clipboard = f"{job.message}\n{job.model_id}, {job.remote_id or job.id}"
        return None
