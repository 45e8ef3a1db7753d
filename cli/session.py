# SPDX-License-Identifier: GPL-3.0-or-later
"""What every command works with: the service (or a private sandbox), the store, and a watch on it."""

import os
import subprocess
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import bpy

from .. import preferences
from ..client import DEFAULT_API_URL, Credentials, Scenario
from ..jobs import Store, Watch, WorkerSettings, open_sandbox, read_credentials, start_worker, stop_sandbox
from .exits import CommandError, Exit

SANDBOX_SERVICE = "sandbox"


class Session:
    """Opened by each command; reaches for the service, or starts a sandbox, when first asked to."""

    def __init__(self, arguments: Namespace, environment: Mapping[str, str] = os.environ) -> None:
        state = arguments.state or environment.get("MAQUETTE_STATE")
        self.folder = Path(state).expanduser().resolve() if state else preferences.state_folder()
        self._is_sandbox: bool = arguments.sandbox
        url = arguments.api_url or environment.get("MAQUETTE_API_URL") or DEFAULT_API_URL
        self._api_url = str(url).rstrip("/")
        self.service = SANDBOX_SERVICE if self._is_sandbox else self._api_url
        self.project_id = None if self._is_sandbox else environment.get("MAQUETTE_PROJECT_ID") or None
        self._environment = environment
        self._sandbox: subprocess.Popen[bytes] | None = None
        self._credentials: Credentials | None = None
        self._api: Scenario | None = None
        self.store = Store(self.folder)

    @property
    def api(self) -> Scenario:
        if self._api is None:
            if self._is_sandbox:
                data = self.folder / "sandbox"
                self._sandbox, self._api_url, self._credentials = open_sandbox(data, blender_binary())
            else:
                _check_online(self._api_url)
                self._credentials = read_credentials(preferences.user_folder(), self._environment)
            self._api = Scenario(self._api_url, self._credentials, project_id=self.project_id)
        return self._api

    @property
    def credentials(self) -> Credentials:
        if self.api and self._credentials is None:
            raise CommandError(
                "Not signed in. Set SCENARIO_SDK_API_KEY and SCENARIO_SDK_API_SECRET, or try --sandbox.",
                Exit.NOT_ALLOWED,
            )
        return cast("Credentials", self._credentials)

    def watch(self) -> Watch:
        settings = WorkerSettings(
            credentials=self.credentials,
            api_url=self._api_url,
            service=self.service,
            blender=blender_binary(),
            project_id=self.project_id,
        )
        return Watch(self.store, self.service, lambda: start_worker(self.folder, settings))

    def close(self) -> None:
        if self._api is not None:
            self._api.close()
        self.store.close()
        if self._sandbox is not None:
            stop_sandbox(self._sandbox)
            self._sandbox = None

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _check_online(url: str) -> None:
    is_local = url.startswith(("http://127.", "http://localhost", "http://[::1]"))
    if not bpy.app.online_access and not is_local:
        raise CommandError(
            "Blender's online access is off. Start Blender with --online-mode, or use --sandbox.",
            Exit.NOT_ALLOWED,
        )


def blender_binary() -> str:
    if not bpy.app.binary_path:
        raise CommandError("Blender's own path is not known. Start it as `blender`, or through the launcher.")
    return bpy.app.binary_path
