# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for jobs, then putting the results where the command was asked to: scene, files, preview."""

import os
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import bpy

from .. import scene
from ..batches.delivery import delivered_files
from ..jobs import DONE, JobRecord, State, provenance_of
from ..jobs.store import StaleError
from .exits import CommandError, Exit
from .progress import Progress
from .session import Session

TICK_S = 0.2
_NO_SERVICE_S = 600.0  # without any answer for so long, waiting is of no use to a script
_PATIENT = ("NetworkError", "ServerError", "RateLimitedError", "AnswerError")


class OutageTimer:
    """Reports what blocks the worker through `say`, and raises after ten minutes without service."""

    def __init__(self, session: Session, say: Callable[[str], None], again: str) -> None:
        self._session, self._say, self._again = session, say, again
        self._told, self._well_at = "", time.monotonic()

    def check(self) -> None:
        """Raises CommandError if the key is refused or the service is gone for ten minutes."""
        text, kind = self._session.store.get_trouble(self._session.service, self._session.id)
        if text and text != self._told:
            self._say(text)
        self._told, now = text, time.monotonic()
        self._well_at = self._well_at if text else now
        if text and (kind not in _PATIENT or now - self._well_at > _NO_SERVICE_S):
            raise CommandError(
                f"{text} The jobs are kept: {self._again} when that is mended.",
                Exit.NO_SERVICE if kind in _PATIENT else Exit.NOT_ALLOWED,
            )


def wait_for(session: Session, jobs: list[JobRecord], progress: Progress, *, again: str) -> list[JobRecord]:
    """Follow `jobs` until each has ended or needs a person.

    Raises CommandError, which says to do what `again` says, if the key is refused or the service is gone for
    ten minutes.
    """
    supervisor, outage = session.supervisor(), OutageTimer(session, progress.line, again)
    try:
        while any(job.is_working for job in jobs):
            if supervisor.check():
                jobs = [session.store.get(job.id) for job in jobs]
            progress.tell(jobs)
            outage.check()
            time.sleep(TICK_S)
    finally:
        progress.end()
        supervisor.close()
    return jobs


def deliver(session: Session, jobs: list[JobRecord]) -> dict[str, list[str]]:
    """Place each ready job and write the outputs it was asked for; the files written by job id."""
    return {job.id: _deliver_one(session, job) for job in jobs if job.state in DONE}


def wanted_outputs(job: JobRecord) -> list[Path]:
    """The files that the job was to be written to."""
    wish = cast("dict[str, Any]", job.placement)
    return [Path(name) for name in [*(wish.get("outputs") or []), wish.get("preview")] if name]


def _deliver_one(session: Session, job: JobRecord) -> list[str]:
    size_m = cast("float | None", job.placement.get("size_m"))
    written = write_outputs(session, job, wanted_outputs(job), size_m)
    if job.state is State.READY:
        with suppress(StaleError):  # another process that waits for it has
            session.store.move(job, State.PLACED, message=job.message)
    return [str(output) for output in written]


def write_outputs(session: Session, job: JobRecord, outputs: list[Path], size_m: float | None) -> list[Path]:
    """Place the result and write it in each form, by the names' endings; returns what was written.

    Where Blender cannot read it, nothing is, and the files are returned as they were delivered.
    """
    blend = session.store.job_folder(job.id) / "result.blend"
    if not blend.exists():
        return delivered_files(session.store, job)
    if outputs:
        with quiet(session.folder / "blender.log"):
            root = _place(job, blend, size_m)
            try:
                for output in outputs:
                    scene.write_form([root], output)
            finally:  # the next job's files are to hold that job alone
                bpy.data.batch_remove([*root.children_recursive, root])
                bpy.data.orphans_purge(do_recursive=True)
    return outputs


def _place(job: JobRecord, blend: Path, size_m: float | None) -> bpy.types.Object:
    """Put the result into the scene of the file that Blender was started with, else into an empty one."""
    if not bpy.data.filepath and not bpy.data.collections.get("Maquette"):
        bpy.data.batch_remove([*bpy.data.objects, *bpy.data.collections])
    target = cast("bpy.types.Scene", bpy.context.scene)
    x, y, z = target.cursor.location
    placement = scene.Placement((x, y, z), size_m=size_m)
    facts = provenance_of(job)
    return scene.append_result(blend, name=job.name, scene=target, placement=placement, provenance=facts)


@contextmanager
def quiet(log_path: Path) -> Generator[None]:
    """What Blender's exporters and renderer print goes into a file: stdout and stderr are ours."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    with log_path.open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for target, descriptor in enumerate(kept, 1):
            os.dup2(descriptor, target)
            os.close(descriptor)
