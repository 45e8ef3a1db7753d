# SPDX-License-Identifier: GPL-3.0-or-later
"""When to ask the service next, and which of its jobs is ours. Pure functions; clocks are passed in."""

from collections.abc import Iterable, Mapping
from typing import cast

from ..client import Job as RemoteJob
from ..client import JsonValue
from .record import JobRecord

POLL_MIN_S = 1.5
POLL_MAX_S = 10.0
OVERLAP_S = 60.0  # how far lists reach back before the last one: updates may be listed late
PAGE = 100  # jobs on a page of the list
SILENT_S = 30.0  # a running job that no list has shown for so long gets a request of its own
WINDOW_S = 180.0  # how long after its submission a job may have come to be: the POST has a minute
GRACE_S = 30.0  # how long a job whose submission went astray is looked for in the list


def poll_interval_s(jobs: Iterable[JobRecord], now: float, typical_s: Mapping[str, float | None]) -> float:
    """Short while one of `jobs` is young or due to end, up to POLL_MAX_S early in a long one."""
    shortest = POLL_MAX_S
    for job in jobs:
        age = now - (job.submitted_at or job.created_at)
        typical = typical_s.get(job.model_id)
        if typical is None:
            interval = age / 30  # unknown: quick jobs are seen soon, a minute-long wait costs two seconds
        elif age < typical * 0.8:
            interval = (typical * 0.8 - age) / 4
        else:
            interval = max(0.0, age - typical) / 10
        if job.progress is not None and job.progress > 0.85:
            interval = POLL_MIN_S
        shortest = min(shortest, interval)
    return max(POLL_MIN_S, shortest)


def is_same_request(job: JobRecord, remote: RemoteJob) -> bool:
    """Whether `remote` is what `job` sent: same model, same inputs, made about when it was sent.

    The service's record of the input may carry more fields than were sent, never fewer.
    """
    if job.submitted_at is None or not -OVERLAP_S <= remote.created_at - job.submitted_at <= WINDOW_S:
        return False
    if remote.model_id is not None and remote.model_id != job.model_id:
        return False
    if remote.model_id is None and not job.sent:
        return False
    return is_equal(job.sent, remote.input)


def is_equal(ours: JsonValue, theirs: object) -> bool:
    """JSON equality with 30 == 30.0, but not True == 1; their tables may hold more."""
    if isinstance(ours, bool) or isinstance(theirs, bool):
        return ours is theirs
    if isinstance(ours, dict) and isinstance(theirs, dict):
        table = cast("dict[str, object]", theirs)
        return all(name in table and is_equal(value, table[name]) for name, value in ours.items())
    if isinstance(ours, list) and isinstance(theirs, list):
        rows = cast("list[object]", theirs)
        return len(ours) == len(rows) and all(map(is_equal, ours, rows))
    if isinstance(ours, int | float) and isinstance(theirs, int | float):
        return abs(ours - theirs) <= 1e-9 * max(abs(ours), abs(theirs))
    return ours == theirs
