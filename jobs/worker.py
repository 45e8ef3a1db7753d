# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker: the one process that talks to the service and has results converted.

Its loop alone writes to the store; threads do what waits. It ends a while after the last thing to do, or
when its parent is gone and the transfers under way are finished.
"""

import json
import logging
import os
import secrets
import sqlite3
import subprocess
import sys
import threading  # this process is plain Python, not Blender
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from ..client import Credentials, Scenario, elapsed_s
from .asset_maker import AssetMaker
from .blender_pool import BlenderPool
from .database import is_damage, mark_damaged
from .input_files import is_for_blender
from .leased_store import STORE_TROUBLE, LeasedStore, log
from .lookup_runner import LookupRunner
from .matching import GRACE_S
from .poller import Poller
from .previews import PreviewMaker
from .process import open_sandbox, stop_sandbox
from .rebuild import Rebuilder
from .record import JobRecord
from .service import Service
from .states import State
from .steps import Steps
from .store import LEASE_S, LeaseLostError, Store
from .tasks import Tasks
from .transfers import MAX_ATTEMPTS

TICK_S = 0.25
LEAST_PAUSE_S = 0.02
STORE_PATIENCE_S = 300.0  # how long a store that takes nothing is waited for, with the results in memory
STORE_PAUSE_S = 1.0
PROGRESS_S = 0.5  # how often a transfer's progress is written
EXPECT_S = 1.0  # how often it is looked how many results are expected


class Worker:
    """Takes the jobs of one session at a service through their states, and what ended sessions have paid for.

    `blenders` convert, as many at a time as there are `converters`; they are started when results are
    expected. After the last thing to do it waits `linger_s` for more, without the lease. `stopping` is what
    `stop` sets, and what idle time is spent with. `clock` is for intervals and has no dates: it goes on
    evenly, also where this computer's clock is set.
    """

    def __init__(
        self,
        store: Store,
        api: Service,
        *,
        service: str,
        session: str = "",
        blenders: BlenderPool,
        converters: int = 1,
        is_keeping_downloads: bool = True,
        linger_s: float = 0.0,
        clock: Callable[[], float] = elapsed_s,
        grace_s: float = GRACE_S,
        max_attempts: int = MAX_ATTEMPTS,
        stopping: threading.Event | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self.tasks = Tasks(converters)
        self._blenders = blenders
        self._store = store
        self._service = service
        self._session = session
        self._clock, self._linger_s = clock, linger_s
        leased = LeasedStore(store, service, self.name, clock, session, max_attempts=max_attempts)
        self._poller = Poller(leased, api, self.tasks, grace_s)
        self._lookup_runner = LookupRunner(leased, api, self.tasks)
        self._rebuilder = Rebuilder(leased, api, self.tasks)
        self._steps = Steps(
            leased,
            api,
            self.tasks,
            self._poller,
            blenders=self._blenders,
            is_keeping_downloads=is_keeping_downloads,
        )
        self._leased = leased
        self._assets = AssetMaker(leased, self.tasks, blenders)
        self._is_stopping = stopping or threading.Event()
        self._previews = PreviewMaker(leased, self.tasks, blenders, self._is_stopping.is_set)
        self._sleep = sleep
        self._next_lease = self._next_progress = self._next_expected = 0.0
        self._converters, self._expected = converters, 0
        self._trouble_since: float | None = None

    def close(self) -> None:
        """Abort or wait for what is under way; no thread and no Blender stays behind."""
        self.tasks.shutdown()
        self._end_blenders()

    def _end_blenders(self) -> None:
        self._blenders.end()
        self._previews.end()

    def stop(self) -> None:
        """Start nothing new; what is under way is finished. Safe from any thread."""
        self._is_stopping.set()

    def run(self) -> None:
        """Run until there was nothing to do for `linger_s`, or `stop` was called and running tasks ended."""
        try:
            while self.take_lease():
                while self._patient_round():
                    pause_s = min(TICK_S, max(LEAST_PAUSE_S, self._poller.due_in_s()))
                    if not self.tasks.wait(pause_s):
                        self._is_stopping.wait(pause_s)
                self._store.drop_lease(self._service, self.name)
                self._end_blenders()
                if not self._linger():
                    return
        except LeaseLostError as error:
            log.warning("stopping: %s", error)
        finally:
            self.close()
            self._store.drop_lease(self._service, self.name)

    def _linger(self) -> bool:
        """Wait for something to do; until then it costs a look at the file's version each TICK_S."""
        self._store.empty_trash()
        deadline = self._clock() + self._linger_s
        seen = None
        is_anothers = False
        while self._clock() < deadline and not self._is_stopping.wait(TICK_S):
            version = self._store.data_version()
            if version != seen or is_anothers:
                seen, has_work = version, self._has_work()
                is_anothers = has_work and self._store.is_lease_alive(self._service, self._session)
                if has_work and not is_anothers:
                    return True
        return False

    def take_lease(self) -> bool:
        """A worker that was killed leaves a lease behind: wait for its end, or for the other to show life."""
        deadline = self._clock() + LEASE_S * 1.5
        while not self._store.take_lease(self._service, self.name, self._session):
            if self._clock() > deadline or self._is_stopping.wait(TICK_S):
                return False
        return True

    def _patient_round(self) -> bool:
        """A round. While the store cannot be written to, results are held in memory, for a while."""
        try:
            is_working = self.round()
        except STORE_TROUBLE as error:
            now = self._clock()
            self._trouble_since = self._trouble_since or now
            log.warning("the store: %s", error)
            if now - self._trouble_since > STORE_PATIENCE_S:
                raise
            self._sleep(STORE_PAUSE_S)
            return True
        self._trouble_since = None
        return is_working

    def round(self) -> bool:
        """One look at everything; False when there is nothing left to do. Raises LeaseLostError, or
        STORE_TROUBLE: then what has come of the tasks is kept for the next round.
        """
        now = self._clock()
        if now >= self._next_lease:
            if not self._store.take_lease(self._service, self.name, self._session):
                raise LeaseLostError("another worker holds the lease")
            self._next_lease = now + LEASE_S / 4
            if not self._is_stopping.is_set():
                self._store.adopt(self._service, self._session)
        for key, step in self.tasks.collect():
            self._leased.guarded(key, step)
        if self._is_stopping.is_set():
            return len(self.tasks) > 0
        for job in self._store.list_actionable(self._service, 4 * self.tasks.most, self._session):
            if job.id not in self.tasks:
                self._leased.guarded(job.id, lambda job=job: self._advance(job))
        if now >= self._next_progress:
            self._next_progress = now + PROGRESS_S
            for job_id, value in self.tasks.progress():
                self._leased.guarded(job_id, lambda key=job_id, value=value: self._tell_progress(key, value))
        if not self._session:  # lookups are the window's
            self._lookup_runner.start_open()
            self._previews.start_if_free()
            self._assets.start_if_free()
        self._rebuilder.start_if_due()
        self._poller.poll()
        if now >= self._next_expected:
            self._next_expected = now + EXPECT_S
            self._expected = self._store.expected.count(self._service, self._session, self._converters)
            self._blenders.expect(self._expected, "convert")
        self._blenders.tidy(keep=self._expected)
        self._previews.tidy()
        return len(self.tasks) > 0 or self._has_work()

    def _has_work(self) -> bool:
        return self._store.has_work(self._service, self._session) or (
            not self._session and self._assets.has_work()
        )

    def _advance(self, job: JobRecord) -> None:
        """Begin the job's next step, unless many wait for the same threads: then it stays in the store."""
        if not self.tasks.is_full(self._pool_of(job)):
            self._steps.advance(job)

    def _pool_of(self, job: JobRecord) -> str:
        match job.state:
            case State.QUEUED | State.RUNNING:
                return "cancel"
            case State.DOWNLOADING:
                return "download"
            case State.CONVERTING:
                return "convert"
            case _ if job.sent:
                return "submit"
            case _:
                # While many wait, its files need not be looked at, whatever they are.
                is_waiting = self.tasks.is_full("upload")
                folder = self._store.job_folder(job.id)
                return "convert" if not is_waiting and is_for_blender(job, folder) else "upload"

    def _tell_progress(self, job_id: str, value: float) -> None:
        self._leased.update(self._store.get(job_id), progress=value)


