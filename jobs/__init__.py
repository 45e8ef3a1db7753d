# SPDX-License-Identifier: GPL-3.0-or-later
"""A job's life: record, states, store, worker and its supervision. No bpy, importable without Blender."""

from .account import AccountError, erase_credentials, read_credentials, write_credentials
from .database import StoreError
from .files import safe_name
from .process import WorkerSettings, start_python, start_worker
from .record import InputFile, InputValue, JobRecord, NewJob
from .states import DONE, REMOTE, WORKING, State
from .store import StaleError, Store
from .watch import Watch, WorkerError

__all__ = [
    "DONE",
    "REMOTE",
    "WORKING",
    "AccountError",
    "InputFile",
    "InputValue",
    "JobRecord",
    "NewJob",
    "StaleError",
    "State",
    "Store",
    "StoreError",
    "Watch",
    "WorkerError",
    "WorkerSettings",
    "erase_credentials",
    "read_credentials",
    "safe_name",
    "start_python",
    "start_worker",
    "write_credentials",
]
