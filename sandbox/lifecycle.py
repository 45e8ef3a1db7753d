# SPDX-License-Identifier: GPL-3.0-or-later
"""A sandbox job's life: billed, queued, built in the background while progress rises, success or refund.

Of the sandboxes on one folder, one alone changes jobs after submission. Where it ends, another follows it and
begins again what was under way.
"""

import shutil
import sqlite3
import sys
import tempfile
import threading  # the sandbox is a process of its own, never inside Blender
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from .assets import Assets
from .builder import BuildError
from .state import Record, iso, new_id

# Share of the delay from which a job shows a status; the end waits for the build as well.
TIMELINE = ((0.0, "queued"), (0.15, "warming-up"), (0.25, "in-progress"))
TICK_S = 0.1
BUILDS_AT_ONCE = 2
# (request, empty folder) → the result's file name there, `mimeType`, `properties`, and its `kind` where that
# is not 3d; or BuildError.
Builder = Callable[[Record, Path], Record]


class Lifecycle:
    """Takes jobs in and brings them to their end, at least `delay_s` after they were submitted."""

    def __init__(self, assets: Assets, build: Builder, delay_s: float) -> None:
        self.state = assets.state
        self.assets = assets
        self.build = build
        self.delay_s = delay_s
        self.builds: dict[str, Future[Record]] = {}
        self._pool = ThreadPoolExecutor(BUILDS_AT_ONCE, "sandbox-build")
        self._stopped = threading.Event()
        self._folder = self.state.folder / "builds"
        # Whoever holds this file's lock is the one; the system frees it when a process ends, however it ends.
        lock = self.state.folder / "lifecycle.db"
        self._lock = sqlite3.connect(lock, timeout=0, isolation_level=None, check_same_thread=False)
        self._is_leading = False
        with self.state.lock:
            self._take_up_jobs()

    def run(self) -> None:
        """Tick until stopped; meant for a thread of its own."""
        while not self._stopped.wait(TICK_S):
            self.tick()

    def stop(self) -> None:
        with self.state.lock:
            self._stopped.set()
            self._lock.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _take_up_jobs(self) -> bool:
        """Start the jobs that other sandboxes left here or were sent; False where another one does."""
        is_new = not self._is_leading
        if is_new:
            try:
                self._lock.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError:  # locked
                return False
            self._is_leading = True
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder.mkdir(exist_ok=True)
        if self.state.was_written_by_another() or is_new:
            for job in self.state.all("job"):
                if job["status"] not in ("success", "failure") and job["jobId"] not in self.builds:
                    self._start(job)
        return True

    def spent_cu(self) -> float:
        """Return what jobs cost, but those that failed: they are refunded."""
        return sum(job["billing"]["cuCost"] for job in self.state.all("job") if job["status"] != "failure")

    def new_job(self, model: Record, body: Record, price: float) -> Record:
        """The record of a job that is not begun."""
        now = iso(self.state.clock())
        job: Record = {"jobId": new_id("job"), "jobType": "custom", **self.assets.owner}
        job |= {"billing": {"cuCost": price, "cuDiscount": 0}, "status": "queued", "progress": 0}
        job |= {"statusHistory": [{"status": "queued", "date": now}], "createdAt": now, "updatedAt": now}
        return job | {"metadata": {"assetIds": [], "input": {**body, "modelId": model["id"]}}}

    def submit(self, model: Record, body: Record, request: Record, price: float) -> Record:
        job = self.new_job(model, body, price)
        job |= {"_request": request, "_started": self.state.clock()}
        with self.state.lock:
            self.state.put("job", job["jobId"], job)
            if self._is_leading:
                self._start(job)
        return job

    def _start(self, job: Record) -> None:
        self.builds[job["jobId"]] = self._pool.submit(self._build, job)

    def _build(self, job: Record) -> Record:
        """Return the record of the asset that was built."""
        # A new folder each time: the Blender of a sandbox that was killed may still be writing to the last.
        with tempfile.TemporaryDirectory(dir=self._folder, ignore_cleanup_errors=True) as name:
            made = self.build(job["_request"], Path(name))
            metadata = {"type": job["_request"]["type"], "name": made["file"], "fileName": made["file"]}
            metadata |= {"parentJobId": job["jobId"], "modelId": job["metadata"]["input"]["modelId"]}
            metadata |= {"outputIndex": 0, "parentId": job["_request"]["parent"]}
            file = Path(name, made["file"])
            kind = made.get("kind", "3d")
            return self.assets.add(file, kind, made["mimeType"], metadata, **made["properties"])

    def tick(self) -> None:
        """Bring every unfinished job up to now."""
        with self.state.lock:
            if not self._stopped.is_set() and self._take_up_jobs():
                self._advance()

    def _advance(self) -> None:
        for job_id, build in list(self.builds.items()):
            job = self.state.find("job", job_id)
            age = (self.state.clock() - job["_started"]) / max(self.delay_s, 1e-6)
            status = [word for share, word in TIMELINE if max(age, 0) >= share][-1]
            progress = round(min(max(age - 0.25, 0) / 0.75, 0.9), 1)
            if age >= 1 and build.done():
                del self.builds[job_id]
                status, progress = self._end(job, build.exception(), build)
            if status != job["status"]:
                job.setdefault("statusHistory", []).append(
                    {"status": status, "date": iso(self.state.clock())}
                )
            if (status, progress) != (job["status"], job["progress"]):
                self.state.put("job", job_id, job | {"status": status, "progress": progress})

    def _end(self, job: Record, error: BaseException | None, build: Future[Record]) -> tuple[str, float]:
        if error is None:
            job["metadata"]["assetIds"] = [build.result()["id"]]
            return "success", 1
        if not isinstance(error, BuildError):  # whatever the builder stumbled over, the job has to end
            print(f"A build broke: {type(error).__name__}: {error}", file=sys.stderr)
            error = BuildError("The sandbox could not build this", str(error)[:500])
        job["metadata"] |= {"error": str(error), "hint": error.hint}
        return "failure", job["progress"]
