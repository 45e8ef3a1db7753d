# SPDX-License-Identifier: GPL-3.0-or-later
"""How many results are expected soon: a background Blender is started before each, not after it.

A start takes 0.7 s and more, of a cold disk several; a Blender that waits takes 110 MB of memory. So none is
started in the first seconds of a job that may be long, nor kept for one that is long overdue.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from .states import REMOTE, State

if TYPE_CHECKING:
    import sqlite3

FIRST_S = 5.0  # a job of a model that has not run here is expected no sooner
SHARE = 0.7  # of the time that a job should take: few end sooner, and those while a Blender is started
LEAD_S = 10.0  # before that
LATE = 3.0  # times as long as it should take: it is not expected any more
LATE_S = 900.0  # the same where nobody knows how long
_FRESH_S = 60.0  # how long a model's past jobs are not looked up again
_CAME = (State.DOWNLOADING, State.CONVERTING)


def is_expected(state: State, age_s: float, progress: float | None, typical_s: float | None) -> bool:
    """Whether the result of a job that is `age_s` old may come within LEAD_S. `typical_s` is what past ones
    have taken, from the same moment to the end.
    """
    if state in _CAME:
        return True
    if age_s > (LATE_S if typical_s is None else LATE * typical_s + LEAD_S):
        return False
    by_progress = age_s / progress if progress else None
    foreseen = [total_s for total_s in (typical_s, by_progress) if total_s is not None]
    if not foreseen:
        return state is State.RUNNING and age_s >= FIRST_S
    return age_s >= SHARE * min(foreseen) - LEAD_S and (typical_s is not None or age_s >= FIRST_S)


class ExpectedResults:
    """Of the jobs in a store's database."""

    def __init__(self, database: "sqlite3.Connection", clock: Callable[[], float]) -> None:
        self._db = database
        self._clock = clock
        self._typical: dict[str, tuple[float, float | None]] = {}  # by model: when it was looked up, and what

    def count(self, service: str, session: str, most: int) -> int:
        """How many of the session's jobs have a result that is expected or here, up to `most`."""
        states = (*REMOTE, *_CAME)
        rows = self._db.execute(
            "SELECT state, model_id, progress, created_at FROM jobs"
            f" WHERE service = ? AND session = ? AND state IN ({','.join('?' * len(states))})",
            (service, session, *states),
        ).fetchall()
        now, found = self._clock(), 0
        typical_s = {model: self._typical_s(model, now) for model in {row[1] for row in rows}}
        for state, model, progress, created_at in rows:
            if found >= most:
                break
            found += is_expected(State(state), now - created_at, progress, typical_s[model])
        return found

    def _typical_s(self, model_id: str, now: float) -> float | None:
        """The median of what the model's past jobs here took, all in all."""
        looked_at, typical_s = self._typical.get(model_id, (-_FRESH_S, None))
        if abs(now - looked_at) >= _FRESH_S:
            typical_s = self._median_s(model_id)
            self._typical[model_id] = now, typical_s
        return typical_s

    def _median_s(self, model_id: str) -> float | None:
        rows = self._db.execute(
            "SELECT finished_at - created_at FROM jobs WHERE model_id = ? AND finished_at IS NOT NULL"
            " AND state IN ('ready', 'placed') ORDER BY finished_at DESC LIMIT 21",
            (model_id,),
        ).fetchall()
        return sorted(float(row[0]) for row in rows)[len(rows) // 2] if rows else None
