# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for jobs, then putting the results where the command was asked to: scene, files, preview."""

import os
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import bpy

from .. import scene
from ..client import JsonValue
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
    current = {job.id: job for job in jobs}
    watch = session.watch()
    trouble_since: float | None = None
    told = ""
    try:
        while any(job.is_working for job in current.values()):
            if watch.look():
                current = {job_id: session.store.get(job_id) for job_id in current}
            progress.tell(list(current.values()))
            text, kind = session.store.get_trouble(session.service)
            if text and text != told:
                progress.line(text)
            told = text
            trouble_since = (trouble_since or time.monotonic()) if text else None
            if trouble_since is not None and (
                kind not in _PATIENT or time.monotonic() - trouble_since > _NO_SERVICE_S
            ):
                code = Exit.NO_SERVICE if kind in _PATIENT else Exit.NOT_ALLOWED
                raise CommandError(
                    f"{text} The jobs are kept: run `maquette resume` when that is mended.", code
                )
            time.sleep(_TICK_S)
    finally:
        progress.end()
        watch.close()
    return list(current.values())


def deliver(session: Session, jobs: list[JobRecord]) -> dict[str, list[str]]:
    """Place each ready job and write the outputs it was asked for; the files written by job id."""
    with _quiet(session.folder / "blender.log"):
        return {job.id: _deliver_one(session, job) for job in jobs if job.state in DONE}


def _deliver_one(session: Session, job: JobRecord) -> list[str]:
    folder = session.store.job_folder(job.id)
    blend = folder / "result.blend"
    if not blend.exists():  # formats that Blender cannot read stay as files
        return [str(folder / str(cast("dict[str, JsonValue]", entry)["path"])) for entry in job.files]
    outputs = [Path(str(name)) for name in cast("list[JsonValue]", job.placement.get("outputs") or [])]
    preview = job.placement.get("preview")
    if outputs or preview:
        root = _place(job, blend)
        for output in outputs:
            if output.suffix.lower() == ".blend":
                scene.save_blend(output)
            else:
                scene.export_glb([root], output)
        if preview:
            outputs.append(Path(str(preview)))
            scene.render_preview([root], outputs[-1])
        for item in (*root.children_recursive, root):  # the next job's files are to hold that job alone
            bpy.data.objects.remove(item)
        bpy.data.orphans_purge(do_recursive=True)
    if job.state is State.READY:
        session.store.move(job, State.PLACED)
    return [str(output) for output in outputs]


def _place(job: JobRecord, blend: Path) -> bpy.types.Object:
    target = open_scene()
    size = job.placement.get("size_m")
    x, y, z = target.cursor.location
    placement = scene.Placement((x, y, z), size_m=float(size) if isinstance(size, int | float) else None)
    return scene.append_result(
        blend, name=job.name, scene=target, placement=placement, provenance=provenance_of(job)
    )


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


def open_scene() -> bpy.types.Scene:
    """The scene of the file that Blender was started with, else an empty one."""
    if not bpy.data.filepath and not bpy.data.collections.get("Maquette"):
        for item in list(bpy.data.objects):
            bpy.data.objects.remove(item)
        for collection in list(bpy.data.collections):
            bpy.data.collections.remove(collection)
    found = bpy.context.scene
    assert found is not None
    return found
