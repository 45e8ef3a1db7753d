# SPDX-License-Identifier: GPL-3.0-or-later
"""Bounds the memory of this process while it reads a stranger's file: a bomb ends the child, not the machine.

Linux counts what may be written to (RLIMIT_DATA), Windows what a job object's process has committed. macOS
keeps to no such limit, so there it is not bounded.
"""

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator

MAX_BYTES = 8 << 30
MIN_BYTES = 1 << 30


@contextlib.contextmanager
def bounded(limit_bytes: int = 0) -> Iterator[None]:
    """Limits further memory to `limit_bytes`; 0: half of the machine's, at most MAX_BYTES."""
    if sys.platform == "win32":
        _bound_for_good(limit_bytes or MAX_BYTES)
        yield
        return
    if not sys.platform.startswith("linux"):
        yield
        return
    import resource

    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    more = limit_bytes or min(MAX_BYTES, max(MIN_BYTES, pages // 2))
    before = resource.getrlimit(resource.RLIMIT_DATA)
    soft = _used_bytes() + more
    if before[1] != resource.RLIM_INFINITY:
        soft = min(soft, before[1])
    resource.setrlimit(resource.RLIMIT_DATA, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def _used_bytes() -> int:
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        found = [line.split()[1] for line in file if line.startswith("VmData:")]
    return int(found[0]) << 10 if found else 0


def _bound_for_good(limit_bytes: int) -> None:
    """Puts this process into a job object of its own; one in a job that allows none goes on without."""
    if sys.platform != "win32":
        return
    from ctypes import wintypes

    class Limits(ctypes.Structure):  # JOBOBJECT_EXTENDED_LIMIT_INFORMATION
        _fields_ = (
            ("times", ctypes.c_int64 * 2),
            ("flags", wintypes.DWORD),
            ("working_set", ctypes.c_size_t * 2),
            ("processes", wintypes.DWORD),
            ("affinity", ctypes.c_size_t),
            ("classes", wintypes.DWORD * 2),
            ("counters", ctypes.c_uint64 * 6),
            ("process_memory", ctypes.c_size_t),
            ("job_memory", ctypes.c_size_t),
            ("peaks", ctypes.c_size_t * 2),
        )

    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel.CreateJobObjectW.restype = wintypes.HANDLE
    kernel.CreateJobObjectW.argtypes = (ctypes.c_void_p, wintypes.LPCWSTR)
    kernel.SetInformationJobObject.argtypes = (wintypes.HANDLE, ctypes.c_int, ctypes.c_void_p, wintypes.DWORD)
    kernel.AssignProcessToJobObject.argtypes = (wintypes.HANDLE, wintypes.HANDLE)
    kernel.GetCurrentProcess.restype = wintypes.HANDLE
    limits = Limits()
    limits.flags = 0x100  # JOB_OBJECT_LIMIT_PROCESS_MEMORY
    limits.process_memory = limit_bytes
    job = kernel.CreateJobObjectW(None, None)
    if job and kernel.SetInformationJobObject(job, 9, ctypes.byref(limits), ctypes.sizeof(limits)):
        kernel.AssignProcessToJobObject(job, kernel.GetCurrentProcess())
