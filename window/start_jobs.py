# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes jobs of what the artist has set, and reserves their places: all that Generate does.

In a window it returns at once. Without one (`blender --background`) it sees the jobs through to the scene.
"""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import bpy

from .. import properties
from ..client import InputError, Model
from ..jobs import NewJob, StoreError, new_job
from ..session_state import state
from . import collect_inputs, object_inputs, on_original, placeholders, placing, wait
from .blockers import blocker, credits_blocker
from .spots import Spot, grid

_HOW = 'Write the inputs as a JSON object, such as {"image": "/pictures/horse.png"}.'
_ERRORS = (collect_inputs.RequestError, InputError, StoreError, OSError, ValueError, RecursionError)


def start_jobs(
    context: bpy.types.Context, inputs: str = "", *, images: Sequence[str] = (), spot: Spot | None = None
) -> tuple[list[str], str]:
    """A job for each target, for a price that the person has seen; `inputs` are a script's, as JSON.

    With names of `images`, a job for each of these, on a grid; with a `spot`, one that stands there.
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
        given = _values_in(inputs)
        targets = [None] * len(images) if images else [None] if spot else placeholders.targets(context)
        places = grid(context, len(images)) if images else [spot] * len(targets)
        own = object_inputs.own_of_each(context, targets)
        if images:
            own = [("", properties.image_values(model, name)) for name in images]
        prices = object_inputs.prices(context, targets)
        if short := credits_blocker(object_inputs.cost_of_all(prices)):
            raise collect_inputs.RequestError(short.text)
        costs = [price.cost_cu if price else None for price in prices]
        each_values = [properties.values_of(settings, model, values) | given for _, values in own]
        with tempfile.TemporaryDirectory(dir=jobs.store.folder, prefix="asked-") as folder:
            # All are complete before the first is written down.
            wanted = [
                _new_job(context, jobs.service, model, values, target, cost_cu, Path(folder))
                for target, values, cost_cu in zip(targets, each_values, costs, strict=True)
            ]
            for new, target, place in zip(wanted, targets, places, strict=True):
                started.append(placeholders.add_job(context, jobs, new, target, place).id)
        problem = wait.wait_for_jobs(started) or ""
    except _ERRORS as error:
        problem = f"{error} {len(started)} were started." if started else str(error)
    finally:
        properties.sync_jobs(context.window_manager, state.jobs)
        placing.find_placeholders()
    return started, problem


def request_key(
    context: bpy.types.Context, inputs: str = "", *, images: Sequence[str] = (), spot: Spot | None = None
) -> str:
    """The same for two clicks alone that ask for the same; the arguments are those of `start_jobs`."""
    settings = properties.get(context.scene)
    model = properties.model_of(settings, state.catalogue)
    values = properties.values_to_json(properties.values_of(settings, model)) if model else {}
    names = [each.name for each in context.selected_objects]
    targets = placeholders.targets(context)
    own = [properties.values_to_json(each) for _, each in object_inputs.own_of_each(context, targets)]
    place = (properties.place_mode_of(settings, model), settings.result, settings.shape, spot)
    wanted = [context.scene.name, model.id if model else "", place, names, values, own, inputs, images]
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
    cost_cu: float | None,
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
        estimate_cu=cost_cu,
        placement={"frame": context.scene.frame_current, "settings": properties.values_to_json(values)}
        | on_original.own_of(context, model, values, target),
    )
