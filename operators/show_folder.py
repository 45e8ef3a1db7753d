# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows a job's files in the system's file browser."""

import bpy

from ..jobs import Desk, JobRecord
from .job_operator import JobOperator


class MAQUETTE_OT_show_folder(JobOperator, bpy.types.Operator):
    bl_idname = "maquette.show_folder"
    bl_label = "Show in Folder"
    bl_description = "Open the folder with this job's files"

    def act(self, context: bpy.types.Context, desk: Desk, job: JobRecord) -> str | None:
        bpy.ops.wm.path_open(filepath=str(desk.store.job_folder(job.id)))
        return None
