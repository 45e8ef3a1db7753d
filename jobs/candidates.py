# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person decides about a job whose submission's answer was lost: which of the service's jobs it is.

While there is a candidate that nobody has refused, the job is not submitted again.
"""

import time
from collections.abc import Mapping, Sequence

from ..client import JsonValue
from .database import StoreError
from .record import JobRecord
from .states import State
from .store import Store

NOT_LISTED = "The service does not list this job: nothing was paid for it. Resume it to submit it again."


def take_candidate(store: Store, job: JobRecord, remote_id: str) -> JobRecord:
    """By a person's word: an uncertain job is the service's job `remote_id`. Raises StoreError."""
    _find(job, remote_id)
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
    named = "; ".join(f"{entry['id']}, {date_text(entry)}, {entry['url']}" for entry in doubts)
    command = f"maquette jobs --take {job_id} {doubts[0]['id']}"
    return (
        f"The answer to the submission was lost, and the service has what may be this job: {named}."
        f" It is not submitted again until you have said whether it is: `{command}`, or `--refuse`."
    )


def date_text(candidate: Mapping[str, JsonValue]) -> str:
    """When the service made it."""
    moment = candidate.get("created_at")
    if not isinstance(moment, int | float) or moment <= 0:
        return "of unknown time"
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(moment))
