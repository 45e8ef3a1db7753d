# SPDX-License-Identifier: GPL-3.0-or-later
"""A clock for intervals: nobody sets it, and it goes on while the machine sleeps."""

import time

# Linux: CLOCK_BOOTTIME. macOS: CLOCK_MONOTONIC, which there goes on in sleep, unlike time.monotonic().
_CLOCK: int | None = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))


def elapsed_s() -> float:
    """Seconds since some moment in the past, the same one for all processes since the machine started."""
    if _CLOCK is None:  # Windows, whose monotonic clock counts sleep
        return time.monotonic()
    return time.clock_gettime(_CLOCK)
