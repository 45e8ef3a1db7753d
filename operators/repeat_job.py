# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes another result of the same inputs, with a place of its own. This spends."""

import bpy

from ..jobs import Desk, InputFile, JobRecord, JsonValue, NewJob
from . import reserve, session
from .job import JobOperator


class MAQUETTE_OT_repeat_job(JobOperator, bpy.types.Operator):
    bl_idname = "maquette.repeat_job"
    bl_label = "Run Again"
    bl_description = "Make another 3D model of the same inputs. The price on the button is what it costs"
    bl_options = {"UNDO"}

    def act(self, context: bpy.types.Context, desk: Desk, job: JobRecord) -> str | None:
        if reason := session.why_offline():
            return reason
        folder = desk.store.job_folder(job.id)

        def again(value: JsonValue):
            if isinstance(value, list):
                return [again(item) for item in value]
            if isinstance(value, dict) and "file" in value:
                return InputFile(folder / str(value["file"]), str(value["kind"]))
            return value

        made = desk.add(
            NewJob(
                name=job.name,
                model_id=job.model_id,
                model_name=job.model_name,
                inputs={name: again(value) for name, value in job.inputs.items()},
                service=job.service,
                project_id=job.project_id,
                estimate_cu=job.estimate_cu if job.cost_cu is None else job.cost_cu,
                source=job.source,
                placement=job.placement,
            )
        )
        reserve.reserve(context, made, None)
        return None
