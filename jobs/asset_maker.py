# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes results of a window's jobs to the library that they belong into, one at a time, once placed.

What there is to write follows from the jobs' rows alone, so it is written also where a worker ended before.
"""

from concurrent.futures import Future  # of the worker process, which is plain Python
from pathlib import Path
from typing import Any

from .blender_pool import BlenderPool
from .database import JobGoneError
from .leased_store import LeasedStore, log
from .library import asset_request, lacks_asset, note_asset, wanted_library
from .previews import COMING_IN, PLACING_S
from .record import JobRecord
from .result_picture import HAS_PREVIEW, PREVIEW
from .states import DONE, State
from .tasks import Tasks
from .write_request import request_to_write

_TASK = "asset"
_READ = 100  # rows that are looked at in one go
_BACK = 1000  # and so many of those that changed before this worker began


class AssetMaker:
    """`blenders` write the files, behind whatever else they have to do."""

    def __init__(self, leased: LeasedStore, tasks: Tasks, blenders: BlenderPool) -> None:
        self._leased = leased
        self._tasks = tasks
        self._blenders = blenders
        self._change = max(0, leased.store.last_change() - _BACK)
        self._waiting: dict[str, None] = {}  # ids of jobs, the oldest first
        self._failed: dict[str, Any] = {}  # what was known of the result of a job that could not be written

    def has_work(self) -> bool:
        """Whether a result is yet to be written."""
        self._look()
        return bool(self._waiting)

    def start_if_free(self) -> None:
        """Begin with the next one, if nothing comes in that somebody waits for."""
        self._look()
        if not self._waiting or _TASK in self._tasks or self._leased.list_working(COMING_IN):
            return
        job = self._next()
        library = wanted_library(job) if job else None
        if job is None or library is None:
            return
        result = self._leased.store.result_blend(job)
        self._tasks.start(
            _TASK,
            _TASK,
            lambda _: self._write(job, result, library),
            lambda future: self._written(job, future),
        )

    def _look(self) -> None:
        """See which jobs have changed."""
        store = self._leased.store
        jobs = store.changed_since(self._change, self._leased.service, _READ)
        for job in jobs:
            self._change = job.change
            is_new = job.id not in self._failed or self._failed[job.id] != job.result
            if job.session == self._leased.session and lacks_asset(job) and is_new:
                self._waiting[job.id] = None
            else:
                self._waiting.pop(job.id, None)

    def _next(self) -> JobRecord | None:
        """The first that is there and, if a window may be at placing it, has been for a while."""
        store = self._leased.store
        for job_id in list(self._waiting):
            try:
                job = store.get(job_id)
            except JobGoneError:
                del self._waiting[job_id]
                continue
            is_late = store.clock() - (job.finished_at or 0.0) > PLACING_S
            if job.state in DONE and (job.state is State.PLACED or is_late):
                return job
        return None

    def _write(self, job: JobRecord, result: Path, library: Path) -> Path:
        request = request_to_write(job, result, [], job.size_m)
        asset = request["asset"] = asset_request(job, library)
        picture = result.parent / PREVIEW  # one for both, whoever comes first
        if job.result.get(HAS_PREVIEW) is not True:
            picture.unlink(missing_ok=True)  # of an earlier result
        asset["picture"] = str(picture)
        self._blenders.run("write", request, result.parent, "writing an asset")
        return Path(str(asset["file"]))

    def _written(self, job: JobRecord, future: Future[Any]) -> None:
        """Without the lease: nothing else writes what came of it."""
        error = future.exception()
        self._waiting.pop(job.id, None)
        if error is None:
            store = self._leased.store
            has_preview = (store.job_folder(job.id) / PREVIEW).exists()
            note_asset(store, job, future.result(), has_preview=has_preview)
            return
        self._failed[job.id] = job.result
        log.warning("job %s: not written to the library: %s", job.id, error)
        now = self._leased.store.get(job.id)
        told = f"Not in the library: {error}"
        if told not in now.message:  # by an earlier worker
            self._leased.store.update(now, message=f"{now.message} {told}".strip())
