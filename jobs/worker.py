# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker: the one process that talks to the service and has results converted.

Its loop alone writes to the store; threads do what waits. It ends when nothing is left to do, or
when its parent is gone and the transfers under way are finished.
"""

import json
import logging
import os
import secrets
import sys
import threading  # this process is plain Python, not Blender
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..client import Credentials, Scenario
from .follower import Follower
from .ledger import Ledger, log
from .polling import GRACE_S
from .steps import Steps
from .store import LEASE_S, LeaseLostError, StaleError, Store
from .tasks import MAX_AT_ONCE, Tasks

TICK_S = 0.25
PROGRESS_S = 0.5  # how often a transfer's progress is written


class Worker:
    """Takes the jobs of one service in a store through their states.

    `blender` is the executable for the converter, `script` the converter. Clock in Unix seconds.
    """

    def __init__(
        self,
        store: Store,
        api: Scenario,
        *,
        service: str,
        blender: str,
        script: Path,
        clock: Callable[[], float] = time.time,
        grace_s: float = GRACE_S,
    ) -> None:
        self.name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self.tasks = Tasks()
        self._store, self._service, self._clock = store, service, clock
        ledger = Ledger(store, service, self.name, clock)
        self._follower = Follower(ledger, api, self.tasks, grace_s)
        self._steps = Steps(ledger, api, self.tasks, self._follower, blender=blender, script=script)
        self._ledger = ledger
        self._is_stopping = threading.Event()
        self._next_lease = self._next_progress = 0.0

    def stop(self) -> None:
        """Start nothing new; what is under way is finished. Safe from any thread."""
        self._is_stopping.set()

    def run(self) -> None:
        """Work until nothing is left, or until `stop` and the end of what is under way."""
        if not self.take_lease():
            return
        try:
            while self.round():
                if not self.tasks.wait(TICK_S):
                    self._is_stopping.wait(TICK_S)
        except LeaseLostError as error:
            log.warning("stopping: %s", error)
        finally:
            self.tasks.shutdown()
            self._store.drop_lease(self._service, self.name)

    def take_lease(self) -> bool:
        """A worker that was killed leaves a lease behind: wait for its end, or for the other to show life."""
        deadline = self._clock() + LEASE_S * 1.5
        while not self._store.take_lease(self._service, self.name):
            if self._clock() > deadline or self._is_stopping.wait(TICK_S):
                return False
        return True

    def round(self) -> bool:
        """One look at everything; False when there is nothing left to do. Raises LeaseLostError."""
        now = self._clock()
        if now >= self._next_lease:
            if not self._store.take_lease(self._service, self.name):
                raise LeaseLostError("another worker holds the lease")
            self._next_lease = now + LEASE_S / 4
        for step in self.tasks.collect():
            _unless_stale(step)
        if self._is_stopping.is_set():
            return len(self.tasks) > 0
        for job in self._store.list_actionable(self._service, 4 * MAX_AT_ONCE):
            if job.id not in self.tasks and not self.tasks.is_full:
                _unless_stale(lambda job=job: self._steps.take(job))
        if now >= self._next_progress:
            self._next_progress = now + PROGRESS_S
            for job_id, value in self.tasks.progress():
                _unless_stale(lambda key=job_id, value=value: self._tell_progress(key, value))
        self._follower.poll()
        return len(self.tasks) > 0 or self._store.has_work(self._service)

    def _tell_progress(self, job_id: str, value: float) -> None:
        self._ledger.update(self._store.get(job_id), progress=value)


def _unless_stale(step: Callable[[], object]) -> None:
    """A person may cancel or resume a job between two lines of ours: the next round sees it."""
    try:
        step()
    except LeaseLostError:
        raise
    except StaleError as error:
        log.info("%s", error)


def main() -> int:
    """The process: settings and credentials come as one JSON line on stdin; its end stops the worker."""
    settings: dict[str, Any] = json.loads(_read_line())
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    credentials = Credentials(settings["key"], settings["secret"])
    store = Store(Path(settings["store"]))
    with Scenario(settings["api_url"], credentials, project_id=settings["project_id"]) as api:
        worker = Worker(
            store,
            api,
            service=settings["service"],
            blender=settings["blender"],
            script=Path(__file__).resolve().parent.parent / "scene" / "convert.py",
            grace_s=settings.get("grace_s") or GRACE_S,
        )

        def follow_parent() -> None:
            while os.read(0, 1):
                continue
            worker.stop()

        threading.Thread(target=follow_parent, daemon=True).start()
        worker.run()
    store.close()
    return 0


def _read_line() -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(0, 1)
        if not piece:
            raise SystemExit("the worker is started by Maquette, with its settings on stdin")
        line += piece
    return line
