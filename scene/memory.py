# SPDX-License-Identifier: GPL-3.0-or-later
"""Has the system find memory little by little, for what Blender allocates in one piece afterwards.

A system finds memory when a page is first written to. That takes several times as long as to copy the bytes
there, and on a virtual machine, which may have given the page back to its host, twenty times as long.
"""

import mmap
from collections.abc import Iterator

SLICE_BYTES = 1 << 20  # 0.1 ms, or 2 ms on a slow virtual machine
_PAGE_BYTES = 4096


def find_memory(size_bytes: int) -> Iterator[None]:
    """Yields after each slice. What is allocated right after the end gets the pages that were found."""
    if size_bytes < SLICE_BYTES:
        return
    with mmap.mmap(-1, size_bytes) as memory:
        for start in range(0, size_bytes, SLICE_BYTES):
            for place in range(start, min(start + SLICE_BYTES, size_bytes), _PAGE_BYTES):
                memory[place] = 1
            yield
