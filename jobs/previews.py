# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders pictures of results for the list of jobs, where the service brought none.

The window asks for it by a lookup, once a row without one is seen. The worker makes one at a time, in a
background Blender of its own and while no result is on its way in: nothing ever waits for a picture.
"""

import math
import os
import time
from collections.abc import Callable
from concurrent.futures import Future  # of the worker process, which is plain Python
from pathlib import Path
from typing import Any

from .blender_pool import BlenderPool, ChildError
from .database import JobGoneError
from .leased_store import LeasedStore, log
from .lookups import Lookup
from .record import JobRecord
from .result_picture import HAS_PREVIEW, PREVIEW, lacks_picture
from .states import DONE, State
from .tasks import Tasks
from .transfers import StoppedError, TransferProgress
from .write_request import request_to_write

TIMEOUT_S = 120.0  # a result that takes longer has no picture
_LOOK_S = 0.05
_TASK = "preview"
PLACING_S = 30.0  # for so long the window has a new result to itself
COMING_IN = (State.DOWNLOADING, State.CONVERTING)


class PreviewMaker:
    """Renders what lookups ask for, in Blenders like those of `blenders`; given up once `is_stopping`."""

    def __init__(
        self, leased: LeasedStore, tasks: Tasks, blenders: BlenderPool, is_stopping: Callable[[], bool]
    ) -> None:
        self._leased = leased
        self._tasks = tasks
        self._blenders = blenders.another(timeout_s=TIMEOUT_S)
        self._is_stopping = is_stopping
        self._free_at = -math.inf  # of the store's clock

    def start_if_free(self) -> None:
        """Begin the picture that was asked for last, if nothing that somebody waits for is at hand.

        One that is under way is given up for a result that comes in, and made another time.
        """
        lookup = self._leased.store.lookups.next_preview(self._leased.service)
        if lookup is None:
            return
        if self._leased.list_working(COMING_IN):
            self._free_at = self._leased.clock() + PLACING_S
            self._tasks.abort(_TASK)
        if _TASK in self._tasks or self._leased.clock() < self._free_at:
            return
        job = self._job_or_none(lookup.key)
        if job is None:
            self._answer(lookup)
            return
        result = self._leased.store.result_blend(job)
        self._tasks.start(
            _TASK,
            _TASK,
            lambda progress: self._render(job, result, progress),
            lambda future: self._rendered(lookup, job, future),
        )

    def tidy(self) -> None:
        """End the Blender if it has been idle for long."""
        self._blenders.tidy()

    def end(self) -> None:
        """End the Blender."""
        self._blenders.end()

    def _job_or_none(self, job_id: str) -> JobRecord | None:
        """The job, unless it was removed, has a picture by now, or its files are gone."""
        store = self._leased.store
        try:
            job = store.get(job_id)
        except JobGoneError:
            return None
        return job if lacks_picture(job) and store.result_blend(job).is_file() else None

    def _render(self, job: JobRecord, result: Path, progress: TransferProgress) -> bool:
        """Whether the picture could be made. Raises ChildError if no Blender can be started."""
        folder = result.parent
        request = request_to_write(job, result, [folder / PREVIEW], None)
        request["threads"] = max(1, (os.cpu_count() or 2) // 2)  # the rest is the artist's
        task = self._blenders.begin("write", request, folder, "making a picture of the result")
        try:
            while task.poll() is None:
                if progress.is_stopped or self._is_stopping():
                    task.abandon()
                    raise StoppedError
                time.sleep(_LOOK_S)
        except ChildError as error:
            log.info("job %s: no picture: %s", job.id, error)
            return False
        return True

    def _rendered(self, lookup: Lookup, job: JobRecord, future: Future[Any]) -> None:
        """Without the lease: it may be any session's job, and nothing else writes what came of it."""
        store, error = self._leased.store, future.exception()
        if error is not None:
            log.info("job %s: no picture for now: %s", job.id, error)
        self._answer(lookup)
        now = store.get(job.id)
        if error is None and now.state in DONE and now.result == job.result:  # else it came anew meanwhile
            store.update(now, result={**now.result, HAS_PREVIEW: future.result()})

    def _answer(self, lookup: Lookup) -> None:
        """What came of it stands in the job's row."""
        self._leased.store.lookups.answer(self._leased.service, lookup, None)
