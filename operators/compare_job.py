# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands all that was made of one input side by side."""

import bpy

from ..jobs import Backend, JobRecord
from ..window import variations
from .group_operator import GroupOperator


class MAQUETTE_OT_compare_job(GroupOperator, bpy.types.Operator):
    bl_idname = "maquette.compare_job"
    bl_label = "Compare"
    bl_description = (
        "Stand all 3D models of this input in a row, beside the one that is there, as large as that, "
        "with labels. What is in the scene already stays where it is"
    )
    bl_options = set()  # the arrival makes one undo step

    why_not = staticmethod(variations.why_not_compare)

    def act(self, context: bpy.types.Context, backend: Backend, job: JobRecord) -> str | None:
        if reason := variations.why_not_compare(backend.jobs, job):
            return f"{reason}."
        missing = variations.compare(context, backend.jobs, job)
        variations.place(backend.jobs, [each.id for each in missing])
        if not missing:
            self.report({"INFO"}, "All of them are in this scene already.")
        return None
