# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells on stderr how jobs are doing: one updating line on a terminal, plain lines elsewhere."""

import shutil
import sys
import time

from ..jobs import JobRecord


class ProgressLine:
    """A Reporter (headless/outputs.py) on stderr."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._shown: dict[str, object] = {}  # what the last plain line about each job said
        self._width = 0  # of the line that stands on the terminal

    def tell(self, jobs: list[JobRecord]) -> None:
        if sys.stderr.isatty():
            text = " · ".join([*map(_words, jobs), f"{time.monotonic() - self._started:.0f} s"])
            text = text[: shutil.get_terminal_size().columns - 1]
            print("\r" + text.ljust(self._width), end="", file=sys.stderr, flush=True)
            self._width = len(text)
            return
        for job in jobs:
            shown = (job.state, int(4 * (job.progress or 0.0)), job.message)  # each quarter is told
            if self._shown.get(job.id) != shown:
                self._shown[job.id] = shown
                self.line(_words(job) + (f": {job.message}" if job.message else ""))

    def line(self, text: str) -> None:
        self.end()
        print(text, file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._width:
            print(file=sys.stderr, flush=True)
            self._width = 0


def _words(job: JobRecord) -> str:
    return f"{job.name}: {job.state}" + (f" {job.progress:.0%}" if job.progress and job.is_working else "")
