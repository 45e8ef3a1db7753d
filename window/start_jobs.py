# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes jobs of what the artist has set, and reserves their places: all that Generate does.

In a window it returns at once. Without one (`blender --background`) it sees the jobs through to the scene.
"""

import json
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import bpy

from .. import properties
from ..client import InputError, Model
from ..jobs import NewJob, StoreError, new_job, profile_json
from ..session_state import state
from . import collect_inputs, on_original, placeholders, placing, wait
from .blockers import blocker
from .spots import Spot, grid
from .wanted import wanted_now

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
        wanted = wanted_now(context, images=images, spot=spot)
        model = wanted.model
        found = blocker(context, needs_inputs=False, wanted=wanted)
        if jobs is None or model is None or found:
            raise collect_inputs.RequestError(found.text if found else "Getting ready…")
        given = _values_in(inputs)
        places = grid(context, len(images)) if images else [spot] * len(wanted.targets)
        costs = [price.cost_cu if price else None for price in wanted.prices]
        settings = wanted.settings
        each_values = [properties.values_of(settings, model, values) | given for _, values in wanted.own]
        with _folders(jobs.store.folder) as new_folder:
            # All are complete before the first is written down.
            new_jobs = [
                _new_job(context, jobs.service, model, values, target, cost_cu, new_folder)
                for target, values, cost_cu in zip(wanted.targets, each_values, costs, strict=True)
            ]
            added = placeholders.add_jobs(
                context, jobs, list(zip(new_jobs, wanted.targets, places, strict=True))
            )
        started += [job.id for job in added]
        problem = wait.wait_for_jobs(started) or ""
    except _ERRORS as error:
        problem = f"{error} {len(started)} were started." if started else str(error)
    finally:
        properties.sync_jobs(context.window_manager, state.jobs)
        placing.find_placeholders()
    return started, problem


@contextmanager
def _folders(parent: Path) -> Generator[Callable[[], Path]]:
    """What makes folders in `parent`, which are gone afterwards.

    Most jobs need none, and on a busy disk removing one takes milliseconds of the click.
    """
    with ExitStack() as stack:
        yield lambda: Path(stack.enter_context(tempfile.TemporaryDirectory(dir=parent, prefix="asked-")))


def request_key(
    context: bpy.types.Context, inputs: str = "", *, images: Sequence[str] = (), spot: Spot | None = None
) -> str:
    """The same for two clicks alone that ask for the same; the arguments are those of `start_jobs`."""
    wanted = wanted_now(context, images=images, spot=spot)
    settings, model = wanted.settings, wanted.model
    values = properties.values_to_json(properties.values_of(settings, model)) if model else {}
    names = [each.name for each in context.selected_objects]
    own = [properties.values_to_json(each) for _, each in wanted.own]
    place = (properties.place_mode_of(settings, model), settings.result, settings.shape, spot)
    asked = [context.scene.name, model.id if model else "", place, names, values, own, inputs, images]
    return json.dumps(asked, sort_keys=True, default=str)


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
    new_folder: Callable[[], Path],
) -> NewJob:
    """One place's job; a `new_folder` has what is no file yet. Raises InputError or RequestError."""
    solids = placeholders.meshes_of([target] if target else context.selected_objects)
    inputs = collect_inputs.job_inputs(
        model, values, lambda value, kind: collect_inputs.save(value, kind, solids, new_folder)
    )
    own = on_original.own_of(context, model, values, target)
    profile = properties.profile_of(properties.get(context.scene))
    return new_job(
        model,
        inputs,
        service=service,
        name=target.name if target else None,
        estimate_cu=cost_cu,
        placement={"frame": context.scene.frame_current, "settings": properties.values_to_json(values)} | own,
        profile={} if on_original.goes_onto(own) else profile_json(profile),
    )
