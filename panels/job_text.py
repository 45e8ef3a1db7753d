# SPDX-License-Identifier: GPL-3.0-or-later
"""A job in words: its state, its time, what it costs and what came of it."""

import time

from ..jobs import UNPAID, JobCache, JobRecord, State, cost_text
from .text import time_text

# What a person reads, and an icon.
STATES = {
    State.PREPARED: ("Starting", "SORTTIME"),
    State.UPLOADING: ("Sending", "SORTTIME"),
    State.SUBMITTING: ("Sending", "SORTTIME"),
    State.UNCERTAIN: ("Checking", "QUESTION"),
    State.QUEUED: ("Queued", "SORTTIME"),
    State.RUNNING: ("Working", "SORTTIME"),
    State.DOWNLOADING: ("Fetching", "IMPORT"),
    State.CONVERTING: ("Preparing", "IMPORT"),
    State.READY: ("Ready", "CHECKMARK"),
    State.PLACED: ("Placed", "OUTLINER_OB_MESH"),
    State.FAILED: ("Failed", "ERROR"),
    State.CANCELED: ("Canceled", "CANCEL"),
    State.EXPIRED: ("Expired", "ERROR"),
}
_MANY = 10_000  # faces, from which on they are counted in thousands


def state_of(job: JobRecord) -> tuple[str, str]:
    """The state in a word, and its icon."""
    text, icon = STATES[job.state]
    if job.doubts:
        return "In Doubt", icon  # nobody looks any more: a person decides
    if job.state in UNPAID and job.error_kind:
        return "Waiting", icon  # for the service, which does not answer or takes no more
    return text, icon


def progress_of(jobs: JobCache, job: JobRecord) -> float | None:
    """How far a job is, 0..1: by the service's word, else by the time that this model usually takes."""
    if not job.is_working:
        return None
    if job.state in (State.DOWNLOADING, State.CONVERTING):
        return 0.95
    if job.state is not State.RUNNING:
        return 0.0
    expected_s = jobs.expected_s(job.model_id)
    guess = (time.time() - job.created_at) / expected_s if expected_s else 0.0
    return min(0.9, max(job.progress or 0.0, guess))


def facts_of(jobs: JobCache, job: JobRecord) -> list[str]:
    """The model, the time, the cost and the faces of a job, as far as they are known."""
    facts = [job.model_name or job.model_id]
    if job.is_working:
        # A job that the service does not have yet goes on nowhere: no time can be expected.
        expected_s = None if job.state in UNPAID else jobs.expected_s(job.model_id)
        about = f" of about {time_text(expected_s)}" if expected_s else ""
        facts.append(f"{state_of(job)[0]} {time_text(time.time() - job.created_at)}{about}")
    elif job.finished_at:
        facts.append(time_text(job.finished_at - job.created_at))
    facts += [text] if (text := money_text(job)) else []
    facts += [f"{faces:,} faces"] if (faces := faces_of(job)) is not None else []
    return facts


def row_facts(job: JobRecord) -> list[str]:
    """The same, short, for a line of the list."""
    facts = [job.model_name or job.model_id]
    facts += [time_text(job.finished_at - job.created_at)] if job.finished_at else []
    faces = faces_of(job)
    if faces is not None:
        facts.append(f"{faces:,} faces" if faces < _MANY else f"{faces // 1000:,}k faces")
    return facts


def money_text(job: JobRecord) -> str:
    """What it costs: about, before the service has taken it; then exactly, and what was given back."""
    if job.cost_cu is not None:
        text = cost_text(job.cost_cu)
        if not job.refunded_cu:
            return text
        is_whole = job.refunded_cu >= job.cost_cu
        return f"{text} refunded" if is_whole else f"{text}, {cost_text(job.refunded_cu)} refunded"
    about = "" if job.estimate_cu is None else f"about {cost_text(job.estimate_cu)}"
    if job.state in UNPAID:
        return f"{about}, not paid yet" if about else "not paid yet"
    is_over = not job.is_working and job.remote_id is None and not job.doubts
    return "nothing paid" if is_over else about


def faces_of(job: JobRecord) -> int | None:
    """How many faces came, once that is known."""
    faces = job.result.get("faces")
    return faces if isinstance(faces, int) else None
