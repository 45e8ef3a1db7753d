# SPDX-License-Identifier: GPL-3.0-or-later
"""One look at what the service has: the jobs that are followed, and what lost submissions may have made.

Made by a thread of the worker's, which does not touch the store.
"""

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from ..client import (
    AnswerError,
    NetworkError,
    NotAllowedError,
    NotFoundError,
    RateLimitedError,
    ScenarioError,
    SignInError,
)
from ..client import Job as RemoteJob
from .leased_store import log, retry_delay_s
from .matching import SKEW_S, WINDOW_S, Likeness, likeness
from .poll_schedule import OVERLAP_S, requests_for
from .record import JobRecord
from .remote_claims import is_anothers
from .service import Service

_MOST_SINGLE = 20  # jobs in doubt that one look asks for by their ids
_MOST_TRIES = 6  # of one in doubt, over about a minute: then what the list tells of it stands
_NEW_JOBS = "new jobs"  # their list, among Retries
_NO_WAY = (NetworkError, RateLimitedError, SignInError)  # no other request would be answered


@dataclass(frozen=True, slots=True)
class SingleAnswer:
    """A job of the service's as it was told under its own id, and the service's time of that."""

    job: RemoteJob
    asked_at: float


def settled_at(job: JobRecord, grace_s: float) -> float:
    """A list asked for after this time of the service's proves that a lost job does not exist."""
    return math.inf if job.lost_at is None else job.lost_at + WINDOW_S + grace_s


class Retries:
    """Requests that failed, by what they asked for: each waits by itself before it is tried again, ever
    longer. `clock` is for intervals.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures: dict[str, tuple[int, float, float]] = {}  # how many, the last one's time, the next's

    def is_due(self, key: str) -> bool:
        return key not in self._failures or self._clock() >= self._failures[key][2]

    def tried_at(self, key: str) -> float:
        return self._failures[key][1] if key in self._failures else -math.inf

    def put_off(self, key: str, error: ScenarioError) -> int:
        """How often it has failed by now."""
        count, now = self._failures[key][0] if key in self._failures else 0, self._clock()
        self._failures[key] = (count + 1, now, now + retry_delay_s(error, count))
        log.info("%s: %s", key, error)
        return count + 1

    def forget(self, key: str) -> None:
        self._failures.pop(key, None)


@dataclass(slots=True)
class Look:
    """What one look showed. Times are the service's; None while it has told none."""

    asked_at: float | None  # its clock before it was asked: the lists are no older
    answered_at: float | None = None  # its clock afterwards
    requests: float = 0.0  # that were made for it: see poll_schedule
    is_complete: bool = False  # whether what is followed was listed
    lost: frozenset[str] = frozenset()  # our ids of those that it looked for: of others it tells nothing
    jobs: dict[str, RemoteJob] = field(default_factory=dict[str, RemoteJob])
    trouble: ScenarioError | None = None  # what kept it from showing what is followed
    lost_trouble: ScenarioError | None = None  # and what may be the lost ones', alone
    failed: dict[str, ScenarioError] = field(default_factory=dict[str, ScenarioError])  # asked for by its id
    single: dict[str, SingleAnswer] = field(default_factory=dict[str, SingleAnswer])  # also of earlier looks
    left_to_ask: int = _MOST_SINGLE
    # Our id of a lost job, and the service's of one that another of a batch has.
    of_others: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    def take_list(self, ask: Callable[[], Iterable[RemoteJob]]) -> ScenarioError | None:
        """Take in what is listed, also where an error ends it, which is returned."""
        found: dict[str, RemoteJob] = {}
        error = None
        try:
            for remote in ask():
                found[remote.id] = remote
        except ScenarioError as ended:
            error = ended
        self.requests += requests_for(len(found))
        self.jobs |= found
        return error

    def alike(self, job: JobRecord, claimed: Collection[str]) -> list[RemoteJob]:
        """Those that may be the lost `job`'s and are nobody else's, first made first."""
        entries = [entry for entry in job.candidates if isinstance(entry, dict)]
        refused = {str(entry.get("id")) for entry in entries if entry.get("is_refused")}
        found = [
            remote
            for remote in self.jobs.values()
            if remote.id not in claimed and remote.id not in refused
            if (job.id, remote.id) not in self.of_others
            if likeness(job, remote) is not Likeness.OTHER
        ]
        return sorted(found, key=lambda remote: remote.created_at)

    def was_each_asked(self, remotes: Collection[RemoteJob], after: float) -> bool:
        """Whether each was asked for by its id after that moment of the service's."""
        found = [self.single.get(remote.id) for remote in remotes]
        return all(each is not None and each.asked_at > after for each in found)


