# SPDX-License-Identifier: GPL-3.0-or-later
"""The one error that a script has to know, the exit codes, and which error leads to which."""

import errno
import sqlite3
from collections.abc import Sequence
from enum import IntEnum

import bpy

from .. import client, scene
from ..batches import Problem
from ..jobs import DONE, AccountError, ChildError, JobRecord, SandboxError, StoreError, WorkerError


class Exit(IntEnum):
    DONE = 0
    JOB_FAILED = 1
    USAGE = 2
    NOT_ALLOWED = 3
    OVER_COST = 4
    NO_SERVICE = 5
    REJECTED = 6
    INTERRUPTED = 130


class MaquetteError(Exception):
    """What could not be done, why, and what to do: the text is for a person.

    try:
        horse = generate("horse.png", key="horse", max_cost=30)
    except MaquetteError as error:
        print(error)
        sys.exit(error.code)
    """

    # What the command would end with: 1 a job failed, 2 a wrong file, parameter, model or row, 3 not signed
    # in, not allowed or too few credits, 4 over `max_cost`, 5 network or server.
    code: int
    # The job that `generate` had started: it is kept. None: nothing was started, or it was a batch.
    job_id: str | None
    # What has been spent, or will be if what is under way goes on, in creative units.
    cost_cu: float
    # Whether the same call goes on with what is kept, and pays nothing twice (`generate` by its `key`;
    # without one it is `maquette resume JOB_ID` that does).
    can_resume: bool
    # A batch's rows that are wrong.
    problems: tuple[Problem, ...]

    def __init__(
        self,
        message: str,
        code: int = Exit.USAGE,
        *,
        job_id: str | None = None,
        cost_cu: float = 0.0,
        can_resume: bool = False,
        problems: Sequence[Problem] = (),
    ) -> None:
        super().__init__(message)
        self.code = int(code)
        self.job_id = job_id
        self.cost_cu = cost_cu
        self.can_resume = can_resume
        self.problems = tuple(problems)


_KINDS: tuple[tuple[Exit, tuple[type[Exception], ...]], ...] = (
    (Exit.NOT_ALLOWED, (client.SignInError, client.NotAllowedError, client.CreditsError, AccountError)),
    (Exit.USAGE, (client.InputError, client.NotFoundError, StoreError)),
    # OSError and sqlite3's: a disk that is full or went away.
    (
        Exit.JOB_FAILED,
        (client.TransferError, WorkerError, ChildError, scene.ExportError, OSError, sqlite3.Error),
    ),
    (Exit.NO_SERVICE, (client.ScenarioError, SandboxError)),
)
EXPECTED: tuple[type[Exception], ...] = (MaquetteError, *(kind for _, kinds in _KINDS for kind in kinds))


def exit_for(kind: type[Exception]) -> Exit:
    return next((code for code, kinds in _KINDS if issubclass(kind, kinds)), Exit.JOB_FAILED)


def code_of(error: Exception) -> int:
    return error.code if isinstance(error, MaquetteError) else exit_for(type(error))


def error_text(error: Exception) -> str:
    """In words, with what to do: the system's own errors have neither path nor advice in theirs."""
    if isinstance(error, sqlite3.Error):
        return f"The store of jobs: {error}. Mend that, and run the same again."
    if not isinstance(error, OSError) or error.strerror is None:
        return str(error)
    is_full = error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
    advice = "Make room, and run the same again." if is_full else "Mend that, and run the same again."
    return f"{error.filename or 'A file'}: {error.strerror}. {advice}"


def exit_for_job(job: JobRecord) -> Exit:
    """The code for a job that has ended, or that stays where a person has to do something."""
    return Exit.DONE if job.state in DONE else exit_for(getattr(client, job.error_kind, Exception))


def refuse_in_window(name: str, instead: str) -> None:
    """Raises MaquetteError where waiting would hold a window."""
    if not bpy.app.background:
        raise MaquetteError(f"{name}() waits for its result, and would hold Blender's window. {instead}")
