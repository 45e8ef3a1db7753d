# SPDX-License-Identifier: GPL-3.0-or-later
"""The one action that spends: makes jobs of what the artist has set, and reserves their places.

In a window it returns at once. Without one (`blender --background`) it sees the jobs through to the scene.
"""

import json
import tempfile
from pathlib import Path

import bpy

from .. import properties
from ..jobs import InputError, Model, NewJob, StoreError, name_of, source_of
from ..session_state import state
from ..window import collect_inputs, confirm, connection, placeholders, placing, wait

_HOW = 'Write the inputs as a JSON object, such as {"image": "/pictures/horse.png"}.'


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
        reason = "" if bpy.app.background else connection.why_unready(context)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if reason := connection.why_not(context):
            self.report({"ERROR"}, reason)
            return {"CANCELLED"}
        count, cost_cu = len(placeholders.targets(context)), _cost_cu(context)
        return confirm.invoke(
            self,
            context,
            event,
            question=f"Generate {count} 3D Models?" if count > 1 else "Generate a 3D Model?",
            cost_cu=None if cost_cu is None else cost_cu * count,
            is_shown=count == 1 and _is_button_shown(context),
        )

    def execute(self, context: bpy.types.Context) -> set[str]:
        started: list[str] = []
        try:
            if bpy.app.background:
                wait.wait_for_model(context)
            jobs = state.jobs
            model = properties.model_of(properties.get(context.scene), state.catalogue)
            if jobs is None or model is None or connection.why_unready(context):
                raise collect_inputs.RequestError(connection.why_unready(context))
            values = properties.values_of(properties.get(context.scene), model) | _values_in(self.inputs)
            with tempfile.TemporaryDirectory(dir=jobs.store.folder, prefix="asked-") as folder:
                # All are complete before the first is written down.
                wanted = [
                    (target, _new_job(context, jobs.service, model, values, target, Path(folder)))
                    for target in placeholders.targets(context)
                ]
                for target, new in wanted:
                    started.append(placeholders.add_job(context, jobs, new, target).id)
            problem = wait.wait_for_jobs(started)
        except (
            collect_inputs.RequestError,
            InputError,
            StoreError,
            OSError,
            ValueError,
            RecursionError,
        ) as error:
            problem = f"{error} {len(started)} were started." if started else str(error)
        finally:
            properties.sync_jobs(context.window_manager, state.jobs)
            placing.find_placeholders()
        if problem:
            self.report({"ERROR"}, problem)
        return {"FINISHED"} if started else {"CANCELLED"}


def _values_in(text: str) -> properties.Values:
    """What a script gives. Raises RequestError."""
    try:
        content = json.loads(text) if text else {}
    except (ValueError, RecursionError) as error:
        raise collect_inputs.RequestError(f"{_HOW} {error}.") from error
    if not isinstance(content, dict):
        raise collect_inputs.RequestError(_HOW)
    return properties.values_from_json(content)


def _new_job(
    context: bpy.types.Context,
    service: str,
    model: Model,
    values: properties.Values,
    target: bpy.types.Object | None,
    folder: Path,
) -> NewJob:
    """What is asked for one place, its files in `folder`. Raises InputError or RequestError."""
    solids = placeholders.meshes_of([target] if target else context.selected_objects)
    inputs = collect_inputs.inputs_of(
        model, values, lambda value, kind: collect_inputs.save(value, kind, solids, folder)
    )
    source = source_of(inputs)
    return NewJob(
        name=target.name if target else name_of(source, model),
        model_id=model.id,
        model_name=model.name,
        inputs=inputs,
        service=service,
        estimate_cu=_cost_cu(context),
        source=source,
        placement={"frame": context.scene.frame_current, "settings": properties.values_to_json(values)},
    )


def _cost_cu(context: bpy.types.Context) -> float | None:
    """What the button says that one costs."""
    catalogue = state.catalogue
    price = catalogue.price(state.price_keys.get(context.scene.name, "")) if catalogue else None
    return price.cost_cu if price else None


def _is_button_shown(context: bpy.types.Context) -> bool:
    """Whether the window shows the sidebar's tab, where the button tells the price."""
    regions = [region for area in context.screen.areas if area.type == "VIEW_3D" for region in area.regions]
    return any(
        region.type == "UI" and region.width > 1 and region.active_panel_category == "Maquette"
        for region in regions
    )
