# SPDX-License-Identifier: GPL-3.0-or-later
"""Following a store: whether it changed since the last look, and a worker that is there while it is needed.

One look costs microseconds when nothing happened. The window calls it from a timer, the
command line in a loop.
"""

import subprocess
import time
from collections.abc import Callable

from .process import let_finish, let_go
from .store import Store

_MAX_STARTS = 3  # in a row, without the worker showing life
_CHECK_S = 1.0  # between two looks after the worker


class WorkerError(Exception):
    """The worker cannot be kept running; the text says where its log is."""


class Supervisor:
    """Looks at `store` for one session of a service; `start` starts its worker and returns the process
    (None: no worker).
    """

    def __init__(
        self,
        store: Store,
        service: str,
        start: Callable[[], subprocess.Popen[bytes]] | None,
        *,
        session: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._service = service
        self._session = session
        self._start, self._clock = start, clock
        self._version: int | None = None
        self._worker: subprocess.Popen[bytes] | None = None
        self._starts = 0
        self._checked_at: float | None = None

    def check(self) -> bool:
        """Whether anything was written since the last look; starts the worker if it is missing.

        Raises WorkerError if the worker died several times in a row.
        """
        version = self._store.data_version()
        is_changed, self._version = version != self._version, version
        now = self._clock()
        if self._checked_at is None or abs(now - self._checked_at) >= _CHECK_S:
            self._checked_at = now
            self._keep_worker()
        return is_changed

    @property
    def is_outdated(self) -> bool:
        """Whether the next look is to find a change, see `invalidate`."""
        return self._version is None

    def invalidate(self) -> None:
        """After a write through the same store, which data_version does not show: look again."""
        self._version = self._checked_at = None

    def reset_failures(self) -> None:
        """Reset the count of failed worker starts: the user asked to retry."""
        self._starts = 0
        self.invalidate()

    def _keep_worker(self) -> None:
        if self._worker is not None:
            code = self._worker.poll()
            if code is None:
                return
            let_go(self._worker)
            self._worker = None
            self._starts = self._starts + 1 if code else 0
        if self._start is None or not self._store.has_work(self._service, self._session):
            return
        if self._store.aside.is_replaced():
            raise WorkerError("The job store was damaged, and another process has set it aside. Start anew.")
        if self._store.is_lease_alive(self._service, self._session):
            return
        if self._starts >= _MAX_STARTS:
            raise WorkerError(
                f"Maquette's worker process ended {self._starts} times in a row."
                f" {self._store.folder / 'worker.log'} tells why; the jobs are kept."
            )
        self._worker = self._start()

    def close(self) -> None:
        """Let the worker finish its transfers and end by itself. Returns at once."""
        worker = self.give_up_worker()
        if worker is not None:
            let_go(worker)

    def give_up_worker(self) -> subprocess.Popen[bytes] | None:
        """The same; returns the process, if there is one, for the caller to `let_go` or `end_at_once`."""
        worker, self._worker = self._worker, None
        if worker is not None:
            let_finish(worker)
        return worker
