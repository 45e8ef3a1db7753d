# SPDX-License-Identifier: GPL-3.0-or-later
"""One run over a batch's items: admits jobs to the store as the limits allow; the worker does the rest.

Nothing that spends is repeated here: an item has one job, whose id the store and the claims take once. What
stopped before it was paid goes on when a person runs the batch again.
"""

import contextlib
import time
from collections import Counter, deque
from collections.abc import Sequence
from functools import partial

from ..client import CreditsError, NetworkError, NotAllowedError, RateLimitedError, ServerError, SignInError
from ..jobs import (
    DONE,
    UNPAID,
    ErrorKind,
    InputFileError,
    JobRecord,
    Profile,
    StaleError,
    State,
    Store,
    StoreError,
    add_once,
    finish_anew,
    has_profile,
    is_finished_by,
    new_job,
    profile_json,
    take_up,
)
from .claimed_row import take_from_claim, take_from_other
from .claims import Claims
from .delivery import Delivery, Writing
from .outcome import Outcome
from .plan import Item, under_known_id
from .row_state import PLANS, RowPlan, RowState, RowStatus, RunLimits, status_of

_READ = 500  # jobs read in one look
# Errors that are not the row's fault (credits, key, network) and charged nothing: the next run tries again.
_MENDED = frozenset(
    {
        CreditsError.__name__,
        SignInError.__name__,
        NotAllowedError.__name__,
        NetworkError.__name__,
        ServerError.__name__,
        RateLimitedError.__name__,
        ErrorKind.LEFT,
    }
)
_STOPPING = frozenset({CreditsError.__name__, SignInError.__name__})  # the next rows would be refused, too
_FREE = frozenset({State.DOWNLOADING, State.CONVERTING, State.QUEUED})  # paid for: going on costs nothing
OVER_COST = "over --max-cost"
NOT_STARTED = "Not started: it would exceed the limit on cost."


