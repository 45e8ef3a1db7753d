# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person decides about a job whose submission's answer was lost: which of the service's jobs it is.

While there is a candidate that nobody has refused, the job is not submitted again. Where the service's lists
prove nothing for long, that is said, and a person's cancel ends the search.
"""

import math
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..client import UNNAMED, JsonValue
from ..client import Job as RemoteJob
from .database import StoreError
from .matching import Likeness, is_alike, likeness
from .record import JobRecord
from .states import State
from .store import Store

if TYPE_CHECKING:
    from .leased_store import LeasedStore

PATIENCE_S = 600.0  # for a search, which is over in half of that where the service's list can be read
_LOOK_S = 60.0  # what one look counts at most
NOT_LISTED = "The service does not list this job: nothing was paid for it. Resume it to submit it again."
NOT_KNOWN = (
    "Whether the service got the request cannot be found out: its list, or its clock, cannot be read. It may"
    " be paid for: look at the service's page. It is looked for until it is found, or you cancel it."
)
GIVEN_UP = (
    "Canceled in doubt: whether the service got the request could not be found out. It may be paid for: look"
    " at the service's page."
)

_MAY_BE_THERE = (State.SUBMITTING, State.UNCERTAIN, State.CANCELED)  # of these the service may have a job


class SearchLimit:
    """Ends searches for lost jobs that come to no end, by the clock of one worker. Only the time of looks
    counts: a machine that slept for hours has looked for nothing.
    """

    def __init__(self) -> None:
        self._looked_s: dict[str, float] = {}  # by job id
        self._last_look_at = -math.inf

    def look_after(self, leased: "LeasedStore", lost: Sequence[JobRecord]) -> None:
        """Say of those that are looked for in vain that it is not known, and end what is to be canceled."""
        now = leased.clock()
        step_s = min(now - self._last_look_at, _LOOK_S)
        self._last_look_at = now
        looked_s = self._looked_s
        self._looked_s = {job.id: looked_s[job.id] + step_s if job.id in looked_s else 0.0 for job in lost}
        for job in lost:
            if self._looked_s[job.id] > PATIENCE_S:
                leased.guarded(job.id, lambda job=job: _give_up(leased, job))


def _give_up(leased: "LeasedStore", job: JobRecord) -> None:
    if job.cancel:
        leased.end(job, State.CANCELED, message=GIVEN_UP)
    elif job.message != NOT_KNOWN:
        leased.update(job, message=NOT_KNOWN)


def without_others(store: Store, job: JobRecord, alike: Sequence[RemoteJob]) -> list[RemoteJob]:
    """`alike`, without the jobs that match what another lost job of ours sent better than `job`; exact
    matches for `job` first.
    """
    if not alike:
        return []
    found = store.list_jobs(service=job.service, states=_MAY_BE_THERE)
    others = [
        each for each in found if each.id != job.id and not each.remote_id and each.submitted_at and each.sent
    ]
    left = [
        remote
        for remote in alike
        if is_alike(job, remote)
        or not any(is_alike(each, remote) and likeness(each, remote) < Likeness.OTHER for each in others)
    ]
    return sorted(left, key=lambda remote: not is_alike(job, remote))


def take_candidate(store: Store, job: JobRecord, remote_id: str) -> JobRecord:
    """By a person's word: an uncertain job is the service's job `remote_id`. Raises StoreError."""
    _find(job, remote_id)
    if remote_id.startswith(UNNAMED):
        text = (
            f"{remote_id} cannot be taken: the service does not tell its id. Refuse it, or cancel {job.name}."
        )
        raise StoreError(text)
    return store.move(job, State.QUEUED, remote_id=remote_id, not_before=0.0, finished_at=None)


def refuse_candidate(store: Store, job: JobRecord, remote_id: str) -> JobRecord:
    """By a person's word: an uncertain job is not the service's job `remote_id`. Raises StoreError."""
    refused = _find(job, remote_id)
    entries: list[JsonValue] = [
        {**refused, "is_refused": True} if entry == refused else entry for entry in job.candidates
    ]
    left = [entry for entry in job.doubts if entry != refused]
    return store.update(job, candidates=entries, message=doubt_text(job.id, left) if left else NOT_LISTED)


def _find(job: JobRecord, remote_id: str) -> dict[str, JsonValue]:
    doubts = job.doubts if job.state is State.UNCERTAIN and job.resume_state else []
    for entry in doubts:
        if entry.get("id") == remote_id:
            return entry
    known = ", ".join(str(entry.get("id")) for entry in doubts) or "none"
    raise StoreError(f"{job.name} is {job.state} and has no candidate {remote_id}. Its candidates: {known}.")


def doubt_text(job_id: str, doubts: Sequence[Mapping[str, JsonValue]]) -> str:
    """What a person has to decide, with the commands that do it."""
    named = "; ".join(_candidate_text(entry) for entry in doubts)
    known = [entry["id"] for entry in doubts if not str(entry["id"]).startswith(UNNAMED)]
    if known:
        decision = f"said whether it is: `maquette jobs --take {job_id} {known[0]}`, or `--refuse`"
    else:
        command = f"maquette jobs --refuse {job_id} {doubts[0]['id']}"
        decision = f"looked at the service's page and said that it is not: `{command}`"
    return (
        f"The answer to the submission was lost, and the service has what may be this job: {named}."
        f" It is not submitted again until you have {decision}."
    )


def _candidate_text(entry: Mapping[str, JsonValue]) -> str:
    is_unnamed = str(entry["id"]).startswith(UNNAMED)
    return f"{entry['id']}, {date_text(entry)}, {'without an id' if is_unnamed else entry['url']}"


def date_text(candidate: Mapping[str, JsonValue]) -> str:
    """When the service made it."""
    moment = candidate.get("created_at")
    if not isinstance(moment, int | float) or moment <= 0:
        return "of unknown time"
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(moment))
