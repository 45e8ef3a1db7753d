# SPDX-License-Identifier: GPL-3.0-or-later
"""*Run Again…*: how often, and by which model; the price of all is asked for, and a question tells it.

Nothing is paid here: what the question is about, `maquette.repeat_job` does.
"""

from typing import Any

import bpy

from ..jobs import TIMES_MAX, Backend, JobRecord, cost_text
from ..session_state import state
from ..window import RequestError, repeats, service_blocker, when_ready
from .job_operator import JobOperator

_models: dict[str, str] = {}  # ids of the models that take the job's inputs, by name, as the dialog opened


def _found(_self: object, _context: object, words: str) -> list[str]:
    return [name for name in _models if all(word in name.lower() for word in words.lower().split())]


class MAQUETTE_OT_vary_job(JobOperator, bpy.types.Operator):
    bl_idname = "maquette.vary_job"
    bl_label = "Run Again…"
    bl_description = (
        "Make more 3D models of the same inputs, several at once or by another model. "
        "A question tells the price of all before anything is paid"
    )
    bl_options = set()

    times: bpy.props.IntProperty(
        name="Times",
        description="How many 3D models are made, each with a new seed where the model has one",
        default=1,
        min=1,
        max=TIMES_MAX,
        options={"SKIP_SAVE"},
    )
    model: bpy.props.StringProperty(
        name="Model",
        description="What makes them: type to search among the models that take these inputs",
        search=_found,
        search_options=set(),
        options={"SKIP_SAVE"},
    )

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        job = self.find(context)
        if job is None:
            return self.execute(context)
        self.job_id = job.id  # the list may change while the dialog is open
        _models.clear()
        for each in repeats.models_for(job):
            _models.setdefault(each.name, each.id)
        self.model = next((name for name, model_id in _models.items() if model_id == job.model_id), "")
        title = f"Run {state.in_scene.get(job.id, job.name)} Again"
        return context.window_manager.invoke_props_dialog(
            self, width=360, title=title, confirm_text="Ask Price"
        )

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(self, "times")
        column.prop(self, "model")
        job = self.find(context)
        each_cu = self._usual_cu(job) if job else None
        if each_cu is not None:
            count = f"{self.times} × {cost_text(each_cu)}: " if self.times > 1 else ""
            column.label(text=f"{count}about {cost_text(each_cu * self.times)}", translate=False)

    def _usual_cu(self, job: JobRecord) -> float | None:
        """What the job has cost, or what another model usually does."""
        model_id = _models.get(self.model, job.model_id)
        if model_id == job.model_id:
            return job.price_cu
        return state.catalogue.typical_cost_cu(model_id) if state.catalogue else None

    def act(self, context: bpy.types.Context, backend: Backend, job: JobRecord) -> str | None:
        if found := service_blocker():
            return found.text
        if bpy.app.background:
            return "In a script, maquette.repeat_job does it: it takes times and model_id."
        model_id = _models.get(self.model, job.model_id)
        asked: dict[str, Any] = {"times": self.times}
        asked["model_id"] = "" if model_id == job.model_id else model_id
        try:
            repeats.plan(backend, job, **asked)  # asks for the price, and tells what is missing
        except RequestError as error:
            return str(error)
        when_ready.go_on_when(
            context,
            lambda _: repeats.is_priced(job.id, **asked),
            lambda _: bpy.ops.maquette.repeat_job("INVOKE_DEFAULT", job_id=job.id, asks=True, **asked),
        )
        return None
