# SPDX-License-Identifier: GPL-3.0-or-later
"""A clock for intervals: nobody sets it, and it goes on while the machine sleeps."""

import time
from collections.abc import Callable
from dataclasses import dataclass

# Linux: CLOCK_BOOTTIME. macOS: CLOCK_MONOTONIC, which there goes on in sleep, unlike time.monotonic().
_CLOCK: int | None = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))


def elapsed_s() -> float:
    """Seconds since some moment in the past, the same one for all processes since the machine started."""
    if _CLOCK is None:  # Windows, whose monotonic clock counts sleep
        return time.monotonic()
    return time.clock_gettime(_CLOCK)


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a client waits, and by which clocks. A test has its own."""

    answer_timeout_s: float = 60.0  # for its head, for each piece, and for JSON as a whole
    sleep: Callable[[float], None] = time.sleep
    elapsed_s: Callable[[], float] = elapsed_s
    now: Callable[[], float] = time.time
