# SPDX-License-Identifier: GPL-3.0-or-later
"""Store access for the worker: each write checks that the worker still holds the lease, and is logged."""

import logging
import sqlite3  # in the worker's process, which is plain Python
from collections.abc import Callable, Collection
from typing import Any

from ..client import NetworkError, RateLimitedError, ScenarioError, ServerError
from .database import JobGoneError, StoreError, StoreTroubleError
from .record import JobRecord
from .states import State
from .store import MAX_DELAY_S, LeaseLostError, StaleError, Store
from .transfers import MAX_ATTEMPTS

log = logging.getLogger("maquette.worker")
_TEMPORARY = (NetworkError, ServerError, RateLimitedError)
_MOST_LIMITED = 5  # attempts that wishes to be left alone count for: with these the pause is the longest
# Where a person's resume leads after a defect of ours, by the state that the job had.
_RESUMES = {
    State.PREPARED: State.PREPARED,
    State.UPLOADING: State.PREPARED,
    State.QUEUED: State.QUEUED,
    State.RUNNING: State.QUEUED,
    State.DOWNLOADING: State.DOWNLOADING,
    State.CONVERTING: State.CONVERTING,
}
STORE_TROUBLE = (StoreTroubleError, sqlite3.Error)  # no job's fault: tried again later


class LeasedStore:
    """Writes to `store` for the worker called `name`, about jobs of `session` at `service`.

    Each method raises StaleError if the job has moved on, LeaseLostError if another worker has taken over.
    `clock` is for intervals; dates are the store's, which other processes read.
    """

    def __init__(
        self,
        store: Store,
        service: str,
        name: str,
        clock: Callable[[], float],
        session: str = "",
        *,
        max_attempts: int = MAX_ATTEMPTS,
    ) -> None:
        self.store = store
        self.service = service
        self.session = session
        self.name, self.clock = name, clock
        self._max_attempts = max_attempts

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
        """Move to a final state and set `finished_at`; of a result that is finished anew it stays."""
        values.setdefault("finished_at", job.finished_at or self.store.clock())
        return self.move(job, state, **values)

    def fail(self, job: JobRecord, text: str, kind: str, resume: State | None) -> JobRecord:
        return self.end(job, State.FAILED, message=text, error_kind=kind, resume_state=resume)

    def has_attempts(self, job: JobRecord) -> bool:
        """Whether a step of the job that spends nothing may be tried again."""
        return job.attempts < self._max_attempts

    def postpone_or_fail(
        self, job: JobRecord, error: BaseException, resume: State, *, also: tuple[type[Exception], ...] = ()
    ) -> None:
        """A step that spends nothing is tried again after a while; what will not get better fails. That may
        get better which is trouble of the network's or the service's, or one of `also`. A wish to be left
        alone for a while is no failure.
        """
        kind, is_limited = type(error).__name__, isinstance(error, RateLimitedError)
        is_temporary = isinstance(error, (*_TEMPORARY, *also))
        if not is_temporary or not (is_limited or self.has_attempts(job)):
            if not isinstance(error, ScenarioError | OSError | StoreError):
                log.error("job %s: a defect", job.id, exc_info=error)
            self.fail(job, words_of(error), kind, resume)
            return
        delay, attempts = retry_delay_s(error, job.attempts), job.attempts + 1
        if is_limited:
            attempts = max(job.attempts, min(attempts, _MOST_LIMITED))
        log.info("job %s: again in %.0f s: %s", job.id, delay, error)
        self.update(
            job,
            attempts=attempts,
            not_before=self.store.clock() + min(delay, MAX_DELAY_S),
            message=str(error),
            error_kind=kind,
        )

    def guarded(self, job_id: str, step: Callable[[], object]) -> None:
        """Do `step` for a job; whatever goes wrong in it is this job's error, and the others go on.

        A person may cancel or resume a job between two lines of ours: the next round sees it. Raises
        LeaseLostError, and STORE_TROUBLE: then the step is to be done again.
        """
        try:
            step()
        except LeaseLostError:
            raise
        except (StaleError, JobGoneError) as error:
            log.info("%s", error)
        except STORE_TROUBLE:
            raise
        except Exception as error:
            log.exception("job %s: a defect", job_id)
            try:
                self._mark_defect(self.store.get(job_id), error)
            except LeaseLostError:
                raise
            except (StaleError, JobGoneError) as moved:
                log.info("%s", moved)

    def _mark_defect(self, job: JobRecord, error: Exception) -> None:
        text, kind = words_of(error), type(error).__name__
        if job.state is State.SUBMITTING:  # the request may be there: it is looked for
            self.move(job, State.UNCERTAIN, message=text, error_kind=kind)
        elif job.state is State.UNCERTAIN:
            self.update(job, message=text, error_kind=kind)
        elif job.state in _RESUMES:
            self.fail(job, text, kind, _RESUMES[job.state])

    def set_trouble(self, error: BaseException | None) -> None:
        text, kind = (words_of(error), type(error).__name__) if error else ("", "")
        self.store.set_trouble(self.service, self.name, text, kind)


def words_of(error: BaseException) -> str:
    """The error for a person: the service's, the disk's and the store's as they are, all else is a defect."""
    if isinstance(error, ScenarioError | OSError | StoreError):
        return str(error)
    return f"Maquette met a defect ({type(error).__name__}: {error}). worker.log tells more."


def retry_delay_s(error: BaseException, attempts: int) -> float:
    """2 s, 4 s, … 60 s, and no less than the service asks for, up to MAX_DELAY_S."""
    delay = min(60.0, 2.0 * 2 ** min(attempts, 5))
    if isinstance(error, RateLimitedError) and error.retry_after_s is not None:
        delay = max(delay, error.retry_after_s)
    return min(delay, MAX_DELAY_S)
