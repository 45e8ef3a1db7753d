# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker's pen: every write of its is made under its lease, and logged."""

import logging
from collections.abc import Callable, Collection
from typing import Any

from ..client import NetworkError, RateLimitedError, ScenarioError, ServerError
from .record import JobRecord
from .states import State
from .store import StaleError, Store

log = logging.getLogger("maquette.worker")
MAX_ATTEMPTS = 12  # of steps that cost nothing, some ten minutes in all
_TEMPORARY = (NetworkError, ServerError, RateLimitedError)


class Ledger:
    """Writes to `store` for the worker called `name`, about jobs of `session` at `service`.

    Each method raises StaleError if the job has moved on, LeaseLostError if another worker has taken over.
    """

    def __init__(
        self, store: Store, service: str, name: str, clock: Callable[[], float], session: str = ""
    ) -> None:
        self.store, self.service, self.session = store, service, session
        self.name, self.clock = name, clock

    def list_working(self, states: Collection[State]) -> list[JobRecord]:
        """The session's jobs in one of `states` that a worker has something to do for, newest first."""
        jobs = self.store.list_jobs(service=self.service, session=self.session, states=states)
        return [job for job in jobs if job.is_working]

    def since(self, job: JobRecord, *others: State) -> JobRecord:
        """The job by now; StaleError if it is neither in the state that it had nor in one of `others`."""
        current = self.store.get(job.id)
        if current.state not in (job.state, *others):
            raise StaleError(f"job {job.id} is no longer {job.state} but {current.state}")
        return current

    def move(self, job: JobRecord, state: State, **values: Any) -> JobRecord:
        log.info("job %s: %s → %s %s", job.id, job.state, state, values.get("message", ""))
        return self.store.move(job, state, lease=self.name, **values)

    def update(self, job: JobRecord, **values: Any) -> JobRecord:
        return self.store.update(job, lease=self.name, **values)

    def end(self, job: JobRecord, state: State, **values: Any) -> JobRecord:
        """A move after which nothing happens by itself."""
        return self.move(job, state, finished_at=self.clock(), **values)

    def fail(self, job: JobRecord, text: str, kind: str, resume: State | None) -> JobRecord:
        return self.end(job, State.FAILED, message=text, error_kind=kind, resume_state=resume)

    def postpone_or_fail(self, job: JobRecord, error: BaseException, resume: State) -> None:
        """A step that spends nothing is tried again after a while; what will not get better fails."""
        kind = type(error).__name__
        if not isinstance(error, _TEMPORARY) or job.attempts >= MAX_ATTEMPTS:
            text = str(error) if isinstance(error, ScenarioError | OSError) else f"{kind}: {error}"
            self.fail(job, text, kind, resume)
            return
        delay = retry_delay_s(error, job.attempts)
        log.info("job %s: again in %.0f s: %s", job.id, delay, error)
        self.update(
            job,
            attempts=job.attempts + (not isinstance(error, RateLimitedError)),
            not_before=self.clock() + delay,
            message=str(error),
            error_kind=kind,
        )

    def set_trouble(self, error: ScenarioError | None) -> None:
        text, kind = (str(error), type(error).__name__) if error else ("", "")
        self.store.set_trouble(self.service, self.name, text, kind)


def retry_delay_s(error: BaseException, attempts: int) -> float:
    """2 s, 4 s, … 60 s, and no less than the service asks for."""
    delay = min(60.0, 2.0 * 2**attempts)
    if isinstance(error, RateLimitedError) and error.retry_after_s is not None:
        delay = max(delay, error.retry_after_s)
    return delay
