# SPDX-License-Identifier: GPL-3.0-or-later
"""Follows the jobs that the service has, with one list for all of them, and finds those that went astray."""

from collections.abc import Callable
from concurrent.futures import Future  # of the worker process, which is plain Python
from typing import Any

from ..client import Job as RemoteJob
from ..client import JobStatus, ScenarioError, SignInError
from .candidates import NOT_LISTED, doubt_text
from .database import RemoteTakenError
from .leased_store import STORE_TROUBLE, LeasedStore, log, retry_delay_s
from .matching import Likeness, likeness
from .poll_schedule import OVERLAP_S, PAGE, SILENT_S, poll_interval_s
from .record import JobRecord
from .remote_claims import claim_remote
from .remote_list import Alone, Look, look, settled_at
from .service import Service
from .states import REMOTE, State
from .store import ASKED_AGAIN, StaleError
from .tasks import Tasks
from .transfers import Progress

_FOLLOWED = REMOTE | {State.UNCERTAIN}
_SIGN_IN_DELAY_S = 30.0


class Poller:
    """Polls when it is time. That the service does not have an uncertain job is believed when a list says so
    that was asked for `grace_s` after the last moment at which the job can have come to be.
    """

    def __init__(self, leased: LeasedStore, api: Service, tasks: Tasks, grace_s: float) -> None:
        self._leased = leased
        self._api = api
        self._tasks = tasks
        self._grace_s = grace_s
        self._seen: dict[str, float] = {}  # job id → when the service last told of it
        self._alone: dict[str, Alone] = {}  # written by the polling thread
        self._synced_at: float | None = None  # service's clock, of the last complete list
        self._next_poll = 0.0
        self._pages = 1  # of the last list: the more, the less often it is asked for
        self._failures = 0

    def poll_soon(self, delay_s: float = 0.0) -> None:
        """Poll no later than in `delay_s`, if the list is short."""
        self._next_poll = min(self._next_poll, self._leased.clock() + delay_s * self._pages)

    def poll(self) -> None:
        """Ask the service about the jobs that it has, if it is time and there are any."""
        now = self._leased.clock()
        if now < self._next_poll or "poll" in self._tasks:
            return
        jobs = self._leased.list_working(_FOLLOWED)
        if not jobs:
            return
        known = [job for job in jobs if job.state is not State.UNCERTAIN]
        lost = [job for job in jobs if job.state is State.UNCERTAIN]
        updated_after = min((job.submitted_at or job.created_at for job in known), default=None)
        if updated_after is not None:
            updated_after = max(updated_after, self._synced_at or 0.0) - OVERLAP_S
        silent = [job for job in known if now - self._seen.get(job.id, 0.0) > SILENT_S]
        silent.sort(key=lambda job: self._seen.get(job.id, 0.0))
        claimed = self._leased.store.remote_ids(self._leased.service) if lost else set[str]()

        def work(_: Progress) -> Look:
            return look(
                self._api,
                updated_after=updated_after,
                silent=[job.remote_id or "" for job in silent],
                lost=lost,
                claimed=claimed,
                grace_s=self._grace_s,
                alone=self._alone,
            )

        self._tasks.start("poll", "poll", work, self._polled)

    def _polled(self, future: Future[Any]) -> None:
        try:
            error = future.exception()
            if error is None:
                self._take_in(future.result())
            else:
                self._put_off(error)
        except (StaleError, *STORE_TROUBLE):
            raise
        except Exception as error:  # a defect of ours: the next look may go well
            self._put_off(error)

    def _put_off(self, error: BaseException) -> None:
        if not isinstance(error, ScenarioError):
            log.error("polling: a defect", exc_info=error)
        delay = _SIGN_IN_DELAY_S if isinstance(error, SignInError) else retry_delay_s(error, self._failures)
        self._failures += 1
        self._next_poll = self._leased.clock() + delay
        log.warning("polling failed, again in %.0f s: %s", delay, error)
        self._leased.set_trouble(error)

    def _take_in(self, seen: Look) -> None:
        store, now = self._leased.store, self._leased.clock()
        jobs = self._leased.list_working(_FOLLOWED)
        if self._failures:
            self._failures = 0
            self._leased.set_trouble(None)
        typical = {model: store.typical_duration_s(model) for model in {job.model_id for job in jobs}}
        self._pages = 1 + len(seen.jobs) // PAGE
        self._next_poll = now + poll_interval_s(jobs, self._api.now(), typical) * self._pages
        if seen.is_complete:
            self._synced_at = seen.asked_at
        by_remote = {job.remote_id: job for job in jobs if job.remote_id}
        for remote in seen.jobs.values():
            if job := by_remote.get(remote.id):
                self._guarded(job, lambda job=job, remote=remote: self.apply(job, remote))
        if job := by_remote.get(seen.not_understood):
            self.mark_seen(job)  # the next of the silent ones has its turn
        for job in jobs:
            if error := seen.unknown.get(job.remote_id or ""):
                self._guarded(job, lambda job=job, error=error: self._expire(job, error))
        # The first that was sent takes the first that was made.
        lost = [job for job in jobs if job.state is State.UNCERTAIN and job.id in seen.lost]
        for job in sorted(lost, key=lambda job: job.submitted_at or 0.0):
            self._guarded(job, lambda job=job: self._reconcile(job, seen))

    def _guarded(self, job: JobRecord, step: Callable[[], object]) -> None:
        self._leased.guarded(job.id, step)

    def _expire(self, job: JobRecord, error: ScenarioError) -> None:
        text = f"The service does not show this job, which it was paid for, to this account. {error}"
        kind = type(error).__name__
        self._leased.end(job, State.EXPIRED, message=text, error_kind=kind, resume_state=State.QUEUED)

    def apply(self, job: JobRecord, remote: RemoteJob) -> None:
        """Bring a queued or running job to where the service says it is."""
        self._seen[job.id] = self._leased.clock()
        cost = {} if remote.cost_cu is None else {"cost_cu": remote.cost_cu}
        try:
            if remote.status is JobStatus.CANCELED:
                self._leased.end(job, State.CANCELED, **cost)
            elif remote.is_success:
                self._leased.move(job, State.DOWNLOADING, progress=None, **cost)
            elif remote.is_done:
                text = remote.error or "The service could not make this model."
                text = f"{text.rstrip('. ')}. {remote.hint}" if remote.hint else text
                cost["refunded_cu"] = remote.refunded_cu
                self._leased.end(job, State.FAILED, message=text, error_kind="JobFailed", **cost)
            else:
                self._tell_progress(job, remote)
        except StaleError as error:
            log.info("%s", error)

    def _tell_progress(self, job: JobRecord, remote: RemoteJob) -> None:
        is_running = remote.status in (JobStatus.IN_PROGRESS, JobStatus.FINALIZING)
        state = State.RUNNING if is_running else State.QUEUED
        if remote.status is JobStatus.UNKNOWN:
            state = job.state
        if state is not job.state:
            self._leased.move(job, state, progress=remote.progress)
        elif remote.progress != job.progress:
            self._leased.update(job, progress=remote.progress)

    def mark_seen(self, job: JobRecord) -> None:
        """The service has just told of this job by other means."""
        self._seen[job.id] = self._leased.clock()

    # Of jobs whose submission's answer was lost.

    def _reconcile(self, job: JobRecord, seen: Look) -> None:
        """Find the service's job that the submission made, or say that there is none, or ask a person."""
        alike = seen.alike(job, self._leased.store.remote_ids(job.service))
        for remote in alike:
            if likeness(job, remote) is Likeness.SAME and self._adopt(job, remote):
                return
        if job.lost_at is None:
            if seen.answered_at is not None:
                self._leased.update(job, lost_at=max(seen.answered_at, job.submitted_at or 0.0))
            return
        settled = settled_at(job, self._grace_s)
        if seen.asked_at is None or seen.asked_at <= settled or not seen.was_each_asked(alike, settled):
            return
        if alike:
            self._ask_a_person(job, alike)
        elif job.cancel:
            self._leased.end(job, State.CANCELED, message="The service does not list it: nothing was paid.")
        elif job.attempts == ASKED_AGAIN:
            self._leased.move(job, State.PREPARED, attempts=0)
        else:
            self._leased.update(job, message=NOT_LISTED, error_kind="", resume_state=State.PREPARED)

    def _adopt(self, job: JobRecord, remote: RemoteJob) -> bool:
        if job.claims and not claim_remote(job.claims, remote.id, job.id):
            return False
        try:
            found = self._leased.move(job, State.QUEUED, remote_id=remote.id, cost_cu=remote.cost_cu)
        except RemoteTakenError:  # since the list was read
            return False
        self.apply(found, remote)
        return True

    def _ask_a_person(self, job: JobRecord, alike: list[RemoteJob]) -> None:
        doubts = [
            {"id": remote.id, "url": self._api.job_url(remote.id), "created_at": remote.created_at}
            for remote in alike
        ]
        refused = [entry for entry in job.candidates if entry not in job.doubts]
        text = doubt_text(job.id, doubts)
        log.warning("job %s: %s", job.id, text)
        self._leased.update(
            job,
            candidates=[*refused, *doubts],
            message=text,
            error_kind="",
            resume_state=State.PREPARED,
            cancel="",
        )
