# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings results to their placeholders: when a job becomes ready, and once after a file was opened.

Never after an undo, which could not be undone otherwise. One at a time, in steps of some milliseconds, and
none while the artist is in the middle of something.
"""

import logging
import time
from dataclasses import dataclass

import bpy

from .. import scene
from ..jobs import JobCache, JobRecord, State, StoreError, provenance_of
from ..session_state import state
from .status import tell

STEP_S = 0.004  # for so long another piece of work is begun in the same tick
TRIES_MAX = 3  # if the artist undoes what is being loaded
ENDLESS_S = 60.0  # an add-on's modal operator that runs for longer watches something, and is no tool


log = logging.getLogger(__name__)


@dataclass
class _Arrival:
    """A result on its way in; once all of it `is_there`, the next step puts it in its place."""

    job_id: str
    loading: scene.Loading
    tries: int = 1
    is_there: bool = False


_under_way: list[_Arrival] = []  # one at most
_waiting: dict[str, None] = {}  # ids of jobs, in the order in which they became ready
_of_file: set[str] = set()  # jobs that the file waited for when it was opened
_modal_since: dict[str, float] = {}  # by identifier of a modal operator that is running
_to_mark: set[str] = set()  # placed, and not yet written down
_broken: set[str] = set()  # jobs whose result could not be placed: again only if a person asks for it
_is_file_new = [True]


@bpy.app.handlers.persistent
def note_file(_path: object) -> None:
    """After a file was opened: the next tick looks what it waits for."""
    _is_file_new[0] = True
    _waiting.clear()
    _under_way.clear()
    _broken.clear()


def has_file_placeholders() -> bool:
    """Whether a file that was just opened waits for a result."""
    if _is_file_new[0]:
        _is_file_new[0] = False
        scan()
        _of_file.clear()
        _of_file.update(state.placeholders.values())
    return bool(_of_file)


def note(jobs: JobCache, news: list[JobRecord]) -> None:
    """Takes in which jobs have changed. Raises StoreError."""
    mark_placed(jobs)
    if _is_file_new[0] and has_file_placeholders():
        news = [*news, *(jobs.by_id[job_id] for job_id in _of_file if job_id in jobs.by_id)]
    for job in news:
        is_due = job.state is State.READY or (job.state is State.PLACED and job.id in _of_file)
        if is_due and job.id not in _broken:
            _waiting[job.id] = None
        if not job.is_working:
            _of_file.discard(job.id)


def expect(job_id: str) -> None:
    """Have the job's result brought to its placeholders in the next ticks."""
    _broken.discard(job_id)
    _waiting[job_id] = None


def are_waiting() -> bool:
    return bool(_waiting or _under_way)


def is_artist_busy() -> bool:
    """Whether a render, a bake, playback or a modal tool is running."""
    if any(map(bpy.app.is_job_running, ("RENDER", "OBJECT_BAKE"))):
        return True
    windows, now = bpy.context.window_manager.windows, time.monotonic()
    running = {each.bl_idname for window in windows for each in window.modal_operators}
    for name in _modal_since.keys() - running:
        del _modal_since[name]
    for name in running:
        since = _modal_since.setdefault(name, now)
        is_blenders = bpy.types.Operator.bl_rna_get_subclass_py(name) is None
        if is_blenders or now - since < ENDLESS_S:
            return True
    return any(window.screen.is_animation_playing for window in windows)


def scan() -> None:
    """Looks which objects wait for a result: the artist may have copied, renamed or deleted some."""
    found = scene.find_placeholders(None)
    state.placeholders = {name: job_id for job_id, names in found.items() for name in names}


def step(jobs: JobCache) -> bool:
    """Does a little for the result that has waited longest; whether there is more to do at once."""
    if not _under_way:
        return _begin(jobs)
    arrival = _under_way[0]
    job = jobs.by_id.get(arrival.job_id)
    try:
        if job is None:  # removed from the list
            arrival.loading.drop()
        elif not arrival.is_there:
            start = time.perf_counter()
            while not arrival.is_there and time.perf_counter() - start < STEP_S:
                arrival.is_there = arrival.loading.step()
            return True
        elif scene.is_in_use(job.id):
            return False
        elif _arrive(arrival.loading, job):
            _push_undo(job.name)
            tell(f"{job.name} is in the scene")
            mark_placed(jobs)
    except scene.GoneError:
        if arrival.tries < TRIES_MAX:
            _under_way[:] = [_Arrival(arrival.job_id, _loading(jobs, arrival.job_id), arrival.tries + 1)]
            return True
        tell("A 3D model was undone while it came. Place it from the list.", is_error=True)
    except StoreError:  # another process holds the store: `mark_placed` comes again
        raise
    except Exception as error:  # of that job alone: the timer goes on
        _under_way.clear()
        _report(jobs, arrival.job_id, error)
    _under_way.clear()
    return False


def _report(jobs: JobCache, job_id: str, error: Exception) -> None:
    """The job itself says why its result could not be placed; what nobody foresaw is in the console, too."""
    _broken.add(job_id)
    reason = str(error) if isinstance(error, OSError | ValueError) else f"{type(error).__name__}: {error}"
    job = jobs.by_id.get(job_id)
    text = f"{job.name if job else 'A result'} could not be placed: {reason.strip()[:500]}"
    if not isinstance(error, OSError | ValueError):
        log.exception(text, exc_info=error)
    tell(text, is_error=True)
    if job:
        jobs.note_error(job, text)


def _begin(jobs: JobCache) -> bool:
    """Takes up the next job. One whose placeholder was deleted stays in the list."""
    found = scene.find_placeholders(_waiting)
    for job_id in [each for each in _waiting if each not in found or each not in jobs.by_id]:
        del _waiting[job_id]
    job_id = next((each for each in _waiting if not scene.is_in_use(each)), None)
    if job_id is not None:
        del _waiting[job_id]
        _under_way.append(_Arrival(job_id, _loading(jobs, job_id)))
    return job_id is not None


def bring(jobs: JobCache, job: JobRecord) -> None:
    """All of it at once, for scripts. Raises OSError or ValueError."""
    try:
        _arrive(_loading(jobs, job.id), job)
    except scene.GoneError as error:  # nobody can have undone anything meanwhile
        raise ValueError(f"{error} is not whole. Convert the result again.") from error
    mark_placed(jobs)


def _loading(jobs: JobCache, job_id: str) -> scene.Loading:
    return scene.Loading(jobs.store.job_folder(job_id) / "result.blend")


def _arrive(loading: scene.Loading, job: JobRecord) -> bool:
    """Puts it in the place of its placeholders, if any are left; `mark_placed` is for after the undo step."""
    if not scene.arrive(loading, job_id=job.id, name=job.name, provenance=provenance_of(job)):
        return False
    _to_mark.add(job.id)
    return True


def mark_placed(jobs: JobCache) -> None:
    """Writes down what was placed; while another process holds the store, a later tick does."""
    for job_id in list(_to_mark):
        if job_id in jobs.by_id:
            jobs.mark_placed(jobs.by_id[job_id])
        _to_mark.discard(job_id)


def _push_undo(name: str) -> None:
    """Makes what came one step to undo, whatever mode the artist is in."""
    windows = bpy.context.window_manager.windows
    if windows and not bpy.app.background:
        with bpy.context.temp_override(window=windows[0]):
            bpy.ops.ed.undo_push(message=f"Maquette: {name}")
