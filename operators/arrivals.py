# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings results to their placeholders: when a job becomes ready, and once after a file was opened.

Never after an undo, which could not be undone otherwise. One at a time, and none while the artist is in the
middle of something.
"""

import bpy

from .. import scene
from ..jobs import Desk, JobRecord, State, holder, provenance_of
from .notify import tell

_waiting: dict[str, None] = {}  # ids of jobs, in the order in which they became ready
_of_file: set[str] = set()  # jobs that the file waited for when it was opened
_to_mark: set[str] = set()  # placed, and not yet written down
_is_file_new = [True]


@bpy.app.handlers.persistent
def note_file(_path: object) -> None:
    """After a file was opened: the next tick looks what it waits for."""
    _is_file_new[0] = True
    _waiting.clear()


def has_file_placeholders() -> bool:
    """Whether a file that was just opened waits for a result."""
    if _is_file_new[0]:
        _is_file_new[0] = False
        scan()
        _of_file.clear()
        _of_file.update(holder.state.placeholders.values())
    return bool(_of_file)


def note(desk: Desk, news: list[JobRecord]) -> None:
    """Takes in which jobs have changed. Raises StoreError."""
    mark_placed(desk)
    if _is_file_new[0] and has_file_placeholders():
        news = [*news, *(desk.jobs[job_id] for job_id in _of_file if job_id in desk.jobs)]
    for job in news:
        if job.state is State.READY or (job.state is State.PLACED and job.id in _of_file):
            _waiting[job.id] = None
        if not job.is_working:
            _of_file.discard(job.id)


def are_waiting() -> bool:
    return bool(_waiting)


def is_artist_busy() -> bool:
    """Whether a render, a bake, playback or a modal tool is running."""
    if any(map(bpy.app.is_job_running, ("RENDER", "OBJECT_BAKE"))):
        return True
    windows = bpy.context.window_manager.windows
    return any(window.screen.is_animation_playing or len(window.modal_operators) for window in windows)


def scan() -> None:
    """Looks which objects wait for a result: the artist may have copied, renamed or deleted some."""
    found = scene.find_placeholders(None)
    holder.state.placeholders = {name: job_id for job_id, names in found.items() for name in names}


def take_one(desk: Desk) -> None:
    """Brings in the result that has waited longest; those whose placeholder was deleted stay in the list."""
    found = scene.find_placeholders(_waiting)
    for job_id in [each for each in _waiting if each not in found or each not in desk.jobs]:
        del _waiting[job_id]
    job_id = next((each for each in _waiting if not scene.is_in_use(each)), None)
    if job_id is None:
        return
    del _waiting[job_id]
    job = desk.jobs[job_id]
    try:
        bring(desk, job)
    except (OSError, ValueError) as error:
        tell(f"{job.name} could not be placed: {error}", is_error=True)
    else:
        _push_undo(job.name)
        tell(f"{job.name} is in the scene")
        mark_placed(desk)


def bring(desk: Desk, job: JobRecord) -> None:
    """Puts the job's result in the place of its placeholders; `mark_placed` is for after the undo step.

    Raises OSError or ValueError.
    """
    scene.arrive(
        desk.store.job_folder(job.id) / "result.blend",
        job_id=job.id,
        name=job.name,
        provenance=provenance_of(job),
    )
    _to_mark.add(job.id)


def mark_placed(desk: Desk) -> None:
    """Writes down what was placed; while another process holds the store, a later tick does."""
    for job_id in list(_to_mark):
        if job_id in desk.jobs:
            desk.mark_placed(desk.jobs[job_id])
        _to_mark.discard(job_id)


def _push_undo(name: str) -> None:
    """Makes what came one step to undo, whatever mode the artist is in."""
    windows = bpy.context.window_manager.windows
    if windows and not bpy.app.background:
        with bpy.context.temp_override(window=windows[0]):
            bpy.ops.ed.undo_push(message=f"Maquette: {name}")
