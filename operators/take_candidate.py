# SPDX-License-Identifier: GPL-3.0-or-later
"""Says which of the service's jobs is the one whose submission's answer was lost."""

import bpy

from ..jobs import Backend, JobRecord
from .job_operator import JobOperator


class MAQUETTE_OT_take_candidate(JobOperator, bpy.types.Operator):
    bl_idname = "maquette.take_candidate"
    bl_label = "It Is This One"
    bl_description = "This job of the service's is the one whose answer was lost: fetch its result"

    remote_id: bpy.props.StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    def act(self, context: bpy.types.Context, backend: Backend, job: JobRecord) -> str | None:
        backend.jobs.take_candidate(job, self.remote_id)
        return None