def main() -> int:
    """The process: `WorkerSettings` come as one JSON line on stdin; its end stops the worker."""
    Scenario.load()  # settings may be a while in coming
    settings: dict[str, Any] = json.loads(_read_line())
    with open(settings.pop("log"), "ab") as errors:
        os.dup2(errors.fileno(), 1)
        os.dup2(errors.fileno(), 2)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    folder, api_url = Path(settings.pop("store")), settings.pop("api_url")
    credentials = Credentials(**(settings.pop("credentials") or {"key": "", "secret": ""}))
    project_id, is_sandbox = settings.pop("project_id"), settings.pop("is_sandbox")
    with ExitStack() as stack:
        sandbox = None
        if is_sandbox:
            sandbox, api_url, credentials = open_sandbox(folder / "sandbox", settings["blender"])
            stack.callback(stop_sandbox, sandbox)
        store = stack.enter_context(closing(Store(folder)))
        api = stack.enter_context(Scenario(api_url, credentials, project_id=project_id))
        worker = Worker(store, api, blenders=BlenderPool(settings.pop("blender")), **settings)

        def follow_parent() -> None:
            os.read(0, 1)  # nothing comes: it ends
            worker.stop()

        def stop_with(sandbox: subprocess.Popen[bytes]) -> None:
            sandbox.wait()
            worker.stop()

        threading.Thread(target=follow_parent, daemon=True).start()
        if sandbox is not None:  # without it, another worker starts another
            threading.Thread(target=stop_with, args=(sandbox,), daemon=True).start()
        try:
            worker.run()
        except sqlite3.DatabaseError as error:
            if is_damage(error):
                mark_damaged(folder)  # the next worker sets it aside
            raise
    return 0


def _read_line() -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(0, 1)
        if not piece:
            raise SystemExit("the worker is started by Maquette, with its settings on stdin")
        line += piece
    return line
