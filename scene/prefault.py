# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds memory little by little for what Blender allocates in one piece afterwards.

A system finds memory when a page is first written to, which takes several times as long as to copy the
bytes there.
"""

import ctypes
from collections.abc import Iterator

SLICE_BYTES = 1 << 20  # 0.6 ms, on a slow virtual machine 4
# glibc, where Blender has no allocator of its own, gives large blocks back to the system at once, until it
# has seen one of that size freed (32 MB at most), and keeps up to twice as much then.
_SEEN_BYTES = 31 << 20
_BLOCK_BYTES = 16 << 20
_MOST_BYTES = 48 << 20
_allocate = ctypes.pythonapi.PyMem_RawMalloc  # malloc, which Blender allocates with, too
_allocate.argtypes = [ctypes.c_size_t]
_allocate.restype = ctypes.c_void_p
_free = ctypes.pythonapi.PyMem_RawFree
_free.argtypes = [ctypes.c_void_p]
_free.restype = None


def prefault(size_bytes: int) -> Iterator[None]:
    """Yields after each slice; what is allocated right after the end gets the pages that were found."""
    if size_bytes <= SLICE_BYTES:
        return
    _free(_allocate(_SEEN_BYTES))
    most = min(size_bytes, _MOST_BYTES)
    # In one block, so that Blender's own is found in the same place; unless that would not be kept.
    block_bytes = most if most <= _SEEN_BYTES else _BLOCK_BYTES
    blocks: list[int] = []
    try:
        for start in range(0, most, SLICE_BYTES):
            at = start % block_bytes
            if at == 0:
                blocks.append(_allocate(min(block_bytes, most - start)) or 0)
            if blocks[-1]:
                ctypes.memset(blocks[-1] + at, 0, min(SLICE_BYTES, most - start))
                yield
    finally:
        for block in blocks:
            _free(block)
