# SPDX-License-Identifier: GPL-3.0-or-later
"""What the claims tell of a row of which this machine's store has no job."""

from collections.abc import Callable

from ..jobs import was_submitted
from .claims import Claims
from .delivery import Delivery
from .outcome import Outcome
from .row_state import RowState, RowStatus, status_of

_LOST = (
    "It may be paid for: it was submitted, and this machine's store does not know of it any more. Look for "
    "it in the service's list of jobs. `--retry-failed` has it made anew, which is paid for."
)


def take_from_claim(
    row: RowState, claims: Claims, delivery: Delivery, is_delivered: Callable[[Outcome], bool]
) -> float | None:
    """The row becomes as the machine that has claimed it has left it. Returns what this machine has paid for
    it, unknown to its store; None: nobody has claimed it, or it was not submitted.
    """
    holder = claims.owner(row.job_id)
    if holder == claims.machine:
        return _take_as_lost(row, claims, is_delivered)
    if holder is None:
        return None
    _take_from(holder, row, claims, delivery)
    return 0.0


def take_from_other(row: RowState, claims: Claims, delivery: Delivery) -> None:
    """Where another machine has claimed the row, it is as that one has left it."""
    holder = claims.owner(row.job_id)
    if holder not in (None, claims.machine):
        _take_from(holder, row, claims, delivery)


def _take_from(holder: str, row: RowState, claims: Claims, delivery: Delivery) -> None:
    outcome = row.outcome = claims.result(row.job_id)
    row.become(RowStatus.ELSEWHERE, f"claimed by {holder}")
    if outcome is not None and outcome.spec is None:
        row.become(RowStatus.FAILED, f"{outcome.message} (on {holder})")
    elif outcome is not None and delivery.is_there(outcome):
        told = f"{outcome.message} (on {holder})" if outcome.is_unconverted else f"made by {holder}"
        row.become(status_of(outcome), told)


def _take_as_lost(row: RowState, claims: Claims, is_delivered: Callable[[Outcome], bool]) -> float | None:
    """Where this machine may have paid for the row, though its store does not know the job: it is made anew
    only by a person's wish.
    """
    outcome = claims.result(row.job_id) or Outcome()
    if not outcome.cost_cu and not was_submitted(str(claims.folder), row.job_id):
        return None
    row.outcome = outcome
    row.become(RowStatus.FAILED, _LOST)
    if is_delivered(outcome):
        row.become(status_of(outcome), outcome.message)
    cost_cu = claims.price_cu(row.job_id) if outcome.cost_cu is None else outcome.cost_cu
    return cost_cu - (outcome.refunded_cu or 0.0)
