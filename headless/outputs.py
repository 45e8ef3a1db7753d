# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for jobs, then writing the results where the command was asked to: files, preview."""

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol, cast

from ..batches import delivered_files
from ..client import InputError, JsonValue
from ..jobs import (
    DONE,
    LIBRARY_KEY,
    JobRecord,
    StaleError,
    State,
    asset_path,
    asset_request,
    note_asset,
    request_to_write,
    wanted_library,
)
from .errors import Exit, MaquetteError
from .session import Session

TICK_S = 0.2
_NO_SERVICE_S = 600.0  # without any answer for so long, waiting is of no use to a script
_PATIENT = ("NetworkError", "ServerError", "RateLimitedError", "AnswerError")


def output_folder(name: str | os.PathLike[str]) -> Path:
    """The folder, made if it is not there. Raises MaquetteError where nothing can be written to it."""
    try:
        folder = Path(name).expanduser().absolute()  # as it is called: a link may be away with its drive
        if folder.exists() and not folder.is_dir():
            raise MaquetteError(f"{name} is a file. Give the name of a folder for the results.")
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: there is no such home
        why = getattr(error, "strerror", None) or error
        raise MaquetteError(f"{name} cannot be written to: {why}. Choose another output folder.") from error


class Reporter(Protocol):
    """Who is told how jobs are doing: `tell` after each change, `line` for anything else, `end` before the
    last word.
    """

    def tell(self, jobs: list[JobRecord]) -> None: ...

    def line(self, text: str) -> None: ...

    def end(self) -> None: ...


class OutageTimer:
    """Reports what blocks the worker through `say`, and raises after ten minutes without service."""

    def __init__(self, session: Session, say: Callable[[str], None], again: str) -> None:
        self._session = session
        self._say = say
        self._again = again
        self._told = ""
        self._well_at = time.monotonic()

    def check(self) -> None:
        """Raises MaquetteError if the key is refused or the service is gone for ten minutes."""
        text, kind = self._session.store.get_trouble(self._session.service, self._session.id)
        if text and text != self._told:
            self._say(text)
        self._told, now = text, time.monotonic()
        self._well_at = self._well_at if text else now
        if text and (kind not in _PATIENT or now - self._well_at > _NO_SERVICE_S):
            raise MaquetteError(
                f"{text} The jobs are kept: {self._again} when that is mended.",
                Exit.NO_SERVICE if kind in _PATIENT else Exit.NOT_ALLOWED,
            )


def wait_for(session: Session, jobs: list[JobRecord], reporter: Reporter, *, again: str) -> list[JobRecord]:
    """Follow `jobs` until each has ended or needs a person. Where outputs are to be written, the Blender for
    that is there when a result is.

    Raises MaquetteError, which says to do what `again` says, if the key is refused or the service is gone for
    ten minutes.
    """
    supervisor, outage = session.supervisor(), OutageTimer(session, reporter.line, again)
    try:
        while any(job.is_working for job in jobs):
            if supervisor.check():
                jobs = [session.store.get(job.id) for job in jobs]
            reporter.tell(jobs)
            outage.check()
            if any(wanted_outputs(job) for job in jobs):
                expected = session.store.expected.count(session.service, session.id, 1)
                session.blenders.expect(expected, "write")
            time.sleep(TICK_S)
    finally:
        reporter.end()
        supervisor.close()
    return jobs


def deliver(session: Session, jobs: list[JobRecord]) -> dict[str, list[str]]:
    """Write the outputs that each ready job was asked for, in a background Blender; the files by job id.

    Where Blender cannot read a result, they are its files as they were delivered.
    """
    return {job.id: _deliver_one(session, job) for job in jobs if job.state in DONE}


def wanted_outputs(job: JobRecord) -> list[Path]:
    """The files that the job was to be written to; the last is that of its asset, if it was to have one."""
    outputs = cast("list[str]", job.placement.get("outputs") or [])
    preview = cast("str | None", job.placement.get("preview"))
    library = wanted_library(job)
    files = [Path(name) for name in [*outputs, preview] if name]
    return files + ([asset_path(job, library)] if library else [])


def _deliver_one(session: Session, job: JobRecord) -> list[str]:
    outputs = wanted_outputs(job)
    result = session.store.result_blend(job)
    if not result.exists():
        outputs = delivered_files(session.store, job)
    elif outputs:
        _write(session, job, outputs)
    if job.state is State.READY:
        with suppress(StaleError):  # another process that waits for it has
            session.store.move(job, State.PLACED, message=job.message)
    return [str(output) for output in outputs]


def write_outputs(session: Session, job: JobRecord, outputs: Sequence[Path], asset: JsonValue = None) -> None:
    """Write the job's result to these files, and the asset if it is given, as `asset_request` has it."""
    result = session.store.result_blend(job)
    request = request_to_write(job, result, outputs, job.size_m) | {"asset": asset}
    session.blenders.run("write", request, result.parent, "writing the outputs")


def _write(session: Session, job: JobRecord, outputs: list[Path]) -> None:
    library = wanted_library(job)
    asset: JsonValue = None
    problem: Exception | None = None
    try:
        asset = asset_request(job, library) if library else None
    except (InputError, OSError) as error:  # the outputs are written all the same
        problem = error
    write_outputs(session, job, outputs[:-1] if library else outputs, asset)
    if problem:
        raise MaquetteError(f"{job.name} is not in the library: {problem}", Exit.JOB_FAILED) from problem
    if library:
        note_asset(session.store, job, outputs[-1])


def add_to_library(session: Session, job: JobRecord, library: Path) -> Path:
    """Write the finished job's result to the library, once more if it is there; its file.

    Raises MaquetteError if Blender has none to write, or ChildError, InputError or OSError.
    """
    result = session.store.result_blend(job)
    if job.state not in DONE or not result.exists():
        raise MaquetteError(f"{job.name} ({job.id}) is {job.state}: it has no 3D model that can be kept.")
    path = asset_path(job, library)
    only = replace(job, placement={"size_m": job.size_m, LIBRARY_KEY: str(library)})
    _write(session, only, [path])
    return path
