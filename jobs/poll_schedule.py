# SPDX-License-Identifier: GPL-3.0-or-later
"""When to ask the service next. Pure functions; clocks are passed in."""

from collections.abc import Iterable, Mapping

from .record import JobRecord

POLL_MIN_S = 1.5
POLL_MAX_S = 10.0
OVERLAP_S = 60.0  # how far lists reach back before the last one: updates may be listed late
PAGE = 100  # jobs on a page of the list
SILENT_S = 30.0  # a running job that no list has shown for so long gets a request of its own


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