class Run:
    """Makes what is missing of `items` at `service`, and has `delivery` write the outputs."""

    def __init__(
        self,
        store: Store,
        service: str,
        claims: Claims,
        items: Sequence[Item],
        limits: RunLimits,
        delivery: Delivery,
        *,
        session: str = "",
    ) -> None:
        self._store = store
        self._service = service
        self._claims = claims
        self._limits = limits
        self._session = session  # whose worker submits the jobs of this run
        self._delivery = delivery
        self._change = store.last_change()
        self.jobs = {job.id: job for job in store.list_jobs(service=service)}
        self._others_cu = claims.cost_of_others_cu()
        self._lost_cu = 0.0  # of jobs of this machine that its store has lost
        self.stopped = ""
        self._ready: deque[RowState] = deque()  # made, and not written yet
        self._writing: dict[RowState, Writing] = {}
        self._left: set[str] = set()  # unpaid jobs of runs that have ended
        self._by_id: dict[str, RowState] = {}
        self._look_for_left()
        self.rows = [self._found(under_known_id(item, self._is_known)) for item in items]
        self._by_id = {row.job_id: row for row in self.rows}
        counts = self.counts()
        self._started_at = time.monotonic()
        self._ended_before = counts[RowStatus.DONE] + counts[RowStatus.FAILED]

    # What is seen.

    def counts(self) -> Counter[RowStatus]:
        return Counter(row.status for row in self.rows)

    def spent_cu(self) -> float:
        """What all jobs of the batch have cost, and those under way are to cost, here and elsewhere, without
        what was refunded: a job that failed counts only where the service keeps its price.
        """
        here_cu = sum(job.committed_cu for job in self.jobs.values() if job.id not in self._left)
        return self._others_cu + self._lost_cu + here_cu

    def refunded_cu(self) -> float:
        """What was given back for jobs of this machine that have failed."""
        return sum(job.refunded_cu for job in self.jobs.values())

    def plan_for(self, row: RowState) -> RowPlan:
        """What is to be done about a row, before the first step."""
        if row.status is not RowStatus.WAITING:
            return PLANS[row.status]
        if row.job_id in self.jobs:
            return RowPlan.UNPAID
        if row.job_id != row.item.id:
            return RowPlan.RETRIED
        return RowPlan.NEW if self._claims.current(row.item.row.stem) is None else RowPlan.CHANGED

    def to_pay_cu(self) -> float:
        """What is still to be paid for, without what has no price yet."""
        return sum(row.item.price_cu or 0.0 for row in self.rows if row.status is RowStatus.WAITING)

    def without_price(self) -> int:
        """How many of what is still to be paid for have no price before their upload."""
        return sum(row.item.price_cu is None for row in self.rows if row.status is RowStatus.WAITING)

    def is_all_affordable(self) -> bool:
        most = self._limits.max_cost_cu
        if most is None:
            return True
        return not self.without_price() and self.spent_cu() + self.to_pay_cu() <= most + 1e-9

    @property
    def is_writing(self) -> bool:
        return bool(self._writing)

    def left_s(self) -> float | None:
        """How long it takes at the pace so far; None while that is unknown."""
        counts = self.counts()
        ended = counts[RowStatus.DONE] + counts[RowStatus.FAILED] - self._ended_before
        todo = counts[RowStatus.WAITING] + counts[RowStatus.RUNNING]
        return (time.monotonic() - self._started_at) / ended * todo if ended > 0 else None

    def keep_to(self, most: int) -> None:
        """Leave all but the first `most` items that are not done to another run."""
        left = [row for row in self.rows if row.status in (RowStatus.WAITING, RowStatus.RUNNING)]
        for row in sorted(left, key=lambda row: row.status is RowStatus.WAITING)[most:]:
            row.status = RowStatus.LATER

    def look_elsewhere(self) -> None:
        """See what other machines have finished since."""
        for row in self.rows:
            if row.status is RowStatus.ELSEWHERE:
                take_from_other(row, self._claims, self._delivery)

    # What happens.

    def step(self) -> bool:
        """Take in what has changed, admit and deliver; False when nothing is left to do or to wait for."""
        for job in self._store.changed_since(self._change, self._service, _READ):
            self._change = job.change
            self._put(job)
        self._look_for_left()
        self._admit()
        for row in list(self._writing):
            self._look_at(row)
        while self._ready and len(self._writing) < self._limits.deliveries:
            self._begin_delivery(self._ready.popleft())
        counts = self.counts()
        return bool(counts[RowStatus.RUNNING]) or (bool(counts[RowStatus.WAITING]) and not self.stopped)

    def _found(self, item: Item) -> RowState:
        """Where an item stands when the run begins."""
        number, job_id = 1, item.id
        while self._is_known(f"{item.id}-{number + 1}"):  # the last time that a person had it tried anew
            number += 1
            job_id = f"{item.id}-{number}"
        row = RowState(item, job_id, was_here=job_id in self.jobs, gate=self._limits.gate)
        job = self.jobs.get(job_id)
        outcome = self._claims.result(job_id)
        is_delivered = job is not None and outcome is not None and self._is_delivered(row, outcome)
        if job is None and self._take_from_claim(row):
            is_made = row.outcome is not None and row.outcome.is_unconverted
            is_anew = row.status is RowStatus.FAILED and self._limits.is_retrying and not is_made
            return RowState(item, f"{item.id}-{number + 1}", gate=self._limits.gate) if is_anew else row
        is_stopped = job is not None and job.state in (State.FAILED, State.CANCELED, State.EXPIRED)
        is_gone = job is not None and self._store.is_gone(job) and not is_delivered
        if job is not None and (is_gone or (is_stopped and job.resume_state in _FREE)):
            if self._limits.starts_nothing:
                row.status = RowStatus.RUNNING
                return row
            job = self.jobs[job_id] = self._store.resume(job, self._session, may_spend=False)
        elif job is not None and is_stopped and self._limits.is_retrying and not job.resume_state:
            return RowState(item, f"{item.id}-{number + 1}", gate=self._limits.gate)
        if job is not None:
            if self._limits.is_retrying and not is_finished_by(job, item.profile):
                job = self._finish(job, item.profile)
            if job.state in DONE and outcome is not None and is_delivered:
                row.outcome = outcome
                row.become(status_of(outcome), outcome.message)
            else:
                self._settle(row, job)
        return row

    def _is_delivered(self, row: RowState, outcome: Outcome) -> bool:
        """Not where the outputs were to be others than now: they are written again."""
        is_current = self._claims.current(row.item.row.stem) == row.job_id
        wanted = outcome.spec if self._limits.is_gathering else self._delivery.spec(row.item)
        return is_current and outcome.spec == wanted is not None and self._delivery.is_there(outcome)

    def _is_known(self, job_id: str) -> bool:
        return job_id in self.jobs or self._claims.owner(job_id) is not None

    def _take_from_claim(self, row: RowState) -> bool:
        """Whether another machine has claimed the row, or this one has, and has lost the job."""
        lost_cu = take_from_claim(row, self._claims, self._delivery, partial(self._is_delivered, row))
        self._lost_cu += lost_cu or 0.0
        return lost_cu is not None

    def _put(self, job: JobRecord) -> None:
        self.jobs[job.id] = job
        row = self._by_id.get(job.id)
        if row is not None and row.status in (RowStatus.RUNNING, RowStatus.WAITING):
            self._settle(row, job)

    def _look_for_left(self) -> None:
        """See which unpaid jobs belong to no run any more: this one submits those of its own rows, and none
        counts as spent before that.
        """
        unpaid = [job for job in self.jobs.values() if job.state in UNPAID and job.session != self._session]
        sessions = {job.session for job in unpaid}
        ended = {each for each in sessions if not self._store.is_lease_alive(self._service, each)}
        self._left = {job.id for job in unpaid if job.session in ended}
        for job_id in self._left:
            row = self._by_id.get(job_id)
            if row is not None and row.status is RowStatus.RUNNING:
                row.was_here = True
                self._settle(row, self.jobs[job_id])

    def _is_to_submit(self, job: JobRecord) -> bool:
        """Whether this run submits what an earlier one did not: proven unpaid, or by a person's wish."""
        if job.id in self._left:
            return True
        if job.resume_state is not State.PREPARED or job.doubts:
            return False
        was_lost = job.state is State.UNCERTAIN or job.lost_at is not None
        is_mended = not job.error_kind or job.error_kind in _MENDED
        return self._limits.is_retrying or (is_mended and not was_lost)

    def _settle(self, row: RowState, job: JobRecord) -> None:
        row.is_changed = True
        row.message = job.message
        if row.was_here and self._is_to_submit(job):
            row.status = RowStatus.WAITING
        elif job.is_working or job.state in DONE:
            row.status = RowStatus.RUNNING
            if not has_profile(job, row.item.profile):
                job = self._finish(job, row.item.profile)
            if job.state in DONE and row not in self._writing and row not in self._ready:
                self._ready.append(row)
        else:
            row.status = RowStatus.FAILED
            if job.state is State.UNCERTAIN and not job.doubts:
                row.message = f"{job.message} `--retry-failed` does that."
            if job.error_kind in _STOPPING:
                self.stopped = job.message
            self._note(row, job, Outcome())

    def _finish(self, job: JobRecord, profile: Profile) -> JobRecord:
        """Have a result that is there finished by the profile, which costs nothing; the job as it is then."""
        if job.has_model and not self._limits.starts_nothing:
            with contextlib.suppress(StaleError):  # another process has moved it on: its news come
                job = self.jobs[job.id] = finish_anew(self._store, job, profile, self._session)
        return job

    def _admit(self) -> None:
        at_service = self._at_service()
        for row in self.rows:
            if self.stopped or at_service >= self._limits.concurrency:
                return
            if row.status is not RowStatus.WAITING:
                continue
            if not self._is_affordable(row.item):
                if not self._at_service():  # nothing may turn out cheaper
                    self._stop_over_cost()
                return
            at_service += self._start(row)

    def _stop_over_cost(self) -> None:
        self.stopped = OVER_COST
        for row in self.rows:
            if row.status is RowStatus.WAITING:
                row.is_changed = True
                row.message = NOT_STARTED

    def _at_service(self) -> int:
        """How many jobs take one of the places that the account has, or are about to."""
        working = (job for job in self.jobs.values() if job.is_working and job.id not in self._left)
        return sum(job.state not in (State.DOWNLOADING, State.CONVERTING) for job in working)

    def _is_affordable(self, item: Item) -> bool:
        most = self._limits.max_cost_cu
        if most is None:
            return True
        self._others_cu = self._claims.cost_of_others_cu()
        return item.price_cu is not None and self.spent_cu() + item.price_cu <= most + 1e-9

    def _start(self, row: RowState) -> bool:
        item = row.item
        row.is_changed = True
        was_claimed = self._claims.owner(row.job_id) is not None
        if not self._claims.acquire(row.job_id, item.price_cu):
            take_from_other(row, self._claims, self._delivery)
            return False
        if not self._is_affordable(item):  # another process was faster: each sees the claims of the other
            if not was_claimed and row.job_id not in self._store.ids(self._service):
                self._claims.release(row.job_id)
            return False
        try:
            job = self._resumed(row) if row.job_id in self.jobs else self._added(row)
        except InputFileError as error:  # gone since it was read
            row.become(RowStatus.FAILED, str(error))
            return False
        self.jobs[job.id] = job
        self._by_id[job.id] = row
        self._left.discard(job.id)  # from now on it counts as spent
        row.status = RowStatus.RUNNING
        return True

    def _resumed(self, row: RowState) -> JobRecord:
        row.was_here = False
        try:
            return take_up(self._store, self.jobs[row.job_id], self._session, may_spend=True)
        except StoreError:  # its run has shown life
            return self._store.get(row.job_id)

    def _added(self, row: RowState) -> JobRecord:
        item = row.item
        new = new_job(
            item.model,
            item.inputs,
            service=self._service,
            name=item.name,
            estimate_cu=item.price_cu,
            session=self._session,
            profile=profile_json(item.profile),
            claims=str(self._claims.folder),
            id=row.job_id,
        )
        return add_once(self._store, new)

    def _begin_delivery(self, row: RowState) -> None:
        if row.status is not RowStatus.RUNNING:  # left to another run
            return
        job = self.jobs[row.job_id]
        try:
            if job.state is State.READY:  # of two processes that share the store, one delivers
                job = self.jobs[job.id] = self._store.move(job, State.PLACED, message=job.message)
            self._writing[row] = self._delivery.begin(row.item, job)
        except StaleError:
            row.is_changed = True
            row.become(RowStatus.DONE, "written by another process")
        except (OSError, RuntimeError, ValueError) as error:
            self._fail_delivery(row, error)

    def _look_at(self, row: RowState) -> None:
        try:
            outcome = self._delivery.poll(self._writing[row])
        except (OSError, RuntimeError, ValueError, StoreError) as error:
            self._fail_delivery(row, error)
        else:
            if outcome is None:
                return
            row.is_changed = True
            row.status = status_of(outcome)
            if outcome.is_unconverted:
                row.message = f"{row.message} Delivered: {', '.join(outcome.outputs)}.".strip()
            self._note(row, self.jobs[row.job_id], outcome)
        del self._writing[row]

    def _fail_delivery(self, row: RowState, error: Exception) -> None:
        row.is_changed = True
        text = f"It is made and paid for, but could not be written: {error} Run the batch again."
        row.become(RowStatus.FAILED, text)
        self._note(row, self.jobs[row.job_id], Outcome())

    def _note(self, row: RowState, job: JobRecord, outcome: Outcome) -> None:
        """Write down what was delivered, and what is known of the job."""
        if self._limits.is_dry:
            return
        row.outcome = outcome.of_job(job, row.item.key, row.item.content, row.message)
        self._claims.acquire(job.id, job.estimate_cu)
        written = row.outcome
        if outcome.spec is None:  # what stands there from before stays known, or it would be overwritten
            written = written.with_files_of(self._claims.result(job.id) or Outcome())
        self._claims.write_result(job.id, written)
