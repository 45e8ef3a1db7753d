# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for jobs, then putting the results where the command was asked to: scene, files, preview."""

import os
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import bpy

from .. import scene
from ..jobs import DONE, JobRecord, State, provenance_of
from .exits import CommandError, Exit
from .progress import ProgressLine
from .session import Session

_TICK_S = 0.2
_NO_SERVICE_S = 600.0  # without any answer for so long, waiting is of no use to a script
_PATIENT = ("NetworkError", "ServerError", "RateLimitedError", "AnswerError")


def wait_for(session: Session, jobs: list[JobRecord], progress: ProgressLine) -> list[JobRecord]:
    """Follow `jobs` until each has ended or needs a person; Ctrl-C leaves them to `resume`.

    Raises CommandError if the key is refused or the service is gone for ten minutes.
    """
    watch, told, well_at = session.watch(), "", time.monotonic()
    try:
        while any(job.is_working for job in jobs):
            if watch.look():
                jobs = [session.store.get(job.id) for job in jobs]
            progress.tell(jobs)
            text, kind = session.store.get_trouble(session.service)
            if text and text != told:
                progress.line(text)
            told, now = text, time.monotonic()
            well_at = well_at if text else now
            if text and (kind not in _PATIENT or now - well_at > _NO_SERVICE_S):
                raise CommandError(
                    f"{text} The jobs are kept: run `maquette resume` when that is mended.",
                    Exit.NO_SERVICE if kind in _PATIENT else Exit.NOT_ALLOWED,
                )
            time.sleep(_TICK_S)
    finally:
        progress.end()
        watch.close()
    return jobs


def deliver(session: Session, jobs: list[JobRecord]) -> dict[str, list[str]]:
    """Place each ready job and write the outputs it was asked for; the files written by job id."""
    with _quiet(session.folder / "blender.log"):
        return {job.id: _deliver_one(session, job) for job in jobs if job.state in DONE}


def _deliver_one(session: Session, job: JobRecord) -> list[str]:
    folder = session.store.job_folder(job.id)
    blend = folder / "result.blend"
    if not blend.exists():  # formats that Blender cannot read stay as files
        return [str(folder / entry["path"]) for entry in cast("list[Any]", job.files)]
    wish = cast("dict[str, Any]", job.placement)
    outputs, preview = [Path(name) for name in wish.get("outputs") or []], wish.get("preview")
    if outputs or preview:
        root = _place(job, blend, wish.get("size_m"))
        for output in outputs:
            if output.suffix.lower() == ".blend":
                scene.save_blend(output)
            else:
                scene.export_glb([root], output)
        if preview:
            outputs.append(Path(preview))
            scene.render_preview([root], outputs[-1])
        # The next job's files are to hold that job alone.
        bpy.data.batch_remove([*root.children_recursive, root])
        bpy.data.orphans_purge(do_recursive=True)
    if job.state is State.READY:
        session.store.move(job, State.PLACED)
    return [str(output) for output in outputs]


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
def _quiet(log_path: Path) -> Generator[None]:
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
