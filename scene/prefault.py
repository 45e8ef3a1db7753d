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
MOST_BYTES = 60 << 20
_BLOCK_BYTES = 16 << 20
_MOST_BLOCKS = 12
_HEADER_BYTES = 64  # at most, between two blocks that follow one another
allocate = ctypes.pythonapi.PyMem_RawMalloc  # malloc, which Blender allocates with, too
allocate.argtypes = [ctypes.c_size_t]
allocate.restype = ctypes.c_void_p
free = ctypes.pythonapi.PyMem_RawFree
free.argtypes = [ctypes.c_void_p]
free.restype = None


def prefault(size_bytes: int) -> Iterator[bool]:
    """Yields False after each slice, and True before the end, for the long step of filling so much memory.

    What is allocated right after the end gets the pages that were found: they are held until then. More than
    `MOST_BYTES` would not be kept, so nothing is done for it.
    """
    if size_bytes <= SLICE_BYTES:
        return
    if size_bytes > MOST_BYTES:
        yield True
        return
    free(allocate(_SEEN_BYTES))
    # In one block, so that Blender's own is found in the same place; unless that would not be kept.
    count = 1 if size_bytes <= _SEEN_BYTES else -(-size_bytes // _BLOCK_BYTES)
    block_bytes = -(-size_bytes // count)
    blocks: list[int] = []
    try:
        row = _row_of_blocks(count, block_bytes, blocks)
        for block in row:
            for start in range(0, block_bytes, SLICE_BYTES):
                ctypes.memset(block + start, 0, min(SLICE_BYTES, block_bytes - start))
                yield False
        yield True
    finally:
        for block in blocks:
            free(block)


def _row_of_blocks(count: int, block_bytes: int, blocks: list[int]) -> list[int]:
    """The addresses of `count` blocks, each right behind the one before; none if there is no such row.

    All that it allocates goes into `blocks`: some may fill holes, which are too small for what Blender wants.
    """
    row: list[int] = []
    while len(row) < count:
        block = allocate(block_bytes)
        if not block or len(blocks) == _MOST_BLOCKS:
            return []
        blocks.append(block)
        if row and not 0 <= block - row[-1] - block_bytes <= _HEADER_BYTES:
            row.clear()
        row.append(block)
    return row
