# SPDX-License-Identifier: GPL-3.0-or-later
"""One service's jobs, in memory: panels draw from it without any I/O.

`read` takes in what has changed in the store, a little at a time; what the artist asks for is
written through.
"""

import bisect
import itertools
import statistics
from collections.abc import Callable, Sequence

from .add_job import finish_anew
from .candidates import refuse_candidate, take_candidate
from .profile import Profile
from .record import ErrorKind, JobRecord, NewJob
from .stale import retry_when_stale
from .states import DONE, State
from .store import Store, StoreError
from .supervisor import Supervisor

BATCH = 50  # jobs read in one call


class JobCache:
    """The jobs of `service` in `store`. Calls `cost_changed` when a job was charged or refunded."""

    def __init__(
        self, store: Store, service: str, supervisor: Supervisor, cost_changed: Callable[[], None]
    ) -> None:
        self.store = store
        self.service = service
        self.by_id: dict[str, JobRecord] = {}
        self.order: list[str] = []  # ids, newest first
        self.revision = 0  # rises when one of the jobs has changed
        self.is_behind = True  # the store may have more than was read
        self._supervisor = supervisor
        self._cost_changed = cost_changed
        self._working: set[str] = set()
        self._groups: dict[str, set[str]] = {}  # ids by `JobRecord.group`
        self._newest_read: int = store.last_change()  # changes after this one are news
        # Changes up to this one are history, not yet read; 0: all is.
        self._history_to: int = self._newest_read
        self._expected_s: dict[str, float | None] = {}
        self._spent = (-1, 0.0, 0.0)  # of which revision, since when, how much

    def has_work(self) -> bool:
        """Whether a job is under way."""
        return bool(self._working)

    def expected_s(self, model_id: str) -> float | None:
        """Median time from the request to the finished result in this model's past runs here."""
        if model_id not in self._expected_s:
            past = [
                job.finished_at - job.created_at
                for job in self.by_id.values()
                if job.model_id == model_id and job.state in DONE and job.finished_at is not None
            ]
            self._expected_s[model_id] = statistics.median(past) if past else None
        return self._expected_s[model_id]

    def group(self, job: JobRecord) -> list[JobRecord]:
        """The job and those that were run again from it or with it, whatever their seeds and models; the
        first comes first.
        """
        found = [self.by_id[job_id] for job_id in self._groups.get(job.group, ())]
        return sorted(found, key=lambda each: (each.created_at, each.id))

    def unpaid_cu(self) -> float:
        """What the jobs that are on their way to the service are to cost."""
        waiting = (self.by_id[job_id] for job_id in self._working)
        return sum(job.committed_cu for job in waiting if job.cost_cu is None)

    def spent_cu(self, since: float) -> float:
        """What the jobs made since then (Unix seconds) have cost, without what was given back."""
        if self._spent[:2] != (self.revision, since):
            made = itertools.takewhile(
                lambda job: job.created_at >= since, (self.by_id[job_id] for job_id in self.order)
            )
            paid = sum(job.committed_cu for job in made if job.cost_cu is not None)
            self._spent = (self.revision, since, paid)
        return self._spent[2]

    # What the artist asks for. Raise StoreError.

    def add(self, new: NewJob) -> JobRecord:
        return self.add_all([new])[0]

    def add_all(self, new: Sequence[NewJob]) -> list[JobRecord]:
        """All or none."""
        made = self.store.add_all(new)
        self._put(made)
        self._supervisor.reset_failures()
        return made

    def get(self, job_id: str) -> JobRecord:
        """The job as the store has it now, also if the history has not come to it yet."""
        job = self.store.get(job_id)
        if job.service != self.service:
            raise StoreError(f"{job.name} belongs to {job.service}, not to {self.service}.")
        self._put([job])
        return job

    def resume(self, job: JobRecord) -> JobRecord:
        """The user asked for it: what was not paid for is submitted."""
        return self._change(job, lambda now: self.store.resume(now, may_spend=True))

    def take_candidate(self, job: JobRecord, remote_id: str) -> JobRecord:
        return self._change(job, lambda now: take_candidate(self.store, now, remote_id))

    def refuse_candidate(self, job: JobRecord, remote_id: str) -> JobRecord:
        return self._change(job, lambda now: refuse_candidate(self.store, now, remote_id))

    def cancel(self, job: JobRecord) -> JobRecord:
        return self._change(job, self.store.request_cancel)

    def finish(self, job: JobRecord, profile: Profile) -> JobRecord:
        """Have its result finished by the profile, which is free."""
        return self._change(job, lambda now: finish_anew(self.store, now, profile))

    def mark_placed(self, job: JobRecord) -> JobRecord:
        """It is in a scene; nothing is written if it was in one before, or is being made anew by now."""

        def place(now: JobRecord) -> JobRecord:
            return self.store.move(now, State.PLACED) if now.state is State.READY else now

        return job if job.state is State.PLACED else self._change(job, place)

    def note_error(self, job: JobRecord, text: str) -> JobRecord:
        """Have the job, which stays in its state, say what went wrong with it here."""
        return self._change(
            job, lambda now: self.store.update(now, message=text, error_kind=ErrorKind.ARRIVAL)
        )

    def remove(self, *jobs: JobRecord) -> None:
        """Forget finished jobs; their files are deleted by the worker."""
        removed: set[str] = set()
        try:
            for job in jobs:
                self.store.remove(job)
                removed.add(job.id)
        finally:
            self._drop(removed)

    def _change(self, job: JobRecord, change: Callable[[JobRecord], JobRecord]) -> JobRecord:
        changed = retry_when_stale(self.store, job.id, change)
        self._put([changed])
        self._supervisor.reset_failures()
        return changed

    # Reading the store.

    def read(self) -> list[JobRecord]:
        """Jobs that are new or have changed, then history, newest first: BATCH a call; see `is_behind`."""
        jobs = self.store.changed_since(self._newest_read, self.service, BATCH)
        if jobs:
            self._newest_read = jobs[-1].change
        room = BATCH - len(jobs)
        history: list[JobRecord] = []
        if self._history_to and room:
            history = self.store.changed_until(self._history_to, self.service, room)
            self._history_to = history[-1].change - 1 if history else 0
        self._put([*jobs, *history])
        self.is_behind = bool(self._history_to) or len(jobs) == BATCH
        return [*jobs, *history]

    def drop_removed(self) -> None:
        """Forget jobs that another process has removed from the store, all of which has been read."""
        if self.store.count(self.service) != len(self.by_id):
            self._drop(self.by_id.keys() - self.store.ids(self.service))

    def _put(self, jobs: list[JobRecord]) -> None:
        for job in jobs:
            before = self.by_id.get(job.id)
            if job.state in DONE:
                self._expected_s.pop(job.model_id, None)
            if before is not None and _charge(before) != _charge(job):
                self._cost_changed()
            self.by_id[job.id] = job
            if before is None:
                bisect.insort(self.order, job.id, key=self._age)
            self._groups.setdefault(job.group, set()).add(job.id)
            (self._working.add if job.is_working else self._working.discard)(job.id)
        self.revision += bool(jobs)

    def _age(self, job_id: str) -> float:
        return -self.by_id[job_id].created_at

    def _drop(self, ids: set[str]) -> None:
        for job_id in ids:
            self._groups[self.by_id.pop(job_id).group].discard(job_id)
        self._working -= ids
        self.order = [job_id for job_id in self.order if job_id in self.by_id]
        self.revision += bool(ids)


def _charge(job: JobRecord) -> tuple[float | None, float]:
    """What the service has taken for it, and given back."""
    return job.cost_cu, job.refunded_cu
