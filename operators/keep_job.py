# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps one 3D model of an input in the scene, and removes the others from it."""

import bpy

from ..jobs import Backend, JobRecord
from ..window import not_in_scene, variations, wrong_mode
from .group_operator import GroupOperator


class MAQUETTE_OT_keep_job(GroupOperator, bpy.types.Operator):
    bl_idname = "maquette.keep_job"
    bl_label = "Keep"
    bl_description = (
        "Keep this 3D model where it stands, and remove the others of this input from the scene. "
        "They stay in the list and on the disk"
    )
    bl_options = {"UNDO"}

    why_not = staticmethod(variations.why_not_keep)

    def act(self, context: bpy.types.Context, backend: Backend, job: JobRecord) -> str | None:
        is_there = bool(variations.results_of(job.id, context.scene.objects))
        if problem := wrong_mode(context) or ("" if is_there else not_in_scene(job)):
            return f"{problem}."
        count = variations.keep(context, backend.jobs, job)
        if not count:
            return "No other 3D model of this input is in this scene."
        text = "Another was" if count == 1 else f"{count} others were"
        self.report({"INFO"}, f"{text} removed from the scene. The list still has what came.")
        return None
