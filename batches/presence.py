# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps two hosts from using one machine's store: SQLite's file is one host's at a time, over any network.

Several processes of one host may. A host that was killed is taken over once its sign of life stands still.
"""

import json
import platform
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from ..client import InputError

STILL_S = 120.0  # a busy machine, or a page of many rows, may keep a batch from a beat that long
_BEAT_S = 5.0


class Presence:
    """A file in the machine's folder, renewed by `beat`; clocks of two hosts are never compared."""

    def __init__(self, folder: Path, *, host: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._clock = folder / "host.json", clock
        self._host, self._beaten_at = host or platform.node(), -_BEAT_S

    def enter(self, say: Callable[[str], None], sleep: Callable[[float], None] = time.sleep) -> None:
        """Raises InputError if another host is at work under this machine's name."""
        before = self._read()
        if before and before[0] != self._host:
            say(f"{before[0]} has worked here: seeing for {STILL_S:.0f} s whether it still does.")
            until = self._clock() + STILL_S
            while self._clock() < until:
                sleep(1.0)
                if self._read() != before:
                    text = f"{before[0]} is at work here. Give each machine a name of its own."
                    raise InputError(text)
        self.beat()

    def beat(self) -> None:
        if self._clock() - self._beaten_at >= _BEAT_S:
            self._beaten_at = self._clock()
            self._path.parent.mkdir(parents=True, exist_ok=True)
            part = self._path.with_name(f".host.{secrets.token_hex(4)}")
            part.write_text(json.dumps([self._host, secrets.token_hex(8)]), encoding="utf-8")
            part.replace(self._path)

    def leave(self) -> None:
        self._path.unlink(missing_ok=True)

    def _read(self) -> tuple[str, str] | None:
        try:
            match json.loads(self._path.read_text(encoding="utf-8")):
                case [str(host), str(mark)]:
                    return host, mark
                case _:
                    return None
        except (FileNotFoundError, ValueError):
            return None
