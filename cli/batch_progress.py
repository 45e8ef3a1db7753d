# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells how a batch is doing: a live table on a terminal, plain lines elsewhere, events to who wants them.

Everything but the table also goes into the batch's log file.
"""

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from ..batches import RowState, RowStatus, Run
from ..jobs import JobRecord, State, cost_text

_REDRAW_S = 0.5
_SHOWN = 8  # rows under way that the table shows
_SHARE_AT = {State.QUEUED: 0.05, State.DOWNLOADING: 0.85, State.CONVERTING: 0.9, State.READY: 1.0}


class BatchProgress:
    """Writes words on `words` (None: nowhere), and the log into `folder`.

    `line` for words, `tell` after each step, `close` at the end.
    """

    def __init__(
        self,
        folder: Path,
        *,
        words: TextIO | None,
        on_event: Callable[[dict[str, Any]], object] | None = None,
        is_openjd: bool = False,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._log: TextIO = (folder / "batch.log").open("a", encoding="utf-8", errors="replace")
        self._words = words
        self._on_event = on_event
        self._is_openjd = is_openjd
        self._is_live = words is not None and words.isatty() and os.environ.get("TERM") != "dumb"
        self._drawn, self._drawn_at = 0, 0.0
        self._told: dict[str, tuple[str, str]] = {}
        self._told_openjd = ""
        self._share = 0.0

    def close(self) -> None:
        self._log.close()

    def event(self, name: str, **facts: object) -> None:
        self._write_log(f"{name} {json.dumps(facts)}")
        if self._on_event:
            self._on_event({"event": name, "time": round(time.time(), 3), **facts})

    def line(self, text: str) -> None:
        self._erase()
        self._say(text)
        self._write_log(text)

    def tell(self, run: Run) -> None:
        """Each row that has come to another stage, then the table."""
        for row in run.rows:
            if row.is_changed:
                row.is_changed = False
                self._tell_row(run, row)
        if self._is_openjd:
            self._tell_openjd(run)
        if self._is_live and time.monotonic() - self._drawn_at >= _REDRAW_S:
            self._erase()
            lines = [line[: shutil.get_terminal_size().columns - 1] for line in _table(run)]
            self._say("\n".join(lines))
            self._drawn, self._drawn_at = len(lines), time.monotonic()

    def _tell_openjd(self, run: Run) -> None:
        """What the farm's monitor shows of the task; lines that begin so are read by Open Job Description."""
        self._share = max(self._share, _share(run))  # a monitor's bar does not run backwards
        lines = f"openjd_progress: {self._share * 100:.0f}\nopenjd_status: {summary(run)}"
        if lines != self._told_openjd:
            self._told_openjd = lines
            print(lines, flush=True)

    def _tell_row(self, run: Run, row: RowState) -> None:
        job = run.jobs.get(row.job_id)
        state = str(job.state) if job is not None and row.stage is RowStatus.RUNNING else str(row.stage)
        if self._told.get(row.job_id) == (state, row.message):
            return
        self._told[row.job_id] = (state, row.message)
        facts: dict[str, object] = {"id": row.item.key, "job": row.job_id, "state": state}
        facts |= {"cost_cu": job and job.cost_cu, "refunded_cu": job.refunded_cu if job else 0.0}
        facts["message"] = row.message
        if row.stage is RowStatus.DONE and row.outcome:
            facts["outputs"] = [*row.outcome.outputs]
        self.event("row", **facts)
        if not (self._is_live or self._on_event) or row.stage is RowStatus.FAILED:
            self._erase()
            self._say(f"{row.item.key}: {state}" + (f": {row.message}" if row.message else ""))

    def _write_log(self, text: str) -> None:
        self._log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S%z')} {text}\n")
        self._log.flush()

    def _say(self, text: str, end: str = "\n") -> None:
        if self._words is not None:
            print(text, end=end, file=self._words, flush=True)

    def _erase(self) -> None:
        if self._drawn:
            self._say(f"\x1b[{self._drawn}F\x1b[J", end="")
            self._drawn = 0


def summary(run: Run, *, is_over: bool = False) -> str:
    """One line of counts, cost and, unless it is over, the time that is left."""
    counts = run.counts()
    words = [f"{counts[stage]} {stage}" for stage in RowStatus if counts[stage] or stage is RowStatus.DONE]
    words.append(cost_text(run.spent_cu()))
    left_s = run.left_s()
    if not is_over and left_s and counts[RowStatus.WAITING] + counts[RowStatus.RUNNING]:
        words.append(f"{left_s / 60:.0f} min left" if left_s >= 90 else f"{left_s:.0f} s left")
    return " · ".join(words)


def _share(run: Run) -> float:
    """How much of all is done, 0..1."""
    todo = float(run.counts()[RowStatus.WAITING])
    for row in run.rows:
        if row.stage is RowStatus.RUNNING:
            todo += 1 - _share_of_job(run.jobs[row.job_id])
    return 1 - todo / max(1, len(run.rows))


def _share_of_job(job: JobRecord) -> float:
    """How much of one job is done, 0..1; its own progress begins anew in some states."""
    if job.state is State.RUNNING:
        return 0.1 + 0.7 * (job.progress or 0.0)
    return _SHARE_AT.get(job.state, 0.0)


def _table(run: Run) -> list[str]:
    lines = [summary(run)]
    for row in [row for row in run.rows if row.stage is RowStatus.RUNNING][:_SHOWN]:
        job = run.jobs.get(row.job_id)
        state, progress = (str(job.state), job.progress or 0.0) if job else ("", 0.0)
        bar = "█" * round(progress * 12)
        lines.append(f"  {row.item.key[:32]:<32} {state:<12} {bar:<12} {row.message}".rstrip())
    return lines
