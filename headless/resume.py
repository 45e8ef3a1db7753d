# SPDX-License-Identifier: GPL-3.0-or-later
"""Carrying on jobs that were interrupted, and stopping what is not submitted; what costs is asked for."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from ..jobs import SANDBOX, UNPAID, JobRecord, StaleError, State, take_up
from .errors import MaquetteError
from .outputs import wanted_outputs
from .request import check_cost, price_of_job
from .session import Session

INTERRUPTED = "Interrupted before it was submitted."


@dataclass(frozen=True, slots=True)
class Resumable:
    """The jobs that something is left to do for, oldest first."""

    in_doubt: list[JobRecord]  # a person says first which of the service's jobs each one is
    paid: list[JobRecord]  # cost nothing more
    unpaid: list[JobRecord]
    prices: list[float | None]  # of the unpaid ones; None: not known before the upload

    @property
    def is_empty(self) -> bool:
        return not (self.in_doubt or self.paid or self.unpaid)


def find_resumable(session: Session, ids: Sequence[str]) -> Resumable:
    """Of the jobs named, else of all of this service. Raises MaquetteError, StoreError; spends nothing."""
    store = session.store
    jobs = [store.get(job_id) for job_id in ids] or store.list_jobs(service=session.service)
    for job in jobs:
        if job.service != session.service:
            raise MaquetteError(f"Job {job.id} belongs to {job.service}: {_way_to(job.service)}.")
    session.wait_for_sign_of_life(jobs)
    jobs = [store.get(job.id) for job in reversed(jobs)]
    in_doubt = [job for job in jobs if job.doubts]
    unpaid = [job for job in jobs if not job.doubts and store.would_spend(job)]
    paid = [
        job
        for job in jobs
        if not job.doubts and job not in unpaid and _is_unfinished(session, job, is_named=bool(ids))
    ]
    if in_doubt or unpaid or paid:
        _ = session.credentials
    return Resumable(in_doubt, paid, unpaid, [price_of_job(session, job) for job in unpaid])


def resume_jobs(
    session: Session, found: Resumable, *, is_paying: bool, max_cost_cu: float | None
) -> list[JobRecord]:
    """Takes up what is paid for, and with `is_paying` the rest. Raises MaquetteError if it costs too much."""
    unpaid = found.unpaid if is_paying else []
    if unpaid:
        check_cost(None if None in found.prices else sum(filter(None, found.prices)), max_cost_cu)
    taken = [_resumed(session, job, may_spend=False) for job in found.paid]
    return taken + [_resumed(session, job, may_spend=True) for job in unpaid]


def left_elsewhere(session: Session) -> str:
    """Says which other services have jobs in this store that would be taken up there."""
    others = {
        job.service
        for job in session.store.list_jobs()
        if job.service != session.service and (job.is_working or job.resume_state)
    }
    return "".join(f" Jobs of {service} are left: {_way_to(service)}." for service in sorted(others))


def stop_unpaid(session: Session, job: JobRecord, *, is_resuming: bool) -> JobRecord:
    """The job as it is now, ended if it was not submitted: for good, or to be resumed as it was before."""
    store = session.store
    while (job := store.get(job.id)).state in UNPAID:
        with suppress(StaleError):  # its worker has moved it on: look again
            if not is_resuming:
                return store.request_cancel(job)
            return store.move(
                job, State.FAILED, message=INTERRUPTED, finished_at=store.clock(), resume_state=State.PREPARED
            )
    return job


def _way_to(service: str) -> str:
    return "add --sandbox" if service == SANDBOX else "give its --api-url and project, not --sandbox"


def _is_unfinished(session: Session, job: JobRecord, *, is_named: bool) -> bool:
    """Whether a paid job still needs something; one that another session works on counts if it is named."""
    store = session.store
    is_undelivered = job.state is State.READY and bool(wanted_outputs(job))
    return (
        bool(job.resume_state)
        or is_undelivered
        or (is_named and store.is_gone(job))
        or store.is_left(job)
        or (is_named and job.is_working)
    )


def _resumed(session: Session, job: JobRecord, *, may_spend: bool) -> JobRecord:
    store = session.store
    is_waiting = job.is_working and bool(job.not_before)
    if job.resume_state or is_waiting or store.would_spend(job) or store.is_gone(job):
        return take_up(store, job, session.id, may_spend=may_spend)
    return store.get(job.id)
