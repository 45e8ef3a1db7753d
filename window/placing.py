# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts results in the place of their placeholders: when a job becomes ready, and after a file was opened.

An undo that brings a placeholder back brings no result: the artist could not undo that change. Results come
one at a time, in steps of some milliseconds, and not while the artist is in the middle of something.
"""

import logging
import time
from dataclasses import dataclass, field

import bpy

from .. import scene
from ..jobs import DONE, JobCache, JobRecord, State, StoreError
from ..session_state import state
from . import on_original, placeholders
from .status import show_message

STEP_S = 0.005  # for so long another piece of work, of a millisecond, is begun in the same tick
PLACE_AFTER_S = 0.003  # and for so long the placing, which takes 3 to 5 ms with its undo step
LONG_AFTER_S = 0.0005  # and for so long a piece that takes up to 8 ms by itself
TRIES_MAX = 3  # if the artist undoes what is being loaded
ENDLESS_S = 60.0  # an add-on's modal operator that runs for longer watches something, and is no tool


log = logging.getLogger(__name__)


@dataclass
class _Arrival:
    """A result that is being appended; once all of it `is_there`, the next step puts it in its place."""

    job_id: str
    loading: scene.Loading
    tries: int = 1
    is_there: bool = False

    def load(self) -> bool:
        """The next pieces; whether all is there, and time left in this tick to put it in its place."""
        start = time.perf_counter()
        used_s = 0.0
        while not self.is_there and used_s < (LONG_AFTER_S if self.loading.is_next_long else STEP_S):
            self.is_there = self.loading.step()
            used_s = time.perf_counter() - start
        return self.is_there and used_s < PLACE_AFTER_S


@dataclass
class _Step:
    """Results that are one step to undo: which of them are to come, and whether one has."""

    rest: set[str] = field(default_factory=set[str])
    has_come: bool = False


class Placer:
    """Which results have to be placed, and the one that is being placed."""

    def __init__(self) -> None:
        self._waiting: dict[str, None] = {}  # ids of jobs, in the order in which they became ready
        self._arrival: _Arrival | None = None
        self._of_file: set[str] = set()  # jobs that the file waited for when it was opened
        self._is_file_new = True
        self._to_mark: set[str] = set()  # jobs that were placed, which the store has not been told yet
        self._failed: set[str] = set()  # results that could not be placed: again only if a person asks
        self._steps: dict[str, _Step] = {}  # by job, of those that were asked for together

    @property
    def is_busy(self) -> bool:
        """Whether a result waits to be placed, or is being placed."""
        return bool(self._waiting or self._arrival)

    @property
    def is_loading(self) -> bool:
        """Whether a result is half there: each `step` for it has a tick of its own."""
        return self._arrival is not None

    def file_opened(self) -> None:
        """Forget what the former file waited for; the next tick looks what this one waits for."""
        self._is_file_new = True
        self._waiting.clear()
        self._arrival = None
        self._failed.clear()
        self._steps.clear()

    def has_file_placeholders(self) -> bool:
        """Whether a file that was just opened waits for a result."""
        if self._is_file_new:
            self._is_file_new = False
            find_placeholders()
            self._of_file = set(state.placeholders.values())
        return bool(self._of_file)

    def jobs_changed(self, jobs: JobCache, changed: list[JobRecord]) -> None:
        """Enqueue those of the changed jobs that are ready and not placed. Raises StoreError."""
        self.mark_placed(jobs)
        if self._is_file_new and self.has_file_placeholders():
            changed = [*changed, *(jobs.by_id[job_id] for job_id in self._of_file if job_id in jobs.by_id)]
        for job in changed:
            is_due = job.state is State.READY or (job.state is State.PLACED and job.id in self._of_file)
            if is_due and job.id not in self._failed:
                self._waiting[job.id] = None
            if not job.is_working:
                self._of_file.discard(job.id)

    def enqueue(self, *job_ids: str) -> None:
        """Place the jobs' results in the next ticks, as one step to undo, also if that has failed before."""
        step = _Step(set(job_ids))
        for job_id in job_ids:
            self._end(job_id)  # it is of another step now
            self._failed.discard(job_id)
            self._waiting[job_id] = None
            self._steps[job_id] = step

    def step(self, jobs: JobCache) -> bool:
        """Do a little for the result that has waited longest; whether there is more to do at once."""
        arrival = self._arrival
        if arrival is None:
            return self._begin(jobs)
        job = jobs.by_id.get(arrival.job_id)
        try:
            if job is None:  # removed from the list
                arrival.loading.drop()
            elif on_original.is_outdated(arrival.loading, jobs, job):
                arrival.loading.drop()
                self._waiting[job.id] = None
            elif not arrival.load():
                return True
            elif scene.mode_in_use(job.id):
                return False
            elif self._arrive(arrival.loading, job):
                self._end(job.id, job.name)
                show_message(on_original.what_came(arrival.loading, job))
                self.mark_placed(jobs)
        except scene.GoneError:
            if arrival.tries < TRIES_MAX:
                self._arrival = _Arrival(
                    arrival.job_id, on_original.loading(jobs, arrival.job_id), arrival.tries + 1
                )
                return True
            show_message("A 3D model was undone while it came. Place it from the list.", is_error=True)
        except StoreError:  # another process holds the store: `mark_placed` comes again
            raise
        except Exception as error:  # of that job alone: the timer goes on
            self._arrival = None
            self._report(jobs, arrival.job_id, error)
        self._arrival = None
        if arrival.job_id not in self._waiting:
            self._end(arrival.job_id)
        return False

    def place_now(self, jobs: JobCache, job: JobRecord) -> None:
        """Place the whole result at once, for scripts. Raises OSError or ValueError."""
        try:
            if not self._arrive(on_original.loading(jobs, job.id), job) and job.id in self._waiting:
                del self._waiting[job.id]
                self._arrive(on_original.loading(jobs, job.id), job)
        except scene.GoneError as error:  # nobody can have undone anything meanwhile
            raise ValueError(f"{error} is not whole. Convert the result again.") from error
        self.mark_placed(jobs)

    def mark_placed(self, jobs: JobCache) -> None:
        """Tell the store what was placed; while another process holds it, a later tick does."""
        for job_id in list(self._to_mark):
            if job_id in jobs.by_id:
                jobs.mark_placed(jobs.by_id[job_id])
            self._to_mark.discard(job_id)

    def _begin(self, jobs: JobCache) -> bool:
        """Take up the next job. One whose placeholder was deleted stays in the list.

        One that is being finished anew comes once it is ready.
        """
        done = {each for each in self._waiting if each in jobs.by_id and jobs.by_id[each].state in DONE}
        found = scene.find_placeholders(done)
        for job_id in [each for each in self._waiting if each not in found]:
            del self._waiting[job_id]
            self._end(job_id)
        job_id = next((each for each in self._waiting if not scene.mode_in_use(each)), None)
        if job_id is not None:
            del self._waiting[job_id]
            self._arrival = _Arrival(job_id, on_original.loading(jobs, job_id))
        return job_id is not None

    def _end(self, job_id: str, come: str = "") -> None:
        """The job's result has `come`, under that name, or will not: after the last, a step to undo."""
        step = self._steps.pop(job_id, None) or _Step()
        step.rest.discard(job_id)
        step.has_come = step.has_come or bool(come)
        if step.has_come and not step.rest:
            _push_undo(come or "results")

    def _arrive(self, loading: scene.Loading, job: JobRecord) -> bool:
        """Put the result in the place of its placeholders; False if none are left.

        The store is told by `mark_placed`, after the undo step.
        """
        try:
            if not on_original.arrive(loading, job):
                return False
        except scene.EditedError as error:
            show_message(f"{error} It comes as an object of its own.")
            self._waiting[job.id] = None
            return False
        placeholders.select_arrived(job.id, placeholders.objects_of(job.id, bpy.data.objects))
        self._to_mark.add(job.id)
        # Before the next scan, whose job is placed already would be taken for undone.
        state.placeholders = {name: of for name, of in state.placeholders.items() if of != job.id}
        return True

    def _report(self, jobs: JobCache, job_id: str, error: Exception) -> None:
        """Write the reason into the job; an unforeseen error goes to the console, too."""
        self._failed.add(job_id)
        reason = str(error) if isinstance(error, OSError | ValueError) else f"{type(error).__name__}: {error}"
        job = jobs.by_id.get(job_id)
        text = f"{job.name if job else 'A result'} could not be placed: {reason.strip()[:500]}"
        if not isinstance(error, OSError | ValueError):
            log.exception(text, exc_info=error)
        show_message(text, is_error=True)
        if job:
            jobs.note_error(job, text)


placer = Placer()
_modal_since: dict[str, float] = {}  # by identifier of a modal operator that is running: time.monotonic()


@bpy.app.handlers.persistent
def on_load(_path: object) -> None:
    """A handler of load_post."""
    placer.file_opened()
    state.compared = ""


def find_placeholders() -> None:
    """Note which objects wait for a result: the artist may have copied, renamed or deleted some."""
    found = scene.find_placeholders(None)
    state.placeholders = {name: job_id for job_id, names in found.items() for name in names}


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


def _push_undo(name: str) -> None:
    """Makes what came one step to undo, whatever mode the artist is in."""
    windows = bpy.context.window_manager.windows
    if windows and not bpy.app.background:
        with bpy.context.temp_override(window=windows[0]):
            bpy.ops.ed.undo_push(message=f"Maquette: {name}")
