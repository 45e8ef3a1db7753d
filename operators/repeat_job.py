# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes another result of the same inputs, with a place of its own. This spends."""

import bpy

from ..jobs import Backend, JobRecord, again, with_new_seed
from ..window import confirm, credits_blocker, placeholders, service_blocker, wait
from .job_operator import JobOperator


class MAQUETTE_OT_repeat_job(JobOperator, bpy.types.Operator):
    bl_idname = "maquette.repeat_job"
    bl_label = "Run Again"
    bl_description = (
        "Make another 3D model of the same inputs, beside the first, with a new seed. "
        "The price on the button is what it costs"
    )
    bl_options = {"UNDO"}

    keeps_seed: bpy.props.BoolProperty(
        name="Same Seed",
        description="Send the job's own seed: with most models, the same 3D model once more",
        options={"SKIP_SAVE"},
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """The list's button names its job and shows the price; from a menu neither is seen."""
        job = self.find(context)
        if job is None:
            return self.execute(context)
        return confirm.invoke(
            self,
            context,
            event,
            question=f"Run {job.name} Again?",
            cost_cu=job.price_cu,
            request=job.id,
            is_shown=bool(self.job_id),
        )

    def act(self, context: bpy.types.Context, backend: Backend, job: JobRecord) -> str | None:
        if found := service_blocker() or credits_blocker(job.price_cu):
            return found.text
        new = again(job, backend.store.job_folder(job.id))
        if not self.keeps_seed:
            new = with_new_seed(new, backend.catalogue.schema(job.model_id))
        (made,) = placeholders.add_jobs(context, backend.jobs, [(new, None, None)], beside=job.id)
        return wait.wait_for_jobs([made.id])
