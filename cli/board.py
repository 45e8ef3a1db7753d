# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells how a batch is doing: a live table on a terminal, plain lines elsewhere, JSON Lines with --json.

Everything but the table also goes into the batch's log file.
"""

import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import TextIO

from ..batches import Run, Stage, Tracked

_REDRAW_S = 0.5
_SHOWN = 8  # rows under way that the table shows


class Board:
    """`line` for words, `tell` after each step, `close` at the end."""

    def __init__(self, log_path: Path, *, is_json: bool, is_openjd: bool) -> None:
        self._log: TextIO = log_path.open("a", encoding="utf-8", errors="replace")
        self._is_json, self._is_openjd = is_json, is_openjd
        self._is_live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._drawn, self._drawn_at = 0, 0.0
        self._told: dict[str, tuple[str, str]] = {}
        self._told_openjd = ""

    def close(self) -> None:
        self._log.close()

    def event(self, name: str, **facts: object) -> None:
        self._write_log(f"{name} {json.dumps(facts)}")
        if self._is_json:
            print(json.dumps({"event": name, **facts}), flush=True)

    def line(self, text: str) -> None:
        self._erase()
        print(text, file=sys.stderr, flush=True)
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
            print("\n".join(lines), file=sys.stderr, flush=True)
            self._drawn, self._drawn_at = len(lines), time.monotonic()

    def _tell_openjd(self, run: Run) -> None:
        """What the farm's monitor shows of the task; lines that begin so are read by Open Job Description."""
        lines = f"openjd_progress: {_share(run) * 100:.0f}\nopenjd_status: {summary(run)}"
        if lines != self._told_openjd:
            self._told_openjd = lines
            print(lines, flush=True)

    def _tell_row(self, run: Run, row: Tracked) -> None:
        job = run.jobs.get(row.job_id)
        state = str(job.state) if job is not None and row.stage is Stage.RUNNING else str(row.stage)
        if self._told.get(row.job_id) == (state, row.message):
            return
        self._told[row.job_id] = (state, row.message)
        facts: dict[str, object] = {"id": row.item.key, "job": row.job_id, "state": state}
        facts |= {"cost_cu": job and job.cost_cu, "message": row.message}
        if row.stage is Stage.DONE and row.facts:
            facts["outputs"] = row.facts.get("outputs")
        self.event("row", **facts)
        if not (self._is_live or self._is_json) or row.stage is Stage.FAILED:
            self._erase()
            said = f"{row.item.key}: {state}" + (f": {row.message}" if row.message else "")
            print(said, file=sys.stderr, flush=True)

    def _write_log(self, text: str) -> None:
        self._log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")
        self._log.flush()

    def _erase(self) -> None:
        if self._drawn:
            print(f"\x1b[{self._drawn}F\x1b[J", end="", file=sys.stderr)
            self._drawn = 0


def summary(run: Run) -> str:
    """One line of counts, cost and time."""
    counts = run.counts()
    words = [f"{counts[stage]} {stage}" for stage in Stage if counts[stage] or stage is Stage.DONE]
    words.append(f"{run.spent_cu():g} CU")
    left_s = run.left_s()
    if left_s and counts[Stage.WAITING] + counts[Stage.RUNNING]:
        words.append(f"{left_s / 60:.0f} min left" if left_s >= 90 else f"{left_s:.0f} s left")
    return " · ".join(words)


def _share(run: Run) -> float:
    """How much of all is done, 0..1."""
    todo = float(run.counts()[Stage.WAITING])
    for row in run.rows:
        if row.stage is Stage.RUNNING:
            todo += 1 - 0.9 * (run.jobs[row.job_id].progress or 0.0)
    return 1 - todo / max(1, len(run.rows))


def _table(run: Run) -> list[str]:
    lines = [summary(run)]
    for row in [row for row in run.rows if row.stage is Stage.RUNNING][:_SHOWN]:
        job = run.jobs.get(row.job_id)
        state, progress = (str(job.state), job.progress or 0.0) if job else ("", 0.0)
        bar = "█" * round(progress * 12)
        lines.append(f"  {row.item.key[:32]:<32} {state:<12} {bar:<12} {row.message}".rstrip())
    return lines
