# SPDX-License-Identifier: GPL-3.0-or-later
"""Says that one of the service's jobs is not the one whose submission's answer was lost."""

import bpy

from ..jobs import Backend, JobRecord
from .job_operator import JobOperator


class MAQUETTE_OT_refuse_candidate(JobOperator, bpy.types.Operator):
    bl_idname = "maquette.refuse_candidate"
    bl_label = "It Is Not"
    bl_description = "This job of the service's is another one. Nothing is submitted by this"

    remote_id: bpy.props.StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    def act(self, context: bpy.types.Context, backend: Backend, job: JobRecord) -> str | None:
        backend.jobs.refuse_candidate(job, self.remote_id)
        return None
