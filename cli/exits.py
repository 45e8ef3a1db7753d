# SPDX-License-Identifier: GPL-3.0-or-later
"""Exit codes, and which error leads to which: one line on stderr, never a traceback."""

import sqlite3
from enum import IntEnum

from .. import client, scene
from ..jobs import DONE, AccountError, JobRecord, SandboxError, StoreError, WorkerError
from ..jobs.blender_pool import ChildError


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
EXPECTED: tuple[type[Exception], ...] = (CommandError, *(kind for _, kinds in _KINDS for kind in kinds))


def exit_for(kind: type[Exception]) -> Exit:
    return next((code for code, kinds in _KINDS if issubclass(kind, kinds)), Exit.JOB_FAILED)


def code_of(error: Exception) -> Exit:
    return error.code if isinstance(error, CommandError) else exit_for(type(error))


def exit_for_job(job: JobRecord) -> Exit:
    """The code for a job that has ended, or that stays where a person has to do something."""
    return Exit.DONE if job.state in DONE else exit_for(getattr(client, job.error_kind, Exception))
