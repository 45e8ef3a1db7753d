# SPDX-License-Identifier: GPL-3.0-or-later
"""What every command works with: the service (or a private sandbox), the store, and a watch on it."""

import json
import os
import subprocess
import time
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import IO, cast

import bpy

from .. import preferences
from ..client import DEFAULT_API_URL, Credentials, Scenario
from ..jobs import Store, Watch, WorkerSettings, read_credentials, start_python, start_worker
from .exits import CommandError, Exit

SANDBOX_SERVICE = "sandbox"
_SANDBOX_START_S = 60.0


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
                self._api_url, self._credentials = self._start_sandbox()
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

    def _start_sandbox(self) -> tuple[str, Credentials]:
        data = self.folder / "sandbox"
        data.mkdir(parents=True, exist_ok=True)
        with (data / "sandbox.log").open("ab") as log:
            self._sandbox = start_sandbox(data, port=0, stdout=subprocess.PIPE, stderr=log)
        assert self._sandbox.stdout is not None
        deadline = time.monotonic() + _SANDBOX_START_S
        line = b""
        while not line.startswith(b"{") and time.monotonic() < deadline:
            line = self._sandbox.stdout.readline()
            if not line:
                break
        try:
            answer = cast("dict[str, str]", json.loads(line))
            return answer["api"], Credentials(answer["key"], answer["secret"])
        except (ValueError, KeyError):
            self.close()
            raise CommandError(
                f"The sandbox did not start. {data / 'sandbox.log'} tells why.", Exit.NO_SERVICE
            ) from None

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


def start_sandbox(
    data: Path, *, port: int, stdout: int | None, stderr: IO[bytes] | None, options: tuple[str, ...] = ()
) -> subprocess.Popen[bytes]:
    """Start the sandbox on `data`; it ends when its stdin is closed. Port 0: any free one."""
    arguments = [
        "--port",
        str(port),
        "--data",
        str(data),
        "--blender",
        blender_binary(),
        "--exit-with-stdin",
        *options,
    ]
    return start_python("sandbox.server", arguments, stdout=stdout, stderr=stderr)


def stop_sandbox(process: "subprocess.Popen[bytes]") -> None:
    assert process.stdin is not None
    process.stdin.close()
    if process.stdout is not None:
        process.stdout.close()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
