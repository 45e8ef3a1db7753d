# SPDX-License-Identifier: GPL-3.0-or-later
"""Selects a job's objects in the scene."""

import bpy

from ..jobs import Backend, JobRecord
from ..window import not_in_scene, placeholders, wrong_mode
from .job_operator import JobOperator


class MAQUETTE_OT_select_job(JobOperator, bpy.types.Operator):
    bl_idname = "maquette.select_job"
    bl_label = "Select"
    bl_description = "Select what this job has brought, or the placeholder that waits for it"
    bl_options = {"UNDO"}

    def act(self, context: bpy.types.Context, backend: Backend, job: JobRecord) -> str | None:
        found = placeholders.objects_of(job.id, context.view_layer.objects)
        if problem := wrong_mode(context) if found else not_in_scene(job):
            return f"{problem}."
        placeholders.select_alone(context, found)
        return None
