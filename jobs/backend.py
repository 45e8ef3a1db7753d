# SPDX-License-Identifier: GPL-3.0-or-later
"""What a window works with: one service's jobs and catalogue in one store, and the worker's supervisor.

`tick` alone reads the store, a little at a time.
"""

import contextlib
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from ..client import SignInError
from .catalogue import Catalogue
from .database import is_damage, mark_damaged
from .job_cache import JobCache
from .record import JobRecord
from .store import Store, StoreError
from .supervisor import Supervisor, WorkerError


class Backend:
    """Opens the store in `folder`; raises StoreError if it cannot be used. Clock in Unix seconds.

    `start` starts a worker; without it (signed out) jobs are listed, and nothing is asked or run.
    """

    def __init__(
        self,
        folder: Path,
        service: str,
        start: Callable[[], subprocess.Popen[bytes]] | None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.service = service
        self.store = Store(folder, is_interactive=True, clock=clock)
        self.supervisor = Supervisor(self.store, service, start, clock=clock)
        self.catalogue = Catalogue(
            self.store.lookups, service, self.supervisor, can_ask=start is not None, clock=clock
        )
        self.jobs = JobCache(self.store, service, self.supervisor, self.catalogue.expire_balance)
        self.trouble = ""  # what keeps the worker from going on
        self.trouble_kind = ""  # its error's class
        self._trouble_revision = 0
        self._read_to = -1  # all changes up to this one have been read
        with contextlib.suppress(StoreError):  # another process is writing: some other time
            self.store.lookups.prune(service)

    def close(self) -> "subprocess.Popen[bytes] | None":
        """Let the worker finish its transfers; returns its process, see `Supervisor.give_up_worker`."""
        self.store.close()
        return self.supervisor.give_up_worker()

    @property
    def revision(self) -> int:
        """Rises when anything that panels draw has changed."""
        return self.jobs.revision + self.catalogue.revision + self._trouble_revision

    @property
    def is_key_refused(self) -> bool:
        """Whether the service's last word was that it does not accept the key."""
        refused = SignInError.__name__
        return refused in (self.trouble_kind, self.catalogue.last_error_kind)

    def has_work(self) -> bool:
        """Whether a job is under way, or an answer is awaited."""
        return self.jobs.has_work() or self.catalogue.is_waiting()

    @property
    def is_quiet(self) -> bool:
        """Whether only another process, or a new wish, can bring something new."""
        return not self.supervisor.is_outdated and not self.has_work()

    def ask_again(self) -> None:
        """The user asked to retry: forget errors and the balance, allow the worker to be started again."""
        self.catalogue.expire_errors()
        self.catalogue.expire_balance()
        self.supervisor.reset_failures()

    def tick(self) -> list[JobRecord]:
        """Jobs that are new or have changed; the first ticks also bring history, see `JobCache.read`.

        Costs microseconds when there is nothing new. What a person has to mend does not raise: see `trouble`.
        """
        import sqlite3

        try:
            problem = ""
            try:
                is_changed = self.supervisor.check()
            except WorkerError as error:
                is_changed = True
                problem = str(error)
            return self._read(problem) if is_changed else []
        except (sqlite3.Error, OSError, StoreError) as error:
            self.supervisor.invalidate()
            text = f"The job store in {self.store.folder} does not answer: {error}."
            if is_damage(error):
                mark_damaged(self.store.folder)
                text += " Start Blender again: it is set aside then, and filled from the service's list."
            self._set_trouble(text)
            return []

    def _read(self, problem: str) -> list[JobRecord]:
        change = self.store.last_change()
        news = self._read_changes(change) if change != self._read_to else []  # else the lease was renewed
        trouble, kind = self.store.get_trouble(self.service)
        self._set_trouble(problem or trouble or self.store.notice, "" if problem else kind)
        return news

    def _read_changes(self, change: int) -> list[JobRecord]:
        self.catalogue.read()
        news = self.jobs.read()
        if self.catalogue.is_behind or self.jobs.is_behind:
            self.supervisor.invalidate()
        else:
            self._read_to = change
            self.jobs.drop_removed()
            self.catalogue.ask_about_new_models()
        return news

    def _set_trouble(self, text: str, kind: str = "") -> None:
        self._trouble_revision += text != self.trouble
        self.trouble = text
        self.trouble_kind = kind
