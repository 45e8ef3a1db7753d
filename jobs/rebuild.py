# SPDX-License-Identifier: GPL-3.0-or-later
"""Fills a new store that stands for a damaged one from the service's own list of jobs.

It only reads: nothing is submitted. Jobs that are under way are followed again; what had ended by then is
fetched when a person resumes the job.
"""

from concurrent.futures import Future  # of the worker process, which is plain Python
from typing import Any

from ..client import Job as RemoteJob
from ..client import JobStatus, ScenarioError
from .leased_store import STORE_TROUBLE, LeasedStore, log, retry_delay_s
from .service import Service
from .states import State
from .tasks import Tasks


class Rebuilder:
    """Asks for the list once for each service, again after a while where that fails."""

    def __init__(self, leased: LeasedStore, api: Service, tasks: Tasks) -> None:
        self._leased = leased
        self._api = api
        self._tasks = tasks
        self._next_try, self._failures = 0.0, 0

    def start_if_due(self) -> None:
        """Begin to fetch the service's list, if the store is to be filled from it."""
        store, service = self._leased.store, self._leased.service
        if (
            "rebuild" in self._tasks
            or self._leased.clock() < self._next_try
            or not store.aside.needs_rebuild(service)
        ):
            return
        self._tasks.start(
            "rebuild", "poll", lambda _: list(self._api.list_jobs(updated_after=0.0)), self._listed
        )

    def _listed(self, future: Future[Any]) -> None:
        error = future.exception()
        if error is None:
            try:
                self._take_over(future.result())
                return
            except STORE_TROUBLE:
                raise
            except Exception as defect:  # the list may be another one later
                error = defect
        if not isinstance(error, ScenarioError | OSError):
            log.error("rebuilding: a defect", exc_info=error)
        self._next_try = self._leased.clock() + retry_delay_s(error, self._failures)
        self._failures += 1
        self._leased.set_trouble(error)

    def _take_over(self, remotes: list[RemoteJob]) -> None:
        store, service = self._leased.store, self._leased.service
        reason = (
            f"The job store was damaged and lies in {store.aside.place()}. The service's list has this job."
        )
        rows = [_row(remote, reason) for remote in sorted(remotes, key=lambda remote: remote.created_at)]
        count = store.aside.rebuild(service, self._leased.session, rows)
        self._leased.set_trouble(None)
        log.warning("%d jobs were taken over from the service's list: %s", count, reason)


def _row(remote: RemoteJob, reason: str) -> dict[str, Any]:
    state = State.QUEUED
    resume_state = None
    message = reason
    if remote.status is JobStatus.CANCELED:
        state = State.CANCELED
    elif remote.is_success:
        state, resume_state = State.FAILED, State.DOWNLOADING
        message = f"{reason} Resume it to fetch its result, which is paid for."
    elif remote.has_ended:
        state, message = State.FAILED, f"{reason} {remote.error}"
    return {
        "state": state,
        "resume_state": resume_state,
        "message": message,
        "name": remote.id,
        "model_id": remote.model_id or "",
        "remote_id": remote.id,
        "cost_cu": remote.cost_cu,
        "created_at": remote.created_at,
        "submitted_at": remote.created_at,
        "finished_at": remote.updated_at if remote.has_ended else None,
    }
