# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells on stderr how jobs are doing: one updating line on a terminal, plain lines elsewhere."""

import shutil
import sys
import time

from ..jobs import JobRecord, State

WORDS = {
    State.PREPARED: "prepared",
    State.UPLOADING: "uploading",
    State.SUBMITTING: "submitting",
    State.UNCERTAIN: "looking it up",
    State.QUEUED: "queued",
    State.RUNNING: "being made",
    State.DOWNLOADING: "downloading",
    State.CONVERTING: "converting",
    State.READY: "ready",
    State.PLACED: "placed",
    State.FAILED: "failed",
    State.CANCELED: "canceled",
    State.EXPIRED: "expired",
}
_QUARTERS = 4  # plain lines tell of each quarter


class ProgressLine:
    """`tell` after each change, `line` for anything else, `end` before the last word."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._started = time.monotonic()
        self._last = ""
        self._told: dict[str, tuple[str, int, str]] = {}

    def tell(self, jobs: list[JobRecord]) -> None:
        if self._is_terminal:
            self._show(
                " · ".join(_words(job) for job in jobs) + f" · {time.monotonic() - self._started:.0f} s"
            )
            return
        for job in jobs:
            mark = (job.state, int((job.progress or 0.0) * _QUARTERS), job.message)
            if self._told.get(job.id) != mark:
                self._told[job.id] = mark
                note = f": {job.message}" if job.message else ""
                print(f"{_words(job)}{note}", file=sys.stderr, flush=True)

    def line(self, text: str) -> None:
        self.end()
        print(text, file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._last:
            print(file=sys.stderr, flush=True)
            self._last = ""

    def _show(self, text: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        text = text[:width]
        if text != self._last:
            print("\r" + text.ljust(min(len(self._last), width)), end="", file=sys.stderr, flush=True)
            self._last = text


def _words(job: JobRecord) -> str:
    percent = f" {job.progress:.0%}" if job.progress and job.state in _WITH_PROGRESS else ""
    return f"{job.name}: {WORDS[job.state]}{percent}"


_WITH_PROGRESS = (State.UPLOADING, State.RUNNING, State.DOWNLOADING)
