# SPDX-License-Identifier: GPL-3.0-or-later
"""What this machine adds to a figure in milliseconds: prints it as JSON.

- `page_us`: how long the system takes to find 4 KB of memory that nothing has used lately. A virtual machine
  may have given it back to its host.
- `pause_ms`: the longest time for which a loop that does nothing else did not run.
"""

import json
import mmap
import time

MEMORY = 256 << 20
PAGE = 4096
LOOP_S = 3.0


def page_us() -> float:
    with mmap.mmap(-1, MEMORY) as memory:
        start = time.perf_counter()
        for place in range(0, MEMORY, PAGE):
            memory[place] = 1
        first = time.perf_counter()
        for place in range(0, MEMORY, PAGE):
            memory[place] = 2
        again = time.perf_counter()
    return ((first - start) - (again - first)) / (MEMORY // PAGE) * 1e6


def pause_ms() -> float:
    longest = 0.0
    last = time.perf_counter()
    end = last + LOOP_S
    while last < end:
        now = time.perf_counter()
        longest = max(longest, now - last)
        last = now
    return longest * 1000


if __name__ == "__main__":
    print(json.dumps({"page_us": round(page_us(), 1), "pause_ms": round(pause_ms(), 1)}))
