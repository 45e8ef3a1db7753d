# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings a finished job's result into the scene, once more if it was there already."""

import bpy

from .. import scene
from ..jobs import DONE, Backend, JobRecord
from ..window import on_original, placeholders, placer
from .job_operator import JobOperator


class MAQUETTE_OT_place_job(JobOperator, bpy.types.Operator):
    bl_idname = "maquette.place_job"
    bl_label = "Place"
    bl_description = "Put this 3D model into the scene, where its placeholder or the place settings say"
    bl_options = set()  # the arrival makes one undo step, of the placeholder and what takes its place

    def act(self, context: bpy.types.Context, backend: Backend, job: JobRecord) -> str | None:
        if job.state not in DONE:
            return f"{job.name} has no 3D model to place."
        if not scene.find_placeholders([job.id]):
            is_of_object = on_original.is_of_object(job)
            for target in [None] if is_of_object else placeholders.targets(context):
                placeholders.create(context, job, target)
        if bpy.app.background:
            placer.place_now(backend.jobs, job)
        else:
            placer.enqueue(job.id)
        return None
