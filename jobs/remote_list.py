# SPDX-License-Identifier: GPL-3.0-or-later
"""One look at what the service has: the jobs that are followed, and what lost submissions may have made.

Made by a thread of the worker's, which does not touch the store.
"""

import math
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

from ..client import AnswerError, NotAllowedError, NotFoundError, ScenarioError
from ..client import Job as RemoteJob
from .leased_store import log
from .matching import SKEW_S, WINDOW_S, Likeness, likeness
from .poll_schedule import OVERLAP_S, requests_for
from .record import JobRecord
from .remote_claims import is_anothers
from .service import Service

_MOST_ALONE = 20  # jobs in doubt that one look asks for by their ids


@dataclass(frozen=True, slots=True)
class Alone:
    """A job of the service's as it was told under its own id, and the service's time of that."""

    job: RemoteJob
    asked_at: float


def settled_at(job: JobRecord, grace_s: float) -> float:
    """The service's time after which what no list shows of a lost job is not there."""
    return math.inf if job.lost_at is None else job.lost_at + WINDOW_S + grace_s


@dataclass(slots=True)
class Look:
    """What one look showed. Times are the service's; None while it has told none."""

    asked_at: float | None  # its clock before it was asked: the lists are no older
    answered_at: float | None = None  # its clock afterwards
    requests: float = 0.0  # that were made for it: see poll_schedule
    is_complete: bool = False  # whether what is followed was listed
    lost: frozenset[str] = frozenset()  # our ids of those that it looked for: of others it tells nothing
    jobs: dict[str, RemoteJob] = field(default_factory=dict[str, RemoteJob])
    unknown: dict[str, ScenarioError] = field(default_factory=dict[str, ScenarioError])
    not_understood: str = ""  # one that was asked for by its id
    alone: dict[str, Alone] = field(default_factory=dict[str, Alone])  # also of earlier looks
    left_to_ask: int = _MOST_ALONE
    # Our id of a lost job, and the service's of one that another of a batch has.
    of_others: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    def take_list(self, remotes: Iterable[RemoteJob]) -> None:
        found = {remote.id: remote for remote in remotes}
        self.requests += requests_for(len(found))
        self.jobs |= found

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
        found = [self.alone.get(remote.id) for remote in remotes]
        return all(each is not None and each.asked_at > after for each in found)


def look(
    api: Service,
    *,
    updated_after: float | None,
    silent: Sequence[str],
    lost: Sequence[JobRecord],
    claimed: Collection[str],
    grace_s: float,
    alone: dict[str, Alone],
) -> Look:
    """Ask for the jobs updated since, for the first of the `silent` that is not among them, and for what may
    be the `lost` ones', of which `alone` is kept from look to look. Raises ScenarioError.
    """
    seen = Look(api.last_answer_at(), lost=frozenset(job.id for job in lost), alone=alone)
    if updated_after is not None:
        seen.take_list(api.list_jobs(updated_after=updated_after))
        seen.is_complete = True
    if lost:
        since = min(job.submitted_at or job.created_at for job in lost) - SKEW_S - OVERLAP_S
        seen.take_list(api.list_new_jobs(created_after=since))
    # One request more at most, however many jobs the list does not show.
    for remote_id in islice((each for each in silent if each not in seen.jobs), 1):
        seen.requests += 1
        try:
            seen.jobs[remote_id] = api.get_job(remote_id)
        except (NotFoundError, NotAllowedError) as error:  # this one's trouble, not the others'
            seen.unknown[remote_id] = error
        except AnswerError as error:
            log.warning("%s: %s", remote_id, error)
            seen.not_understood = remote_id
    for job in lost:
        _ask_alone(api, seen, job, claimed, grace_s)
    seen.answered_at = api.last_answer_at()
    return seen


def _ask_alone(api: Service, seen: Look, job: JobRecord, claimed: Collection[str], grace_s: float) -> None:
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
        earlier = seen.alone.get(remote.id)
        is_due = earlier is None or earlier.asked_at <= settled_at(job, grace_s) < asked_at
        if is_due and seen.left_to_ask > 0:
            seen.left_to_ask -= 1
            seen.requests += 1
            with suppress(NotFoundError, NotAllowedError, AnswerError):  # then what the list told stands
                remote = api.get_job(remote.id)
            seen.alone[remote.id] = Alone(remote, asked_at)
        if remote.id in seen.alone:
            seen.jobs[remote.id] = seen.alone[remote.id].job
