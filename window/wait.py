# SPDX-License-Identifier: GPL-3.0-or-later
"""For scripts in `blender --background`, where no timer runs: waits, and calls the timer's tick itself.

Each wait ends in bounded time and says how to go on: no job is lost, none is paid twice.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import bpy

from .. import properties, scene
from ..jobs import Backend, JobRecord, State
from ..session_state import state
from . import connection, timer
from .blockers import service_blocker, service_notices
from .collect_inputs import RequestError
from .placing import placer

_TICK_S = 0.1


@dataclass
class Patience:
    """How long a script waits, in seconds; it may set these."""

    answer_s: float = 120.0  # for what the service tells about a model
    stuck_s: float = 60.0  # while something holds a job up


patience = Patience()


def wait_for_model(context: bpy.types.Context) -> None:
    """Waits until the inputs of the scene's model are known. Raises RequestError: why they will not be."""
    backend = connection.current_backend()
    if found := service_blocker():
        raise RequestError(found.text)
    assert backend  # service_blocker() reports a missing one
    backend.ask_again()
    settings, errors = properties.get(context.scene), list[str]()

    def is_answered() -> bool:
        catalogue = state.catalogue
        if catalogue is None:
            return False
        if not settings.model_id:
            catalogue.ask_models()
        model = properties.model_of(settings, catalogue)
        wanted = settings.model_id or (model.id if model else "")
        if wanted:
            catalogue.ask_model(wanted)
        if model and catalogue.schema(wanted):
            properties.ensure_inputs(catalogue.schema(wanted))
            return True
        error = catalogue.error("model", wanted) if wanted else catalogue.error("models")
        errors.extend([f"{wanted}: {error}" if wanted else error] if error else [])
        return bool(error)

    if held := _wait(is_answered, lambda: _trouble() or "The service does not answer.", patience.answer_s):
        errors.append(held)
    if errors:
        raise RequestError(f"{errors[0]} Nothing was started.")


def wait_for_inputs(backend: Backend, model_id: str) -> None:
    """Waits until the inputs of that model are known. Raises RequestError: why they will not be.

    In a window there is nothing to wait for: there it is said that they are being asked for.
    """
    if not bpy.app.background:
        return
    if found := service_blocker():
        raise RequestError(found.text)
    backend.ask_again()
    catalogue = backend.catalogue

    def is_answered() -> bool:
        catalogue.ask_model(model_id)
        return bool(catalogue.schema(model_id) or catalogue.error("model", model_id))

    held = _wait(is_answered, lambda: _trouble() or "The service does not answer.", patience.answer_s)
    if problem := held or catalogue.error("model", model_id):
        raise RequestError(f"{model_id}: {problem} Nothing was started.")


def wait_for_jobs(job_ids: list[str]) -> str | None:
    """Waits until the jobs are in the scene or can go on no more; returns what is wrong and what to do.

    In a window there is nothing to wait for: the timer does it.
    """
    if not bpy.app.background:
        return None

    def found() -> list[JobRecord]:
        jobs = state.jobs
        return [jobs.by_id[job_id] for job_id in job_ids if job_id in jobs.by_id] if jobs else []

    def is_done() -> bool:
        jobs = found()
        is_over = len(jobs) == len(job_ids) and not any(job.is_working for job in jobs)
        return is_over and not placer.is_busy

    held = _wait(is_done, lambda: _what_holds(found(), len(job_ids)), patience.stuck_s)
    problems = [held] if held else []
    for job in found():
        again = f'bpy.ops.maquette.resume_job(job_id="{job.id}")'
        if job.is_working:
            problems.append(f"{job.name} is kept, and is paid for once: {again} goes on.")
        elif job.resume_state:
            problems.append(f"{job.name}: {job.message} When that is mended, {again} goes on.")
        elif job.state is State.READY and scene.find_placeholders([job.id]):
            place = again.replace("resume_job", "place_job")
            problems.append(f"{job.name} is ready and was not placed: {place} does it. {job.message}")
        elif job.state not in (State.READY, State.PLACED):
            problems.append(f"{job.name}: {job.message or job.state}")
    return " ".join(problems) or None


def _what_holds(jobs: list[JobRecord], count: int) -> str:
    """Why nothing moves, "" if it does; a service that wants fewer requests is waited for."""
    if len(jobs) < count:
        return _trouble() or "The account or the service was changed, and does not have the jobs."
    working = [job for job in jobs if job.is_working]
    if not working:
        return "An object that is to be replaced is being edited."
    is_stuck = all(job.error_kind not in ("", "RateLimitedError") for job in working)
    return _trouble() or (working[0].message if is_stuck else "")


def _trouble() -> str:
    found = service_notices()
    return found[0].text if found else ""


def _wait(is_done: Callable[[], bool], what_holds: Callable[[], str], stuck_s: float) -> str:
    """Ticks until it is done, and returns ""; else what has held it up all through the last `stuck_s`."""
    since = None
    while not is_done():
        pause_s = timer.tick()
        held, now = what_holds(), time.monotonic()
        since = (now if since is None else since) if held else None
        if since is not None and now - since > stuck_s:
            return held
        time.sleep(min(_TICK_S, pause_s))
    return ""
