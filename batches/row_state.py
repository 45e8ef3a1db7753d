# SPDX-License-Identifier: GPL-3.0-or-later
"""How far an item of a batch is, and the limits of a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..jobs import Finish, Report, Requirement, read_finish, read_report, reasons
from .outcome import Outcome
from .plan import Item


class RowPlan(StrEnum):
    """What a run is to do about an item; only the first four are paid for."""

    NEW = "new"
    CHANGED = "changed"  # another result stands under its name
    UNPAID = "unpaid"  # an earlier run has not submitted it
    RETRIED = "retried"
    UNDER_WAY = "under way"
    THERE = "there"
    FAILED = "failed"
    ELSEWHERE = "elsewhere"
    LATER = "later"


class RowStatus(StrEnum):
    DONE = "done"
    RUNNING = "running"
    WAITING = "waiting"
    FAILED = "failed"
    ELSEWHERE = "elsewhere"  # another machine has claimed it
    LATER = "later"  # left to another run


REJECTED = "rejected"
_MADE = (RowStatus.DONE, RowStatus.ELSEWHERE)

PLANS = {
    RowStatus.DONE: RowPlan.THERE,
    RowStatus.RUNNING: RowPlan.UNDER_WAY,
    RowStatus.FAILED: RowPlan.FAILED,
    RowStatus.ELSEWHERE: RowPlan.ELSEWHERE,
    RowStatus.LATER: RowPlan.LATER,
}


def status_of(outcome: Outcome) -> RowStatus:
    """Of what was delivered: a row is not done without the outputs that it was to have."""
    return RowStatus.FAILED if outcome.is_unconverted else RowStatus.DONE


@dataclass(slots=True, eq=False)
class RowState:
    """An item, its job here if there is one, and how far it is."""

    item: Item
    job_id: str
    status: RowStatus = RowStatus.WAITING
    message: str = ""
    outcome: Outcome | None = None
    was_here: bool = False  # the job is of an earlier run: a person runs the batch again, and so may go on
    is_changed: bool = True
    gate: Sequence[Requirement] = ()

    def become(self, status: RowStatus, message: str) -> None:
        self.status = status
        self.message = message

    @property
    def rejections(self) -> tuple[str, ...]:
        """Why what was made does not pass the gate, whoever made it; none: it does, or nothing was made."""
        is_made = self.outcome is not None and bool(self.outcome.outputs) and not self.outcome.is_unconverted
        return reasons(self.gate, self.report) if is_made and self.status in _MADE else ()

    @property
    def shown_status(self) -> str:
        """The status; of what was made, and is not as it has to be, `rejected`."""
        return REJECTED if self.rejections else str(self.status)

    @property
    def text(self) -> str:
        """The message, and why it is rejected."""
        rejected = f"Rejected: {'; '.join(self.rejections)}." if self.rejections else ""
        return f"{rejected} {self.message}".strip()

    @property
    def report(self) -> Report | None:
        """Of what was made, at the size that it was written with; None: not made, or not measured."""
        found = read_report(self.outcome.report) if self.outcome else None
        return found and found.at_size(self.item.size_m)

    @property
    def finish(self) -> Finish | None:
        """What finishing has made of it; None: it was not to be finished, or nothing was made."""
        return read_finish(self.outcome.finish) if self.outcome else None


@dataclass(frozen=True, slots=True)
class RunLimits:
    concurrency: int = 4
    deliveries: int = 1  # items whose outputs are written at a time
    max_cost_cu: float | None = None
    is_retrying: bool = False  # by a person's wish: failed items get a job anew
    is_dry: bool = False  # only looks
    is_gathering: bool = False  # takes what is there as it is, and starts nothing
    gate: tuple[Requirement, ...] = ()  # what is made is judged by

    @property
    def starts_nothing(self) -> bool:
        return self.is_dry or self.is_gathering
