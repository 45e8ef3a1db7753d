# SPDX-License-Identifier: GPL-3.0-or-later
"""Forgets a job and deletes its files; what is in the scene stays."""

import bpy

from ..jobs import Desk, JobRecord
from . import reserve
from .job import JobOperator


class MAQUETTE_OT_remove_job(JobOperator, bpy.types.Operator):
    bl_idname = "maquette.remove_job"
    bl_label = "Remove"
    bl_description = "Forget this job and delete its files. What is in the scene stays"
    bl_options = {"UNDO"}

    def act(self, context: bpy.types.Context, desk: Desk, job: JobRecord) -> str | None:
        desk.remove(job)
        reserve.release(job.id)
        return None
