# SPDX-License-Identifier: GPL-3.0-or-later
"""Follows the jobs that the service has, with one list for all of them, and finds those that went astray."""

import math
from collections.abc import Callable
from concurrent.futures import Future  # of the worker process, which is plain Python
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ..client import AnswerError, JobStatus, Model, NotAllowedError, NotFoundError, ScenarioError, SignInError
from ..client import Job as RemoteJob
from .candidates import SearchLimit
from .leased_store import STORE_TROUBLE, LeasedStore, log, retry_delay_s
from .lost_jobs import LOOKING, LostJobs
from .matching import WINDOW_S
from .poll_schedule import (
    END_SHARE,
    FIRST_SPARE,
    OVERLAP_S,
    SILENT_S,
    Mark,
    Outlook,
    next_poll_s,
    spare_after,
    with_mark,
)
from .record import ErrorKind, JobRecord
from .remote_list import Look, Retries, SingleAnswer, look
from .runs import Run, settings_of
from .service import Service
from .states import REMOTE, State
from .store import REFUSED, StaleError
from .tasks import Tasks
from .transfers import TransferProgress

_FOLLOWED = REMOTE | {State.UNCERTAIN}
_SIGN_IN_DELAY_S = 30.0
_CONFIRM_S = 5.0  # that a job has ended without a result is believed when it is told again so much later
_SELDOM_S = 60.0  # between polls, where of all jobs nothing that is understood was told for _PUZZLED_S
_PUZZLED_S = 300.0


@dataclass(slots=True)
class _Watched:
    """What the service has told of a job that is followed. Its dates are the service's, 0 where unknown."""

    settings: str
    # Of our clock: when it was told of; since when nothing is told that is understood, and since when the
    # service does not know it; and when it was first told to have ended without a result.
    seen_at: float = -math.inf
    puzzling_since: float | None = None
    missing_since: float | None = None
    ended_at: float | None = None
    created_at: float = 0.0
    started_at: float = 0.0
    marks: tuple[Mark, ...] = ()
    asset_ids: tuple[str, ...] = ()  # of its result


