# SPDX-License-Identifier: GPL-3.0-or-later
"""Exit codes, and which error leads to which: one line on stderr, never a traceback."""

import sqlite3
from enum import IntEnum

from .. import client, scene
from ..jobs import AccountError, JobRecord, SandboxError, State, StoreError, WorkerError


class Exit(IntEnum):
    DONE = 0
    JOB_FAILED = 1
    USAGE = 2
    NOT_ALLOWED = 3
    OVER_COST = 4
    NO_SERVICE = 5
    INTERRUPTED = 130


class CommandError(Exception):
    """Ends the command with one line and an exit code."""

    def __init__(self, message: str, code: Exit = Exit.USAGE) -> None:
        super().__init__(message)
        self.code = code


_CODES: tuple[tuple[type[Exception], Exit], ...] = (
    (client.SignInError, Exit.NOT_ALLOWED),
    (client.NotAllowedError, Exit.NOT_ALLOWED),
    (client.CreditsError, Exit.NOT_ALLOWED),
    (AccountError, Exit.NOT_ALLOWED),
    (client.InputError, Exit.USAGE),
    (client.NotFoundError, Exit.USAGE),
    (StoreError, Exit.USAGE),
    (client.TransferError, Exit.JOB_FAILED),
    (WorkerError, Exit.JOB_FAILED),
    (SandboxError, Exit.NO_SERVICE),
    (scene.ExportError, Exit.JOB_FAILED),
    (OSError, Exit.JOB_FAILED),  # a disk that is full or went away
    (sqlite3.Error, Exit.JOB_FAILED),
    (client.ScenarioError, Exit.NO_SERVICE),
)
EXPECTED = tuple(kind for kind, _ in _CODES)


def exit_for(error: Exception) -> Exit:
    return next((code for kind, code in _CODES if isinstance(error, kind)), Exit.JOB_FAILED)


def exit_for_job(job: JobRecord) -> Exit:
    """The code for a job that has ended, or that stays where a person has to do something."""
    if job.state in (State.READY, State.PLACED):
        return Exit.DONE
    kind = getattr(client, job.error_kind, None)
    if not isinstance(kind, type):
        return Exit.JOB_FAILED
    return next((code for known, code in _CODES if issubclass(kind, known)), Exit.JOB_FAILED)
