# SPDX-License-Identifier: GPL-3.0-or-later
"""What a use without a window stands on: the service (or a private sandbox), the store, its supervisor."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import bpy

from .. import preferences
from ..client import DEFAULT_API_URL, Credentials, Scenario, address_problem, is_loopback
from ..jobs import (
    SANDBOX,
    BlenderPool,
    JobRecord,
    Store,
    Supervisor,
    WorkerSettings,
    new_id,
    open_sandbox,
    read_credentials,
    service_name,
    start_worker,
    stop_sandbox,
)
from .errors import Exit, MaquetteError

_LOOK_S = 0.2


@dataclass(frozen=True, slots=True)
class Where:
    """Which service and which store, in a person's words; the environment says what is not said here."""

    sandbox: bool = False
    api_url: str | None = None
    project: str | None = None  # its id
    state: str | os.PathLike[str] | None = None  # folder of the store


class Session:
    """Opened by each use; reaches for the service, or starts a sandbox, when first asked to.

    Its jobs carry `id`, and its worker submits those alone.
    """

    def __init__(self, where: Where, *, converters: int | None = None, is_new: bool = True) -> None:
        """Raises MaquetteError if words contradict each other or, without `is_new`, there is no folder."""
        self.id = new_id()
        self._where = where
        self.converters = converters or os.cpu_count() or 1
        state = where.state
        self.folder = Path(state).expanduser().resolve() if state else preferences.state_folder()
        if where.state and not is_new and not self.folder.is_dir():
            raise MaquetteError(f"There is no folder {self.folder}. Is its name right?")
        url = where.api_url or os.environ.get(preferences.API_URL_VARIABLE) or DEFAULT_API_URL
        self._api_url, self._is_sandbox = url.rstrip("/"), where.sandbox
        if where.sandbox and where.api_url:
            raise MaquetteError("The sandbox has an address of its own. Leave one of the two out.")
        if not self._is_sandbox and (problem := address_problem(self._api_url)):
            raise MaquetteError(f"The API address cannot be used: {problem}.")
        project_id = where.project or os.environ.get("MAQUETTE_PROJECT_ID") or None
        self._project_id = None if self._is_sandbox else project_id
        self.service = SANDBOX if self._is_sandbox else service_name(self._api_url, self._project_id)
        self._credentials: Credentials | None = None
        self._api: Scenario | None = None
        self._stack = ExitStack()
        self.store = Store(self.folder)
        self._stack.callback(self.store.close)
        self._blenders: BlenderPool | None = None
        if self.store.notice:
            print(self.store.notice, file=sys.stderr)

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
                raise MaquetteError(
                    "Blender's online access is off. Start Blender with --online-mode, "
                    "or use the sandbox (--sandbox).",
                    Exit.NOT_ALLOWED,
                )
            else:
                self._credentials = read_credentials(preferences.user_folder())
            api = Scenario(self._api_url, self._credentials, project_id=self._project_id)
            self._api = self._stack.enter_context(api)
        return self._api

    @property
    def blenders(self) -> BlenderPool:
        """Those that write outputs; they end with the session."""
        if self._blenders is None:
            self._blenders = BlenderPool(blender_binary())
            self._stack.callback(self._blenders.end)
        return self._blenders

    @property
    def credentials(self) -> Credentials:
        if not self.api or self._credentials is None:
            raise MaquetteError(
                "Not signed in. Set SCENARIO_SDK_API_KEY and SCENARIO_SDK_API_SECRET, "
                "or use the sandbox (--sandbox).",
                Exit.NOT_ALLOWED,
            )
        return self._credentials

    def supervisor(self) -> Supervisor:
        settings = WorkerSettings(
            credentials=self.credentials,
            api_url=self._api_url,
            service=self.service,
            session=self.id,
            blender=blender_binary(),
            project_id=self._project_id,
            converters=self.converters,
        )
        return Supervisor(
            self.store, self.service, lambda: start_worker(self.folder, settings), session=self.id
        )

    def wait_for_sign_of_life(self, jobs: Iterable[JobRecord]) -> None:
        """Return once it is known of each job under way whether its session is alive: after LEASE_S at most.

        A worker that was killed leaves a lease behind that looks alive for so long.
        """
        leases = {
            job.session: self.store.alive_lease(job.service, job.session)
            for job in jobs
            if job.is_working and job.service == self.service and job.session != self.id
        }
        for session, renewed_at in leases.items():
            while renewed_at and self.store.alive_lease(self.service, session) == renewed_at:
                time.sleep(_LOOK_S)

    def command(self, *words: str) -> str:
        """A command for a person to type that works where this one does."""
        line = ["blender", "--background", "--command", "maquette", *words]
        if "--online-mode" in sys.argv:
            line.insert(2, "--online-mode")
        if self._is_sandbox:
            line += ["--sandbox"]
        for flag, value in (("--api-url", self._where.api_url), ("--state", self._where.state)):
            line += [flag, os.fspath(value)] if value else []
        return quoted(*line)


def quoted(*words: str) -> str:
    """The words as a person types them."""
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def blender_binary() -> str:
    if not bpy.app.binary_path:
        raise MaquetteError(preferences.NO_BINARY)
    return bpy.app.binary_path