def look(
    api: Service,
    *,
    updated_after: float | None,
    silent: Sequence[str],
    lost: Sequence[JobRecord],
    claimed: Collection[str],
    grace_s: float,
    single: dict[str, SingleAnswer],
    retries: Retries,
) -> Look:
    """Ask for the jobs updated since, for one of the `silent` that are not among them, and for what may be
    the `lost` ones', of which `single` is kept from look to look, as `retries` is.

    What one job's request comes to is its own trouble: the others' news are taken in all the same.
    """
    seen = Look(api.last_answer_at(), single=single)
    if updated_after is not None:
        seen.trouble = seen.take_list(lambda: api.list_jobs(updated_after=updated_after))
        seen.is_complete = seen.trouble is None
    if lost and not isinstance(seen.trouble, _NO_WAY):
        _look_for_lost(api, seen, lost, retries, is_alone=updated_after is None)
    for remote_id in seen.jobs:
        retries.forget(remote_id)
    if seen.trouble is None:
        _ask_silent(api, seen, [each for each in silent if each not in seen.jobs], retries)
    for job in lost if seen.lost else ():
        _ask_by_id(api, seen, job, claimed, grace_s, retries)
    seen.answered_at = api.last_answer_at()
    return seen


def _look_for_lost(
    api: Service, seen: Look, lost: Sequence[JobRecord], retries: Retries, *, is_alone: bool
) -> None:
    """List what was made since the first of them was sent, unless that fails and is not to be tried now."""
    if not (is_alone or retries.is_due(_NEW_JOBS)):
        return
    since = min(job.submitted_at or job.created_at for job in lost) - SKEW_S - OVERLAP_S
    error = seen.take_list(lambda: api.list_new_jobs(created_after=since))
    if error is None:
        retries.forget(_NEW_JOBS)
        seen.lost = frozenset(job.id for job in lost)
    elif is_alone:
        seen.trouble = error
    else:
        retries.put_off(_NEW_JOBS, error)
        seen.lost_trouble = error


def _ask_silent(api: Service, seen: Look, silent: Sequence[str], retries: Retries) -> None:
    """One request more at most, however many jobs the list does not show; each that fails has its turn."""
    due = [remote_id for remote_id in silent if retries.is_due(remote_id)]
    if not due:
        return
    remote_id = min(due, key=retries.tried_at)
    seen.requests += 1
    try:
        seen.jobs[remote_id] = api.get_job(remote_id)
        retries.forget(remote_id)
    except ScenarioError as error:
        retries.put_off(remote_id, error)
        seen.failed[remote_id] = error


def _ask_by_id(
    api: Service, seen: Look, job: JobRecord, claimed: Collection[str], grace_s: float, retries: Retries
) -> None:
    """Ask by its id for each that the list leaves in doubt: alone it may tell more of itself. That is done at
    once, and again when no other can come any more.
    """
    asked_at = seen.asked_at or 0.0
    for remote in seen.alike(job, claimed):
        if job.claims:
            with suppress(OSError):  # the share does not answer: it stays in doubt
                if is_anothers(job.claims, remote.id, job.id):
                    seen.of_others.add((job.id, remote.id))
                    continue
        if likeness(job, remote) is not Likeness.DOUBTFUL:
            continue
        earlier = seen.single.get(remote.id)
        is_due = earlier is None or earlier.asked_at <= settled_at(job, grace_s) < asked_at
        if is_due and seen.left_to_ask > 0 and (told := _job_by_id(api, seen, remote, retries)):
            seen.single[remote.id] = SingleAnswer(told, asked_at)
        if remote.id in seen.single:
            seen.jobs[remote.id] = seen.single[remote.id].job


def _job_by_id(api: Service, seen: Look, remote: RemoteJob, retries: Retries) -> RemoteJob | None:
    """The job by its id, or as the list told it where that is all there is; None: to be asked for later."""
    key = f"{remote.id} alone"
    if not retries.is_due(key):
        return None
    seen.left_to_ask -= 1
    seen.requests += 1
    try:
        told = api.get_job(remote.id)
    except (NotFoundError, NotAllowedError, AnswerError):
        return remote
    except ScenarioError as error:
        seen.left_to_ask = 0  # each may take long
        return remote if retries.put_off(key, error) >= _MOST_TRIES else None
    retries.forget(key)
    return told