class Poller:
    """Polls when it is time. `grace_s` is how late a job may come into the service's list."""

    def __init__(self, leased: LeasedStore, api: Service, tasks: Tasks, grace_s: float) -> None:
        self._leased = leased
        self._api = api
        self._tasks = tasks
        self._grace_s = grace_s
        self._watched: dict[str, _Watched] = {}  # by job id
        self._told_s: dict[str, tuple[float, float] | None] = {}  # model id → `Model.typical_s`
        self._single: dict[str, SingleAnswer] = {}  # written by the polling thread
        self._retries = Retries(leased.clock)  # the same
        self._lost = LostJobs(leased, api, grace_s, self.apply)
        self._synced_at: float | None = None  # service's clock, of the last complete list
        self._next_poll = self._polled_at = -math.inf
        self._put_off_until = -math.inf  # after a failure, by the service's wish or ours
        self._spare = FIRST_SPARE  # requests: see poll_schedule
        self._is_idle = True  # nothing was followed at the last look
        self._failures = 0
        self._search_limit = SearchLimit()

    def poll_soon(self) -> None:
        """Poll at the next round, if the service does not want to be left alone."""
        self._next_poll = self._put_off_until

    def follow(self, job: JobRecord) -> None:
        """The service has just taken this job: poll when it may have come to its end."""
        self.mark_seen(job)
        now = self._leased.clock()
        due_at = now + next_poll_s([self._outlook(job, {})], self._spare)
        if self._is_idle:
            self._is_idle = False
            self._polled_at = now
        else:
            due_at = min(self._next_poll, due_at)
        self._next_poll = max(due_at, self._put_off_until)

    def due_in_s(self) -> float:
        """How long nothing has to be polled."""
        if self._is_idle or "poll" in self._tasks:
            return math.inf
        return max(0.0, self._next_poll - self._leased.clock())

    def poll(self) -> None:
        """Ask the service about the jobs that it has, if it is time and there are any."""
        now = self._leased.clock()
        if now < self._next_poll or "poll" in self._tasks:
            return
        jobs = self._leased.list_working(_FOLLOWED)
        self._is_idle = not jobs
        if not jobs:
            self._spare, self._polled_at = FIRST_SPARE, -math.inf
            return
        known = [job for job in jobs if job.state is not State.UNCERTAIN]
        lost = [job for job in jobs if job.state is State.UNCERTAIN]
        self._search_limit.look_after(self._leased, lost)
        updated_after = min((job.submitted_at or job.created_at for job in known), default=None)
        if updated_after is not None:
            updated_after = max(updated_after, self._synced_at or 0.0) - OVERLAP_S
        seen_at = {job.id: self._watch(job).seen_at for job in known}
        silent = [job for job in known if now - seen_at[job.id] > SILENT_S]
        silent.sort(key=lambda job: seen_at[job.id])
        claimed = self._leased.store.remote_ids(self._leased.service) if lost else set[str]()

        def work(_: TransferProgress) -> Look:
            return look(
                self._api,
                updated_after=updated_after,
                silent=[job.remote_id or "" for job in silent],
                lost=lost,
                claimed=claimed,
                grace_s=self._grace_s,
                single=self._single,
                retries=self._retries,
            )

        self._tasks.start("poll", "poll", work, self._polled)

    def _polled(self, future: Future[Any]) -> None:
        try:
            error = future.exception()
            if error is None:
                self._take_in(future.result())
                error = future.result().trouble
            if error is not None:
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
        self._next_poll = self._put_off_until = self._leased.clock() + delay
        log.warning("polling failed, again in %.0f s: %s", delay, error)
        self._leased.set_trouble(error)

    def _take_in(self, seen: Look) -> None:
        jobs = self._leased.list_working(_FOLLOWED)
        if self._failures and seen.trouble is None:
            self._failures = 0
            self._leased.set_trouble(None)
        if seen.is_complete:
            self._synced_at = seen.asked_at
        by_remote = {job.remote_id: job for job in jobs if job.remote_id}
        for remote in seen.jobs.values():
            if job := by_remote.get(remote.id):
                self._guarded(job, lambda job=job, remote=remote: self.apply(job, remote))
        for job in jobs:
            if error := seen.failed.get(job.remote_id or ""):
                self._guarded(job, lambda job=job, error=error: self._tell_silence(job, error))
        # The first that was sent takes the first that was made.
        lost = [job for job in jobs if job.state is State.UNCERTAIN]
        for job in sorted(lost, key=lambda job: job.submitted_at or 0.0):
            if error := seen.lost_trouble:
                self._guarded(job, lambda job=job, error=error: self._say(job, f"{LOOKING}. {error}", error))
            elif job.id in seen.lost:
                self._guarded(job, lambda job=job: self._lost.reconcile(job, seen))
        self._plan(seen.requests, {job.id for job in jobs})

    def _plan(self, requests: float, before: set[str]) -> None:
        """Decide when to poll next, after a poll about the jobs `before` that took so many requests."""
        jobs, now = self._leased.list_working(_FOLLOWED), self._leased.clock()
        followed = {job.id for job in jobs}
        if before - followed:
            requests -= END_SHARE
        self._watched = {
            job_id: watched
            for job_id, watched in self._watched.items()
            if job_id in followed or watched.asset_ids
        }
        self._spare = spare_after(self._spare, now - self._polled_at, requests)
        self._polled_at = now
        runs: dict[tuple[str, str], list[Run]] = {}
        usual = [job for job in jobs if not self._is_puzzling(job)]
        pause_s = next_poll_s((self._outlook(job, runs) for job in usual), self._spare)
        if not usual:
            pause_s = _SELDOM_S if jobs else 0.0
        if any(self._watch(job).ended_at is not None for job in jobs):
            pause_s = min(pause_s, _CONFIRM_S)
        self._next_poll = now + pause_s

    def _watch(self, job: JobRecord) -> _Watched:
        if job.id not in self._watched:
            self._watched[job.id] = _Watched(settings_of(job.inputs))
        return self._watched[job.id]

    def _is_puzzling(self, job: JobRecord) -> bool:
        since = self._watch(job).puzzling_since
        return since is not None and self._leased.clock() - since > _PUZZLED_S

    def _age_s(self, job: JobRecord) -> float:
        watched = self._watch(job)
        since = watched.started_at or watched.created_at or job.submitted_at or job.created_at
        return self._api.now() - since

    def _outlook(self, job: JobRecord, runs: dict[tuple[str, str], list[Run]]) -> Outlook:
        """What is known of the job; `runs` are those that were looked up before."""
        watched, store = self._watch(job), self._leased.store
        kind = (job.model_id, watched.settings)
        if kind not in runs:
            runs[kind] = store.runs.find(job.service, *kind)
        is_begun = watched.started_at > 0.0
        past = tuple(run.took_s if is_begun else run.waited_s + run.took_s for run in runs[kind])
        return Outlook(self._age_s(job), watched.marks, past, self._typical_s(job))

    def _typical_s(self, job: JobRecord) -> tuple[float, float] | None:
        if job.model_id not in self._told_s:
            self._told_s[job.model_id] = None
            match self._leased.store.lookups.last_answer(job.service, "model", job.model_id):
                case {"model": dict(entry)}:
                    with suppress(AnswerError):  # written by another version of Maquette
                        self.note_model(Model.from_json(entry))
                case _:
                    pass
        return self._told_s[job.model_id]

    def note_model(self, model: Model) -> None:
        """The service has just told of this model by other means."""
        self._told_s[model.id] = model.typical_s

    def _guarded(self, job: JobRecord, step: Callable[[], object]) -> None:
        self._leased.guarded(job.id, step)

    def _tell_silence(self, job: JobRecord, error: ScenarioError) -> None:
        """The request for this one job has failed. Where the service does not know it, it may yet."""
        watched, now = self._watch(job), self._leased.clock()
        if watched.puzzling_since is None:
            watched.puzzling_since = now
        text = f"The service does not tell how this job is doing; it is asked again. {error}"
        if isinstance(error, NotFoundError | NotAllowedError):
            if watched.missing_since is None:
                watched.missing_since = now
            if now - watched.missing_since > WINDOW_S + self._grace_s:
                self._expire(job, error)
                return
            text = f"The service does not show this job yet; it is asked again. {error}"
        self._say(job, text, error)

    def _expire(self, job: JobRecord, error: ScenarioError) -> None:
        text = f"The service does not show this job, which it was paid for, to this account. {error}"
        kind = type(error).__name__
        self._leased.end(job, State.EXPIRED, message=text, error_kind=kind, resume_state=State.QUEUED)

    def _say(self, job: JobRecord, text: str, error: ScenarioError) -> None:
        if columns := _trouble_columns(job, text, type(error).__name__):
            self._leased.update(job, **columns)

    def apply(self, job: JobRecord, remote: RemoteJob, *, is_sure: bool = False) -> None:
        """Bring a queued or running job to where the service says it is. That it has ended without a result,
        for good, is believed if it `is_sure` or is told twice: what was paid for would be given up.
        """
        self._note(job, remote)
        if not (is_sure or self._confirm_end(job, remote)):
            return
        cost = {} if remote.cost_cu is None else {"cost_cu": remote.cost_cu}
        try:
            if remote.status is JobStatus.CANCELED:
                self._leased.end(job, State.CANCELED, **cost)
            elif remote.is_success:
                self._leased.move(job, State.DOWNLOADING, progress=None, **cost)
                self._note_run(job, remote)
            elif remote.has_ended:
                text = remote.error or "The service could not make this model."
                text = f"{text.rstrip('. ')}. {remote.hint}" if remote.hint else text
                cost["refunded_cu"] = remote.refunded_cu
                self._leased.end(job, State.FAILED, message=text, error_kind=ErrorKind.JOB_FAILED, **cost)
            else:
                self._follow_status(job, remote)
        except StaleError as error:
            log.info("%s", error)

    def _confirm_end(self, job: JobRecord, remote: RemoteJob) -> bool:
        """Note whether it is told to have ended without a result; False while that is to be told again."""
        watched, now = self._watch(job), self._leased.clock()
        if remote.is_success or not remote.has_ended:
            watched.ended_at = None
        elif watched.ended_at is None:
            watched.ended_at = now
        return watched.ended_at is None or now - watched.ended_at >= _CONFIRM_S

    def _follow_status(self, job: JobRecord, remote: RemoteJob) -> None:
        is_running = remote.status in (JobStatus.IN_PROGRESS, JobStatus.FINALIZING)
        state = State.RUNNING if is_running else State.QUEUED
        watched, text = self._watch(job), ""
        if remote.status is not JobStatus.UNKNOWN:
            watched.puzzling_since = None
        else:
            state = job.state
            if watched.puzzling_since is None:
                watched.puzzling_since = self._leased.clock()
            text = f"The service says of this job “{remote.status_word[:40]}”, which is not understood."
            text = f"{text} It is asked again, ever more seldom; a newer Maquette may understand it."
        if state is not job.state:
            self._leased.move(job, state, progress=remote.progress)
            return
        changes = _trouble_columns(job, text, ErrorKind.UNKNOWN_STATUS if text else "")
        if remote.progress != job.progress:
            changes["progress"] = remote.progress
        if changes:
            self._leased.update(job, **changes)

    def mark_seen(self, job: JobRecord) -> None:
        watched = self._watch(job)
        watched.seen_at = self._leased.clock()
        watched.missing_since = None

    def _note(self, job: JobRecord, remote: RemoteJob) -> None:
        """Remember what helps to guess when the job ends, and what of its result is told."""
        self.mark_seen(job)
        watched = self._watch(job)
        if remote.started_at != watched.started_at:
            watched.marks = ()  # their ages count from another moment
        watched.created_at, watched.started_at = remote.created_at, remote.started_at
        watched.asset_ids = remote.asset_ids if remote.is_success else ()
        watched.marks = with_mark(watched.marks, self._age_s(job), remote.progress)

    def _note_run(self, job: JobRecord, remote: RemoteJob) -> None:
        """Remember how long it took, for others like it."""
        began_at = remote.started_at or remote.created_at
        if remote.created_at and began_at < remote.succeeded_at:
            run = Run(max(0.0, began_at - remote.created_at), remote.succeeded_at - began_at)
            self._leased.store.runs.add(job.service, job.model_id, self._watch(job).settings, run)

    def take_asset_ids(self, job: JobRecord) -> tuple[str, ...]:
        """What the list has told of the job's result, once; none if it has not."""
        watched = self._watched.pop(job.id, None)
        return watched.asset_ids if watched else ()


def _trouble_columns(job: JobRecord, text: str, kind: str) -> dict[str, Any]:
    """The columns that say what keeps a job that is followed, or that nothing does any more; none where they
    say that already.
    """
    if not kind and not job.error_kind:
        return {}
    refused = REFUSED if job.cancel == "refused" else ""
    columns = {"message": f"{refused} {text}".strip(), "error_kind": kind}
    return {} if columns == {"message": job.message, "error_kind": job.error_kind} else columns
