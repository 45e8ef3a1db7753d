# SPDX-License-Identifier: GPL-3.0-or-later
"""Only one at a time makes a result in a job's folder, whichever process or thread it is.

The operating system's own lock on a file keeps it, so it ends with a process that is killed.
"""

import contextlib
import time
from collections.abc import Generator
from pathlib import Path

from ..client import try_lock
from .blender_pool import TIMEOUT_S, ChildError

_FILE = ".at-work"
_LOOK_S = 0.1


@contextlib.contextmanager
def at_work(folder: Path, *, timeout_s: float = TIMEOUT_S) -> Generator[None]:
    """Hold the folder's lock; whatever unfinished files lie in it were left by a dead process.

    Raises ChildError if that takes as long as a background Blender may. Where a file system has no locks,
    nothing is waited for.
    """
    end = time.monotonic() + timeout_s
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _FILE).open("ab") as stream:
        while not try_lock(stream):
            if time.monotonic() > end:
                text = "Another process is still at work on this result. Do the same once it is done."
                raise ChildError(text)
            time.sleep(_LOOK_S)
        yield
