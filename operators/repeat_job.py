# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes other results of the same inputs, each with a place of its own. This spends."""

import bpy

from ..jobs import TIMES_MAX, Backend, JobRecord, StoreError
from ..session_state import state
from ..window import RequestError, confirm, credits_blocker, placeholders, repeats, service_blocker, wait
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
    times: bpy.props.IntProperty(
        name="Times",
        description="How many 3D models are made",
        default=1,
        soft_min=1,
        soft_max=TIMES_MAX,
        options={"SKIP_SAVE"},
    )
    model_id: bpy.props.StringProperty(
        name="Model", description="Another model that makes them", options={"SKIP_SAVE"}
    )

    asks: bpy.props.BoolProperty(
        name="Ask", description="Ask first, wherever the price is shown", options={"HIDDEN", "SKIP_SAVE"}
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """The list's button names its job and shows the price; from a menu neither is seen."""
        backend, job = state.backend, self.find(context)
        if job is None or backend is None:
            return self.execute(context)
        self.job_id, is_named = job.id, bool(self.job_id)  # the list may change while the question is open
        try:
            planned = self._plan(backend, job)
        except (RequestError, StoreError, OSError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        is_plain = self.times == 1 and not self.model_id
        how_often = f" {self.times} Times" if self.times > 1 else ""
        return confirm.invoke(
            self,
            context,
            event,
            question=f"Run {job.name} Again{how_often}?",
            details=[] if is_plain else planned.lines(),
            cost_cu=planned.cost_cu,
            count=self.times,
            request=job.id,
            is_shown=is_named and is_plain and not self.asks,
        )

    def act(self, context: bpy.types.Context, backend: Backend, job: JobRecord) -> str | None:
        try:
            if self.model_id not in ("", job.model_id):
                wait.wait_for_inputs(backend, self.model_id)
            planned = self._plan(backend, job)
        except RequestError as error:
            return str(error)
        if found := service_blocker() or credits_blocker(planned.cost_cu):
            return found.text
        made = placeholders.add_jobs(
            context, backend.jobs, [(new, None, None) for new in planned.new], beside=job.id
        )
        return wait.wait_for_jobs([each.id for each in made])

    def _plan(self, backend: Backend, job: JobRecord) -> repeats.Repeats:
        return repeats.plan(
            backend, job, times=self.times, model_id=self.model_id, keeps_seed=self.keeps_seed
        )
