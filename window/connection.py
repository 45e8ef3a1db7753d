# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens and closes the window's backend: for which account and service, and whether its worker may go online.

What was in the way stands in `state`, see blockers.py.
"""

import contextlib
import os

import bpy

from .. import preferences, properties
from ..client import DEFAULT_API_URL, is_loopback
from ..jobs import (
    KEY_VARIABLE,
    SANDBOX,
    AccountError,
    Backend,
    StoreError,
    WorkerSettings,
    read_credentials,
    service_name,
    start_worker,
)
from ..session_state import Account, state
from .blockers import service_blocker

_LINGER_S = 600.0  # a worker stays for so long without work: the next question is answered at once


def open_backend() -> None:
    """Opens the backend that preferences and environment name; the one before is closed."""
    close_backend()
    folder = preferences.state_folder()
    state.account = "signed_out"
    state.problem = ""
    properties.read_profiles()
    try:
        settings, state.account = _settings()
        state.opened_with = settings
        state.online = is_online(settings.service)
        can_work = state.account != "signed_out" and state.online
        start = (lambda: start_worker(folder, settings)) if can_work else None
        state.backend = Backend(folder, settings.service, start)
    except (AccountError, StoreError) as error:
        state.problem = str(error)


def current_backend() -> Backend | None:
    """The backend as account and folder are now, opened anew if need be. For scripts: no timer does it."""
    backend = state.backend
    is_same = False
    if backend and not service_blocker():
        with contextlib.suppress(AccountError):  # opening says why
            is_same = _settings()[0] == state.opened_with
            is_same &= preferences.state_folder() == backend.store.folder
    if not is_same:
        open_backend()
    return state.backend


def close_backend() -> None:
    """Closes the backend, if any; its worker finishes its transfers and ends, unless it is offline."""
    state.close_backend()
    state.account = "unknown"
    state.end_offline(is_online)


def is_online(service: str) -> bool:
    """Whether the worker may talk to the service; this very machine may always be talked to."""
    return bpy.app.online_access or service == SANDBOX or is_loopback(service)


def choose_sandbox(is_wanted: bool) -> None:
    """Changes over to the sandbox, or back; the next tick opens the backend anew."""
    chosen = preferences.get()
    if chosen and chosen.is_sandbox != is_wanted:
        chosen.is_sandbox = is_wanted
        bpy.context.preferences.is_dirty = True


def _settings() -> tuple[WorkerSettings, Account]:
    """What the worker needs to know, and whose account it is, as `state` has it. Raises AccountError."""
    chosen = preferences.get()
    api_url = (os.environ.get(preferences.API_URL_VARIABLE) or DEFAULT_API_URL).rstrip("/")
    project_id = (chosen.project_id if chosen else "") or None
    service = service_name(api_url, project_id)
    credentials = None
    account: Account = "signed_out"
    if chosen and chosen.is_sandbox:
        service = SANDBOX
        account = "sandbox"
    elif credentials := read_credentials(preferences.user_folder()):
        account = "environment" if os.environ.get(KEY_VARIABLE) else "key"
    if not bpy.app.binary_path:
        raise AccountError(preferences.NO_BINARY)
    settings = WorkerSettings(
        service=service,
        blender=bpy.app.binary_path,
        api_url=api_url,
        credentials=credentials,
        project_id=project_id,
        is_sandbox=service == SANDBOX,
        is_keeping_downloads=not chosen or chosen.keeps_downloads,
        linger_s=_LINGER_S,
        converters=max(1, (os.cpu_count() or 1) // 2),  # the artist works meanwhile
    )
    return settings, account
