# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows a job's files in the system's file browser."""

import bpy

from ..jobs import Backend, JobRecord
from .job_operator import JobOperator


class MAQUETTE_OT_show_folder(JobOperator, bpy.types.Operator):
    bl_idname = "maquette.show_folder"
    bl_label = "Show Folder"
    bl_description = "Open the folder with this job's files"

    def act(self, context: bpy.types.Context, backend: Backend, job: JobRecord) -> str | None:
        bpy.ops.wm.path_open(filepath=str(backend.store.job_folder(job.id)))
        return None
