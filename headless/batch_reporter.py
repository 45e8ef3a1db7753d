# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells how a batch is doing: into the log file of its folder, and as events to who wants them."""

import contextlib
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from ..batches import RowState, RowStatus, Run
from ..jobs import cost_text, finish_json, report_json

log = logging.getLogger(__name__)


class BatchReporter:
    """`line` for words, `event` for facts, `tell` after each step, `close` at the end.

    The terminal's is a subclass, which also shows lines and rows (cli/batch_progress.py).
    """

    def __init__(self, folder: Path, on_event: Callable[[dict[str, Any]], object] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._log: TextIO = (folder / "batch.log").open("a", encoding="utf-8", errors="replace")
        self._is_log_lost = False
        self._on_event = on_event
        self._last_rows: dict[str, tuple[str, str]] = {}  # state and message of each job, as last told

    def close(self) -> None:
        with contextlib.suppress(OSError):  # what it could not write has been said
            self._log.close()

    def event(self, name: str, **facts: object) -> None:
        self._write_log(f"{name} {json.dumps(facts)}")
        if self._on_event:
            self._on_event({"event": name, "time": round(time.time(), 3), **facts})

    def line(self, text: str) -> None:
        self._write_log(text)

    def tell(self, run: Run) -> None:
        """Each row that has come to another stage."""
        for row in run.rows:
            if not row.is_changed:
                continue
            row.is_changed = False
            job = run.jobs.get(row.job_id)
            is_running = row.status is RowStatus.RUNNING
            state = str(job.state) if job is not None and is_running else row.shown_status
            if self._last_rows.get(row.job_id) == (state, row.message):
                continue
            self._last_rows[row.job_id] = (state, row.message)
            self.row(row, state, job and job.cost_cu, job.refunded_cu if job else 0.0)

    def row(self, row: RowState, state: str, cost_cu: float | None, refunded_cu: float) -> None:
        """One row that has come to another stage."""
        facts: dict[str, object] = {"id": row.item.key, "job": row.job_id, "state": state}
        facts |= {"cost_cu": cost_cu, "refunded_cu": refunded_cu, "message": row.text}
        if row.status is RowStatus.DONE and row.outcome:
            facts["outputs"] = [*row.outcome.outputs]
            facts["report"] = report_json(row.report)
            facts["finish"] = finish_json(row.finish, row.report)
            facts["rejected"] = [*row.rejections]
        self.event("row", **facts)

    def _write_log(self, text: str) -> None:
        try:
            self._log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S%z')} {text}\n")
            self._log.flush()
        except OSError as error:  # no reason to stop, nor to hide what is told
            if not self._is_log_lost:
                log.warning("batch.log cannot be written: %s", error)
            self._is_log_lost = True


def summary(run: Run, *, is_over: bool = False) -> str:
    """One line of counts, cost and, unless it is over, the time that is left."""
    counts = run.counts()
    words = [f"{counts[stage]} {stage}" for stage in RowStatus if counts[stage] or stage is RowStatus.DONE]
    rejected = sum(bool(row.rejections) for row in run.rows)
    words += [f"{rejected} of them rejected"] if rejected else []
    words.append(cost_text(run.spent_cu()))
    left_s = run.left_s()
    if not is_over and left_s and counts[RowStatus.WAITING] + counts[RowStatus.RUNNING]:
        words.append(f"{left_s / 60:.0f} min left" if left_s >= 90 else f"{left_s:.0f} s left")
    return " · ".join(words)
