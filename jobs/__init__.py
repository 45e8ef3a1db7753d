# SPDX-License-Identifier: GPL-3.0-or-later
"""A job's life: record, states, store, worker and its supervision. No bpy, importable without Blender.

Importing it loads neither sqlite3 nor the HTTP library: Blender's start is not to wait for them.
"""

from ..client import Credentials, Input, InputError, JsonValue, Model, check_inputs
from .account import AccountError, erase_credentials, read_credentials, write_credentials
from .backend import Backend
from .catalogue import Catalogue
from .database import StoreError
from .files import safe_name
from .input_files import again
from .job_cache import JobCache
from .lookups import Price
from .process import (
    SANDBOX,
    SandboxError,
    WorkerSettings,
    open_sandbox,
    service_name,
    start_sandbox,
    start_worker,
    stop_sandbox,
)
from .provenance import DEFAULT_IMAGE_MODEL, cost_text, name_of, provenance_of, source_of, view_in
from .record import (
    InputFile,
    InputValue,
    JobRecord,
    KeptFile,
    NewJob,
    leaves,
    mapped,
    new_id,
    placeholder_inputs,
)
from .states import DONE, UNPAID, WORKING, State
from .store import Store
from .supervisor import Supervisor, WorkerError

__all__ = [
    "DEFAULT_IMAGE_MODEL", "DONE", "SANDBOX", "UNPAID", "WORKING", "AccountError", "Backend", "Catalogue",
    "Credentials", "Input", "InputError", "InputFile", "InputValue", "JobCache", "JobRecord", "JsonValue",
    "KeptFile", "Model", "NewJob", "Price", "SandboxError", "State", "Store", "StoreError", "Supervisor",
    "WorkerError", "WorkerSettings", "again", "check_inputs", "cost_text", "erase_credentials", "leaves",
    "mapped", "name_of", "new_id", "open_sandbox", "placeholder_inputs", "provenance_of",
    "read_credentials", "safe_name", "service_name", "source_of", "start_sandbox", "start_worker",
    "stop_sandbox", "view_in", "write_credentials",
]  # fmt: skip
