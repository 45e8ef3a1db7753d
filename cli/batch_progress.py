# SPDX-License-Identifier: GPL-3.0-or-later
"""A batch on the terminal: a live table, plain lines elsewhere, Open Job Description's progress for farms."""

import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..batches import RowState, RowStatus, Run
from ..headless import BatchReporter, summary
from ..jobs import JobRecord, State

_REDRAW_S = 0.5
_SHOWN = 8  # rows under way that the table shows
_SHARE_AT = {State.QUEUED: 0.05, State.DOWNLOADING: 0.85, State.CONVERTING: 0.9, State.READY: 1.0}


class BatchProgress(BatchReporter):
    """On stderr; with `is_openjd` also the lines on stdout that Open Job Description reads."""

    def __init__(
        self, folder: Path, on_event: Callable[[dict[str, Any]], object] | None, *, is_openjd: bool
    ) -> None:
        super().__init__(folder, on_event)
        self._is_openjd = is_openjd
        self._is_live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._has_lines_of_rows = not (self._is_live or on_event)  # else the table or the events have them
        self._drawn_lines = 0  # of the table that stands on the terminal
        self._drawn_at = 0.0
        self._openjd_lines = ""
        self._share = 0.0

    def line(self, text: str) -> None:
        self._show(text)
        super().line(text)

    def row(self, row: RowState, state: str, cost_cu: float | None, refunded_cu: float) -> None:
        super().row(row, state, cost_cu, refunded_cu)
        if self._has_lines_of_rows or row.status is RowStatus.FAILED or row.rejections:
            is_said = row.text.lower().startswith(f"{state}: ")  # that it is rejected
            text = f"{state}: {row.text}" if row.text else state
            self._show(f"{row.item.key}: {row.text if is_said else text}")

    def tell(self, run: Run) -> None:
        super().tell(run)
        if self._is_openjd:
            self._tell_openjd(run)
        if self._is_live and time.monotonic() - self._drawn_at >= _REDRAW_S:
            lines = [line[: shutil.get_terminal_size().columns - 1] for line in _table(run)]
            self._show("\n".join(lines))
            self._drawn_lines = len(lines)
            self._drawn_at = time.monotonic()

    def _tell_openjd(self, run: Run) -> None:
        """What the farm's monitor shows of the task; lines that begin so are read by Open Job Description."""
        self._share = max(self._share, _share(run))  # a monitor's bar does not run backwards
        lines = f"openjd_progress: {self._share * 100:.0f}\nopenjd_status: {summary(run)}"
        if lines != self._openjd_lines:
            self._openjd_lines = lines
            print(lines, flush=True)

    def _show(self, text: str) -> None:
        """In the table's place."""
        if self._drawn_lines:
            print(f"\x1b[{self._drawn_lines}F\x1b[J", end="", file=sys.stderr)
            self._drawn_lines = 0
        print(text, file=sys.stderr, flush=True)


def _share(run: Run) -> float:
    """How much of all is done, 0..1."""
    todo = float(run.counts()[RowStatus.WAITING])
    for row in run.rows:
        if row.status is RowStatus.RUNNING:
            todo += 1 - _share_of_job(run.jobs[row.job_id])
    return 1 - todo / max(1, len(run.rows))


def _share_of_job(job: JobRecord) -> float:
    """How much of one job is done, 0..1; its own progress begins anew in some states."""
    if job.state is State.RUNNING:
        return 0.1 + 0.7 * (job.progress or 0.0)
    return _SHARE_AT.get(job.state, 0.0)


def _table(run: Run) -> list[str]:
    lines = [summary(run)]
    for row in [row for row in run.rows if row.status is RowStatus.RUNNING][:_SHOWN]:
        job = run.jobs.get(row.job_id)
        state, progress = (str(job.state), job.progress or 0.0) if job else ("", 0.0)
        bar = "█" * round(progress * 12)
        lines.append(f"  {row.item.key[:32]:<32} {state:<12} {bar:<12} {row.message}".rstrip())
    return lines
