# SPDX-License-Identifier: GPL-3.0-or-later
"""The operating system's lock on an open file: it ends with the handle, and with a process that is killed."""

import sys
from typing import IO, Any

if sys.platform == "win32":
    import msvcrt

    def _lock(stream: IO[Any]) -> None:
        stream.seek(0)  # what is locked is the byte there
        msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(stream: IO[Any]) -> None:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


def try_lock(stream: IO[Any]) -> bool:
    """False while another handle has the lock, be it of this process. True where a file system has none."""
    try:
        _lock(stream)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return True
    return True
