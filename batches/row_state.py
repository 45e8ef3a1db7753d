# SPDX-License-Identifier: GPL-3.0-or-later
"""How far an item of a batch is, and the limits of a run."""

from dataclasses import dataclass
from enum import StrEnum

from ..jobs import Report, read_report
from .outcome import Outcome
from .plan import Item


class Fate(StrEnum):
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


FATES = {
    RowStatus.DONE: Fate.THERE,
    RowStatus.RUNNING: Fate.UNDER_WAY,
    RowStatus.FAILED: Fate.FAILED,
    RowStatus.ELSEWHERE: Fate.ELSEWHERE,
    RowStatus.LATER: Fate.LATER,
}


@dataclass(slots=True, eq=False)
class RowState:
    """An item, its job here if there is one, and how far it is."""

    item: Item
    job_id: str
    stage: RowStatus = RowStatus.WAITING
    message: str = ""
    outcome: Outcome | None = None
    was_here: bool = False  # the job is of an earlier run: a person runs the batch again, and so may go on
    is_changed: bool = True

    @property
    def report(self) -> Report | None:
        """Of what was made, at the size that it was written with; None: not made, or not measured."""
        found = read_report(self.outcome.report) if self.outcome else None
        return found and found.at_size(self.item.size_m)


@dataclass(frozen=True, slots=True)
class RunLimits:
    concurrency: int = 4
    deliveries: int = 1  # items whose outputs are written at a time
    max_cost_cu: float | None = None
    is_retrying: bool = False  # by a person's wish: failed items get a job anew
    is_dry: bool = False  # only looks
