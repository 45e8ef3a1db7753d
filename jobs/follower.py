# SPDX-License-Identifier: GPL-3.0-or-later
"""Follows the jobs that the service has, with one list for all of them, and finds those that went astray."""

from concurrent.futures import Future  # of the worker process, which is plain Python
from typing import Any

from ..client import Job as RemoteJob
from ..client import JobStatus, NotAllowedError, NotFoundError, Scenario, ScenarioError, SignInError
from .ledger import Ledger, log, retry_delay_s
from .polling import OVERLAP_S, PAGE, SILENT_S, is_same_request, poll_interval_s
from .record import JobRecord
from .states import REMOTE, State
from .store import ASKED_AGAIN, StaleError
from .tasks import Tasks
from .transfers import Progress

_FOLLOWED = REMOTE | {State.UNCERTAIN}
_SIGN_IN_DELAY_S = 30.0


class Follower:
    """Polls when it is time. An uncertain job is looked for over `grace_s` before it counts as not there."""

    def __init__(self, ledger: Ledger, api: Scenario, tasks: Tasks, grace_s: float) -> None:
        self._ledger, self._api, self._tasks, self._grace_s = ledger, api, tasks, grace_s
        self._seen: dict[str, float] = {}  # job id → when the service last told of it
        # (id of an uncertain job, its attempts) → the service's clock when that look-up began.
        self._looked_since: dict[tuple[str, int], float] = {}
        self._synced_at: float | None = None  # service's clock, of the last complete list
        self._next_poll = 0.0
        self._pages = 1  # of the last list: the more, the less often it is asked for
        self._failures = 0

    def hasten(self, delay_s: float = 0.0) -> None:
        """Poll no later than in `delay_s`, if the list is short."""
        self._next_poll = min(self._next_poll, self._ledger.clock() + delay_s * self._pages)

    def poll(self) -> None:
        """Ask the service about the jobs that it has, if it is time and there are any."""
        now = self._ledger.clock()
        if now < self._next_poll or "poll" in self._tasks:
            return
        jobs = self._ledger.list_working(_FOLLOWED)
        if not jobs:
            return
        since = min(job.submitted_at or job.created_at for job in jobs)
        if self._synced_at is not None and not any(job.state is State.UNCERTAIN for job in jobs):
            since = max(since, self._synced_at)
        silent = [job for job in jobs if job.remote_id and now - self._seen.get(job.id, 0.0) > SILENT_S]
        silent.sort(key=lambda job: self._seen.get(job.id, 0.0))

        def work(_: Progress) -> tuple[float, list[RemoteJob], dict[str, ScenarioError]]:
            asked_at, unknown = self._api.now(), dict[str, ScenarioError]()
            listed = {remote.id: remote for remote in self._api.list_jobs(updated_after=since - OVERLAP_S)}
            # One request more at most, however many jobs the list does not show.
            alone = next((job.remote_id for job in silent if job.remote_id not in listed), None)
            if alone is not None:
                try:
                    listed[alone] = self._api.get_job(alone)
                except (NotFoundError, NotAllowedError) as error:  # this one's trouble, not the others'
                    unknown[alone] = error
            return asked_at, list(listed.values()), unknown

        self._tasks.start("poll", "poll", work, self._polled)

    def _polled(self, future: Future[Any]) -> None:
        store, now = self._ledger.store, self._ledger.clock()
        jobs = self._ledger.list_working(_FOLLOWED)
        error = future.exception()
        if error is not None:
            if not isinstance(error, ScenarioError):
                raise error
            delay = (
                _SIGN_IN_DELAY_S if isinstance(error, SignInError) else retry_delay_s(error, self._failures)
            )
            self._failures += 1
            self._next_poll = now + delay
            log.warning("polling failed, again in %.0f s: %s", delay, error)
            self._ledger.set_trouble(error)
            return
        if self._failures:
            self._failures = 0
            self._ledger.set_trouble(None)
        typical = {model: store.typical_duration_s(model) for model in {job.model_id for job in jobs}}
        asked_at, remotes, unknown = future.result()
        self._pages = 1 + len(remotes) // PAGE
        self._next_poll = now + poll_interval_s(jobs, self._api.now(), typical) * self._pages
        self._synced_at = asked_at
        by_remote = {job.remote_id: job for job in jobs if job.remote_id}
        for remote in remotes:
            if remote.id in by_remote:
                self.apply(by_remote[remote.id], remote)
        for job in jobs:
            if error := unknown.get(job.remote_id or ""):
                text = f"The service does not show this job, which it was paid for, to this account. {error}"
                kind = type(error).__name__
                self._ledger.end(job, State.EXPIRED, message=text, error_kind=kind, resume_state=State.QUEUED)
        for job in jobs:
            if job.state is State.UNCERTAIN:
                self._reconcile(job, remotes, asked_at)

    def apply(self, job: JobRecord, remote: RemoteJob) -> None:
        """Bring a queued or running job to where the service says it is."""
        self._seen[job.id] = self._ledger.clock()
        cost = {} if remote.cost_cu is None else {"cost_cu": remote.cost_cu}
        try:
            if remote.status is JobStatus.CANCELED:
                self._ledger.end(job, State.CANCELED, **cost)
            elif remote.is_success:
                self._ledger.move(job, State.DOWNLOADING, progress=None, **cost)
            elif remote.is_done:
                text = remote.error or "The service could not make this model."
                text = f"{text.rstrip('. ')}. {remote.hint}" if remote.hint else text
                self._ledger.end(job, State.FAILED, message=text, error_kind="JobFailed", **cost)
            else:
                self._tell_progress(job, remote)
        except StaleError as error:
            log.info("%s", error)

    def _tell_progress(self, job: JobRecord, remote: RemoteJob) -> None:
        is_running = remote.status in (JobStatus.IN_PROGRESS, JobStatus.FINALIZING)
        state = State.RUNNING if is_running else State.QUEUED
        if state is not job.state:
            self._ledger.move(job, state, progress=remote.progress)
        elif remote.progress != job.progress:
            self._ledger.update(job, progress=remote.progress)

    def note(self, job: JobRecord) -> None:
        """The service has just told of this job by other means."""
        self._seen[job.id] = self._ledger.clock()

    def _reconcile(self, job: JobRecord, remotes: list[RemoteJob], asked_at: float) -> None:
        """Find the service's job that an unanswered submission made, or say that there is none."""
        for remote in remotes:
            if is_same_request(job, remote) and not self._ledger.store.is_claimed(job.service, remote.id):
                found = self._ledger.move(job, State.QUEUED, remote_id=remote.id, cost_cu=remote.cost_cu)
                self.apply(found, remote)
                return
        if asked_at <= self._looked_since.setdefault((job.id, job.attempts), asked_at) + self._grace_s:
            return
        if job.cancel:
            self._ledger.end(job, State.CANCELED, message="The service does not list it: nothing was paid.")
        elif job.attempts == ASKED_AGAIN:
            self._ledger.move(job, State.PREPARED, attempts=0)
        else:
            text = (
                "The service does not list this job: nothing was paid for it. Resume it to submit it again."
            )
            self._ledger.update(job, message=text, resume_state=State.PREPARED)
