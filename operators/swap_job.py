# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts another 3D model of the same input in the place of one that stands."""

import bpy

from ..jobs import Backend, JobRecord
from ..window import not_in_scene, variations, wrong_mode
from .group_operator import GroupOperator

_STEPS = {"NEXT": 1, "PREVIOUS": -1}


class MAQUETTE_OT_swap_job(GroupOperator, bpy.types.Operator):
    bl_idname = "maquette.swap_job"
    bl_label = "Swap"
    bl_description = (
        "Put another 3D model of this input in its place. It takes over the size, name, parent, children, "
        "collections, constraints, animation and the materials of the object's own"
    )
    bl_options = set()  # the arrival makes one undo step

    to: bpy.props.StringProperty(options={"HIDDEN", "SKIP_SAVE"})  # the id of the other job
    step: bpy.props.EnumProperty(
        name="Which",
        items=[
            ("NEXT", "Next", "The one that was made after it"),
            ("PREVIOUS", "Previous", "The one that was made before it"),
        ],
        options={"SKIP_SAVE"},
    )

    why_not = staticmethod(variations.why_not_swap)

    @classmethod
    def description(cls, _context: bpy.types.Context, given: "MAQUETTE_OT_swap_job") -> str:
        if given.to:
            return cls.bl_description
        return cls.bl_description.replace("another", f"the {given.step.lower()}", 1)

    def act(self, context: bpy.types.Context, backend: Backend, job: JobRecord) -> str | None:
        jobs = backend.jobs
        if self.to:
            other = next((each for each in variations.others(jobs, job) if each.id == self.to), None)
        else:
            other = variations.next_of(jobs, job, _STEPS[self.step])
        if other is None:
            return f"{variations.why_not_swap(jobs, job) or 'That one is not ready'}."
        if problem := wrong_mode(context):
            return f"{problem}."
        coming = variations.swap(context, job, other)
        if not coming:
            return f"{not_in_scene(job)}."
        variations.place(jobs, coming)
        return None
