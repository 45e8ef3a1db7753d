# SPDX-License-Identifier: GPL-3.0-or-later
"""How many results are expected soon: a background Blender is started before each, not after it.

A start takes 0.7 s and more, of a cold disk several; a Blender that waits takes 110 MB of memory. So none is
started for a job that is likely to take much longer, nor kept for one that is long overdue.
"""

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from .poll_schedule import Mark, Outlook, chance_of_result, with_mark
from .states import REMOTE, State

if TYPE_CHECKING:
    import sqlite3

    from .runs import RunTable

LEAD_S = 10.0  # how soon
LIKELY = 0.12  # for a smaller chance of a result no Blender is started
_CAME = (State.DOWNLOADING, State.CONVERTING)


def count_expected(jobs: Iterable[Outlook]) -> int:
    """How many of these running jobs are likely to have their result within LEAD_S."""
    chances = sum(chance_of_result(job, LEAD_S) for job in jobs)
    return math.ceil(max(0.0, chances - LIKELY))


class ExpectedResults:
    """Of the jobs in a store's database."""

    def __init__(self, database: "sqlite3.Connection", runs: "RunTable", clock: Callable[[], float]) -> None:
        self._db = database
        self._runs = runs
        self._clock = clock
        self._marks: dict[str, tuple[Mark, ...]] = {}  # by job: when its progress was seen to rise

    def count(self, service: str, session: str, most: int) -> int:
        """How many of the session's jobs have a result that is expected or here, up to `most`. To be asked
        for often: from when a job's progress rises follows when it ends.
        """
        states = (*REMOTE, *_CAME)
        rows = self._db.execute(
            "SELECT state, id, model_id, progress, coalesce(submitted_at, created_at) FROM jobs"
            f" WHERE service = ? AND session = ? AND state IN ({','.join('?' * len(states))})",
            (service, session, *states),
        ).fetchall()
        came = sum(row[0] in _CAME for row in rows)
        if not rows or came >= most:
            return min(came, most)
        running = [row for row in rows if row[0] not in _CAME]
        past_s = {model: self._past_s(service, model) for model in {row[2] for row in running}}
        marks, self._marks = self._marks, {}
        jobs: list[Outlook] = []
        for _, job_id, model, progress, submitted_at in running:
            age_s = self._clock() - submitted_at
            self._marks[job_id] = with_mark(marks.get(job_id, ()), age_s, progress)
            jobs.append(Outlook(age_s, self._marks[job_id], past_s[model]))
        return min(most, came + count_expected(jobs))

    def _past_s(self, service: str, model_id: str) -> tuple[float, ...]:
        """How long the model's past jobs took from their submission on, whatever their settings."""
        return tuple(run.waited_s + run.took_s for run in self._runs.find(service, model_id))
