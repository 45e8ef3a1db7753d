# SPDX-License-Identifier: GPL-3.0-or-later
"""Changing a job that another process may be changing, too: read anew and tried again, a few times."""

from collections.abc import Callable

from .record import JobRecord
from .store import LeaseLostError, StaleError, Store, StoreError

_TRIES = 5


def retry_when_stale(store: Store, job_id: str, change: Callable[[JobRecord], JobRecord]) -> JobRecord:
    """What `change` returns for the job as it is now; StaleError from it means: once more.

    Raises StoreError if the job has moved on each time, and LeaseLostError at once.
    """
    job = store.get(job_id)
    for _ in range(_TRIES):
        try:
            return change(job)
        except LeaseLostError:
            raise
        except StaleError:  # it was written to between the reading and the writing
            job = store.get(job_id)
    raise StoreError(f"{job.name} has just moved on. Try again.")
