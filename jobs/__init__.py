# SPDX-License-Identifier: GPL-3.0-or-later
"""A job's life: record, states, store, worker and its supervision. No bpy, importable without Blender.

Importing it loads neither sqlite3 nor the HTTP library: Blender's start is not to wait for them.
"""

from .account import KEY_VARIABLE, AccountError, erase_credentials, read_credentials, write_credentials
from .add_job import add_once, finish_anew, new_job, take_up
from .at_work import at_work
from .backend import Backend
from .blender_pool import BlenderPool, BlenderTask, ChildError
from .candidates import date_text, refuse_candidate, take_candidate
from .catalogue import Catalogue
from .database import StoreError
from .files import as_text, cut, replacing, safe_name, sha256_of, take_folder, write_whole
from .finish_words import (
    FINISH_COLUMNS,
    Finish,
    finish_cells,
    finish_json,
    finish_of,
    finish_sentence,
    read_finish,
)
from .finishing import (
    AS_DELIVERED,
    finish_result,
    finished_key,
    has_profile,
    is_finished_by,
    message_of,
    named_profile,
    profile_json,
    profile_of,
    provenance_in_scene,
    provenance_outside,
    result_blend,
    untouched,
)
from .gate import Requirement, read_requirements, reasons
from .input_files import InputFileError
from .job_cache import JobCache
from .library import (
    LIBRARY_KEY,
    PRICES_FILE,
    LibrarySettings,
    asset_of,
    asset_path,
    asset_request,
    assets_of,
    note_asset,
    read_library,
    remove_assets,
    wanted_library,
    write_library,
)
from .lookups import Price
from .parse_inputs import DEFAULT_TEXT_MODEL, Gathered, gather_inputs, is_file, read_size
from .process import (
    SANDBOX,
    SandboxError,
    WorkerSettings,
    end_at_once,
    let_go,
    load_worker,
    open_sandbox,
    service_name,
    start_sandbox,
    start_worker,
    stop_sandbox,
)
from .profile import PROFILES, Profile, override, profile_key
from .provenance import DEFAULT_IMAGE_MODEL, cost_text, name_of, source_of, view_in
from .record import (
    ErrorKind,
    InputFile,
    InputValue,
    JobRecord,
    NewJob,
    StoredFile,
    leaves,
    mapped,
    new_id,
    placeholder_inputs,
)
from .remote_claims import was_submitted
from .repeats import TIMES_MAX, is_seed, repeat, takes
from .report import Report, read_report, report_of
from .report_words import REPORT_COLUMNS, Light, details_of, light_of, report_cells, report_json, sentence_of
from .result_picture import lacks_picture, picture_of
from .results import requires_mesh, usual_result
from .states import DONE, UNPAID, State
from .store import StaleError, Store
from .supervisor import Supervisor, WorkerError
from .transfers import OWN_FILE
from .write_request import request_to_write

__all__ = [
    "AS_DELIVERED",
    "DEFAULT_IMAGE_MODEL",
    "DEFAULT_TEXT_MODEL",
    "DONE",
    "FINISH_COLUMNS",
    "KEY_VARIABLE",
    "LIBRARY_KEY",
    "OWN_FILE",
    "PRICES_FILE",
    "PROFILES",
    "REPORT_COLUMNS",
    "SANDBOX",
    "TIMES_MAX",
    "UNPAID",
    "AccountError",
    "Backend",
    "BlenderPool",
    "BlenderTask",
    "Catalogue",
    "ChildError",
    "ErrorKind",
    "Finish",
    "Gathered",
    "InputFile",
    "InputFileError",
    "InputValue",
    "JobCache",
    "JobRecord",
    "LibrarySettings",
    "Light",
    "NewJob",
    "Price",
    "Profile",
    "Report",
    "Requirement",
    "SandboxError",
    "StaleError",
    "State",
    "Store",
    "StoreError",
    "StoredFile",
    "Supervisor",
    "WorkerError",
    "WorkerSettings",
    "add_once",
    "as_text",
    "asset_of",
    "asset_path",
    "asset_request",
    "assets_of",
    "at_work",
    "cost_text",
    "cut",
    "date_text",
    "details_of",
    "end_at_once",
    "erase_credentials",
    "finish_anew",
    "finish_cells",
    "finish_json",
    "finish_of",
    "finish_result",
    "finish_sentence",
    "finished_key",
    "gather_inputs",
    "has_profile",
    "is_file",
    "is_finished_by",
    "is_seed",
    "lacks_picture",
    "leaves",
    "let_go",
    "light_of",
    "load_worker",
    "mapped",
    "message_of",
    "name_of",
    "named_profile",
    "new_id",
    "new_job",
    "note_asset",
    "open_sandbox",
    "override",
    "picture_of",
    "placeholder_inputs",
    "profile_json",
    "profile_key",
    "profile_of",
    "provenance_in_scene",
    "provenance_outside",
    "read_credentials",
    "read_finish",
    "read_library",
    "read_report",
    "read_requirements",
    "read_size",
    "reasons",
    "refuse_candidate",
    "remove_assets",
    "repeat",
    "replacing",
    "report_cells",
    "report_json",
    "report_of",
    "request_to_write",
    "requires_mesh",
    "result_blend",
    "safe_name",
    "sentence_of",
    "service_name",
    "sha256_of",
    "source_of",
    "start_sandbox",
    "start_worker",
    "stop_sandbox",
    "take_candidate",
    "take_folder",
    "take_up",
    "takes",
    "untouched",
    "usual_result",
    "view_in",
    "wanted_library",
    "was_submitted",
    "write_credentials",
    "write_library",
    "write_whole",
]
