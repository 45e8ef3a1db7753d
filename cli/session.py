# SPDX-License-Identifier: GPL-3.0-or-later
"""What every command works with: the service (or a private sandbox), the store, and a watch on it."""

import os
from argparse import Namespace
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import bpy

from .. import preferences
from ..client import DEFAULT_API_URL, Credentials, Scenario
from ..client.address import is_loopback
from ..jobs import (
    SANDBOX,
    Store,
    Watch,
    WorkerSettings,
    open_sandbox,
    read_credentials,
    service_name,
    start_worker,
    stop_sandbox,
)
from .exits import CommandError, Exit


@dataclass(frozen=True, slots=True)
class Where:
    """Which service and which store, in a person's words; the environment says what is not said here."""

    sandbox: bool = False
    api_url: str | None = None
    project: str | None = None  # its id
    state: str | os.PathLike[str] | None = None  # folder of the store


def where_of(arguments: Namespace) -> Where:
    return Where(arguments.sandbox, arguments.api_url, state=getattr(arguments, "state", None))


class Session:
    """Opened by each command; reaches for the service, or starts a sandbox, when first asked to."""

    def __init__(self, where: Where, *, converters: int | None = None) -> None:
        self.converters = converters or os.cpu_count() or 1
        state = where.state or os.environ.get("MAQUETTE_STATE")
        self.folder = Path(state).expanduser().resolve() if state else preferences.state_folder()
        url = where.api_url or os.environ.get("MAQUETTE_API_URL") or DEFAULT_API_URL
        self._api_url, self._is_sandbox = url.rstrip("/"), where.sandbox
        project_id = where.project or os.environ.get("MAQUETTE_PROJECT_ID") or None
        self._project_id = None if self._is_sandbox else project_id
        self.service = SANDBOX if self._is_sandbox else service_name(self._api_url, self._project_id)
        self._credentials: Credentials | None = None
        self._api: Scenario | None = None
        self._stack = ExitStack()
        self.store = Store(self.folder)
        self._stack.callback(self.store.close)

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def api(self) -> Scenario:
        if self._api is None:
            if self._is_sandbox:
                sandbox, self._api_url, self._credentials = open_sandbox(
                    self.folder / "sandbox", blender_binary()
                )
                self._stack.callback(stop_sandbox, sandbox)
            elif not bpy.app.online_access and not is_loopback(self._api_url):
                raise CommandError(
                    "Blender's online access is off. Start Blender with --online-mode, or use the sandbox.",
                    Exit.NOT_ALLOWED,
                )
            else:
                self._credentials = read_credentials(preferences.user_folder())
            api = Scenario(self._api_url, self._credentials, project_id=self._project_id)
            self._api = self._stack.enter_context(api)
        return self._api

    @property
    def credentials(self) -> Credentials:
        if not self.api or self._credentials is None:
            raise CommandError(
                "Not signed in. Set SCENARIO_SDK_API_KEY and SCENARIO_SDK_API_SECRET, or try the sandbox.",
                Exit.NOT_ALLOWED,
            )
        return self._credentials

    def watch(self) -> Watch:
        settings = WorkerSettings(
            credentials=self.credentials,
            api_url=self._api_url,
            service=self.service,
            blender=blender_binary(),
            project_id=self._project_id,
            converters=self.converters,
        )
        return Watch(self.store, self.service, lambda: start_worker(self.folder, settings))


def blender_binary() -> str:
    if not bpy.app.binary_path:
        raise CommandError("Blender's own path is not known. Start it as `blender`, or through the launcher.")
    return bpy.app.binary_path
