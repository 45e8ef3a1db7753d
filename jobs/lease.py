# SPDX-License-Identifier: GPL-3.0-or-later
"""What a thread of the worker's asks of the store right before it spends, through a connection of its own."""

import contextlib
import sqlite3  # in the worker's process, which is plain Python
from pathlib import Path

from .database import DATABASE
from .states import State


def may_send(folder: Path, job_id: str, owner: str) -> bool:
    """Whether the worker `owner` may send the request that the job is to be submitted by, now: the lease is
    its own, and nobody has moved the job on or canceled it. Raises sqlite3.Error.
    """
    address = f"{(folder / DATABASE).absolute().as_uri()}?mode=ro"
    with contextlib.closing(sqlite3.connect(address, uri=True)) as database:
        row = database.execute(
            "SELECT 1 FROM jobs JOIN lease USING (service, session)"
            " WHERE id = ? AND state = ? AND cancel = '' AND owner = ?",
            (job_id, State.SUBMITTING, owner),
        ).fetchone()
    return row is not None
