# SPDX-License-Identifier: GPL-3.0-or-later
"""The one action that spends: makes jobs of what the artist has set, and reserves their places.

In a window it returns at once. Without one (`blender --background`) it sees the jobs through to the scene.
"""

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import bpy

from .. import properties
from ..jobs import Desk, InputError, JobRecord, Model, NewJob, State, StoreError, holder, name_of, source_of
from . import arrivals, request, reserve, session, watch

_TICK_S = 0.1


class MAQUETTE_OT_generate(bpy.types.Operator):
    bl_idname = "maquette.generate"
    bl_label = "Generate"
    bl_description = "Make a 3D model of this. The price on the button is what it costs"
    bl_options = {"UNDO"}

    inputs: bpy.props.StringProperty(
        name="Inputs",
        description="For scripts: inputs of the model as JSON, over those of the scene",
        options={"HIDDEN", "SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = "" if bpy.app.background else session.why_not(context)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        count = len(reserve.targets(context))
        if count < 2:
            return self.execute(context)
        cost_cu = _cost_cu(context)
        return context.window_manager.invoke_confirm(
            self,
            event,
            title=f"Generate {count} 3D Models?",
            message="Their price is not known." if cost_cu is None else f"{cost_cu * count:,.0f} CU in all.",
            confirm_text="Generate",
        )

    def execute(self, context: bpy.types.Context) -> set[str]:
        jobs: list[JobRecord] = []
        try:
            if bpy.app.background:
                _await_model(context)
            desk, model = (
                holder.current(),
                properties.model_of(properties.get(context.scene), holder.current()),
            )
            if desk is None or model is None:
                raise request.RequestError(session.why_not(context))
            values = properties.values_of(properties.get(context.scene), model)
            values |= properties.values_from_json(json.loads(self.inputs or "{}"))
            _start(context, desk, model, values, jobs)
            if bpy.app.background:
                _see_through(desk, jobs)
        except (request.RequestError, InputError, StoreError, OSError, ValueError) as error:
            self.report({"ERROR"}, f"{error} {len(jobs)} were started." if jobs else str(error))
            return {"FINISHED"} if jobs else {"CANCELLED"}
        finally:
            properties.sync_jobs(context.window_manager, holder.current())
            arrivals.scan()
        return {"FINISHED"}


def _start(
    context: bpy.types.Context, desk: Desk, model: Model, values: properties.Values, jobs: list[JobRecord]
) -> None:
    """Writes down one job for each target, and reserves its place; `jobs` has those that were written."""
    settings = properties.get(context.scene)
    with tempfile.TemporaryDirectory(dir=desk.folder, prefix="asked-") as folder:
        for target in reserve.targets(context):
            selected = [target] if target else context.selected_objects
            inputs = request.inputs_of(
                model, values, lambda value, kind, own=selected: request.save(value, kind, own, Path(folder))
            )
            source = source_of(inputs)
            job = desk.add(
                NewJob(
                    name=target.name if target else name_of(source, model),
                    model_id=model.id,
                    model_name=model.name,
                    inputs=inputs,
                    service=desk.service,
                    project_id=session.project_id(),
                    estimate_cu=_cost_cu(context),
                    source=source,
                    placement={"size": settings.size, "settings": properties.values_to_json(values)},
                )
            )
            jobs.append(job)
            reserve.reserve(context, job, target)


def _cost_cu(context: bpy.types.Context) -> float | None:
    """What the button says that one costs."""
    desk = holder.current()
    price = desk.price(holder.state.price_keys.get(context.scene.name, "")) if desk else None
    return price.cost_cu if price else None


# Without a window: the watch's own look in a loop.


def _await_model(context: bpy.types.Context) -> None:
    """Opens the desk and waits until the model's inputs are known; RequestError says why they will not be."""
    if holder.current() is None:
        session.open_desk()

    def is_known() -> bool:
        desk = holder.current()
        if desk is None or desk.trouble or desk.last_answer_error or session.why_offline():
            raise request.RequestError(session.why_not(context))
        holder.state.drawn_at = time.monotonic()  # as a panel does: have it asked for
        model = properties.model_of(properties.get(context.scene), desk)
        return model is not None and desk.schema(model.id) is not None

    _wait(is_known)


def _see_through(desk: Desk, jobs: list[JobRecord]) -> None:
    """Waits for the jobs and has what they bring placed; ValueError says what failed."""
    _wait(lambda: not any(desk.jobs[job.id].is_working for job in jobs) and not arrivals.are_waiting())
    failed = [job for each in jobs if (job := desk.jobs[each.id]).state is not State.PLACED]
    if failed:
        raise ValueError(" ".join(f"{job.name}: {job.message or job.state}" for job in failed))


def _wait(is_done: Callable[[], bool]) -> None:
    while not is_done():
        watch.tick()
        time.sleep(_TICK_S)
