# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes jobs of what the artist has set, and reserves their places: all that Generate does.

In a window it returns at once. Without one (`blender --background`) it sees the jobs through to the scene.
"""

import json
import tempfile
from pathlib import Path

import bpy

from .. import properties
from ..client import InputError, Model
from ..jobs import NewJob, StoreError, new_job
from ..session_state import state
from . import collect_inputs, on_original, placeholders, placing, wait
from .blockers import blocker

_HOW = 'Write the inputs as a JSON object, such as {"image": "/pictures/horse.png"}.'
_ERRORS = (collect_inputs.RequestError, InputError, StoreError, OSError, ValueError, RecursionError)


def start_jobs(context: bpy.types.Context, inputs: str = "") -> tuple[list[str], str]:
    """A job for each target, for a price that the person has seen; `inputs` are a script's, as JSON.

    Returns the ids of those that were started, and what is wrong, if something is.
    """
    started: list[str] = []
    try:
        if bpy.app.background:
            wait.wait_for_model(context)
        jobs = state.jobs
        settings = properties.get(context.scene)
        model = properties.model_of(settings, state.catalogue)
        found = blocker(context, needs_inputs=False)
        if jobs is None or model is None or found:
            raise collect_inputs.RequestError(found.text if found else "Getting ready…")
        values = properties.values_of(settings, model) | _values_in(inputs)
        with tempfile.TemporaryDirectory(dir=jobs.store.folder, prefix="asked-") as folder:
            # All are complete before the first is written down.
            wanted = [
                (target, _new_job(context, jobs.service, model, values, target, Path(folder)))
                for target in placeholders.targets(context)
            ]
            for target, new in wanted:
                started.append(placeholders.add_job(context, jobs, new, target).id)
        problem = wait.wait_for_jobs(started) or ""
    except _ERRORS as error:
        problem = f"{error} {len(started)} were started." if started else str(error)
    finally:
        properties.sync_jobs(context.window_manager, state.jobs)
        placing.find_placeholders()
    return started, problem


def cost_of_one(context: bpy.types.Context) -> float | None:
    """What the button says that one costs, in creative units; None while that is not known."""
    catalogue = state.catalogue
    price = catalogue.price(state.price_keys.get(context.scene.name, "")) if catalogue else None
    return price.cost_cu if price else None


def request_key(context: bpy.types.Context, inputs: str) -> str:
    """The same for two clicks alone that ask for the same."""
    settings = properties.get(context.scene)
    model = properties.model_of(settings, state.catalogue)
    values = properties.values_to_json(properties.values_of(settings, model)) if model else {}
    names = [each.name for each in context.selected_objects]
    place = (properties.place_mode_of(settings, model), settings.result, settings.shape)
    wanted = [context.scene.name, model.id if model else "", place, names, values, inputs]
    return json.dumps(wanted, sort_keys=True, default=str)


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
    return new_job(
        model,
        inputs,
        service=service,
        name=target.name if target else None,
        estimate_cu=cost_of_one(context),
        placement={"frame": context.scene.frame_current, "settings": properties.values_to_json(values)}
        | on_original.own_of(context, model, values, target),
    )
