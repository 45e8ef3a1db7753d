# SPDX-License-Identifier: GPL-3.0-or-later
"""A sandbox job's life: billed, queued, built in the background while progress rises, success or refund.

One clockwork alone changes jobs after submission; what was under way when the sandbox died is begun again.
"""

import shutil
import sys
import tempfile
import threading  # the sandbox is a process of its own, never inside Blender
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from .assets import Assets
from .builder import BuildError
from .state import Record, State, new_id

DONE = ("success", "failure", "canceled")
# Share of the delay from which a job shows a status; the end waits for the build as well.
TIMELINE = ((0.0, "queued"), (0.15, "warming-up"), (0.25, "in-progress"))
TICK_S = 0.1
BUILDS_AT_ONCE = 2
# (request, empty folder) → the result's file name there, `mimeType` and `properties`; or BuildError.
Builder = Callable[[Record, Path], Record]


class Lifecycle:
    """Takes jobs in and brings them to their end, at least `delay_s` after they were submitted."""

    def __init__(self, state: State, assets: Assets, build: Builder, delay_s: float) -> None:
        self.state = state
        self.assets = assets
        self.build = build
        self.delay_s = delay_s
        self._pool = ThreadPoolExecutor(BUILDS_AT_ONCE, thread_name_prefix="build")
        self.builds: dict[str, Future[Record]] = {}
        self._folder = state.folder / "builds"
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(exist_ok=True)
        self._stopped = threading.Event()
        for job in state.all("job"):
            if job["jobType"] == "custom" and job["status"] not in DONE:
                self._start(job)

    def run(self) -> None:
        """Tick until stopped; meant for a thread of its own."""
        while not self._stopped.wait(TICK_S):
            self.tick()

    def stop(self) -> None:
        self._stopped.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def paid_jobs(self) -> list[Record]:
        """Return the jobs that were billed, refunded ones included."""
        return [job for job in self.state.all("job") if "billing" in job]

    def spent_cu(self) -> float:
        return sum(job["billing"]["cuCost"] for job in self.paid_jobs() if job["status"] != "failure")

    def submit(self, model: Record, body: Record, request: Record, price: float) -> Record:
        job: Record = {"jobId": new_id("job"), "jobType": "custom", **self.assets.owner}
        job["metadata"] = {"assetIds": [], "input": {**body, "modelId": model["id"]}}
        job["billing"] = {"cuCost": price, "cuDiscount": 0}
        job |= {"_request": request, "_started": self.state.clock()}
        self.state.put_job(job, "queued", 0)
        self._start(job)
        return job

    def _start(self, job: Record) -> None:
        self.builds[job["jobId"]] = self._pool.submit(self._build, job)

    def _build(self, job: Record) -> Record:
        """Return the record of the asset that was built."""
        # A new folder each time: the Blender of a sandbox that was killed may still be writing to the last.
        with tempfile.TemporaryDirectory(dir=self._folder, ignore_cleanup_errors=True) as name:
            made = self.build(job["_request"], Path(name))
            input_ = job["metadata"]["input"]
            metadata: Record = {"type": job["_request"]["type"], "modelType": "custom", "outputIndex": 0}
            metadata |= {"name": made["file"], "fileName": made["file"], "parentJobId": job["jobId"]}
            metadata |= {key: str(input_[key]) for key in ("modelId", "prompt", "seed") if key in input_}
            if parent := job["_request"]["parent"]:
                metadata |= {"parentId": parent, "rootParentId": parent}
            file = Path(name, made["file"])
            return self.assets.add(file, "3d", made["mimeType"], metadata, **made["properties"])

    def tick(self) -> None:
        """Bring every unfinished job up to now."""
        for job_id, build in list(self.builds.items()):
            job = self.state.find("job", job_id)
            age = (self.state.clock() - job["_started"]) / max(self.delay_s, 1e-6)
            if age >= 1 and build.done():
                del self.builds[job_id]
                self._finish(job, build)
                continue
            status = [word for share, word in TIMELINE if max(age, 0) >= share][-1]
            progress = round(min(max(age - 0.25, 0) / 0.75, 0.9), 1)
            if (status, progress) != (job["status"], job["progress"]):
                self.state.put_job(job, status, progress)

    def _finish(self, job: Record, build: Future[Record]) -> None:
        error = build.exception()
        if error is None:
            job["metadata"]["assetIds"] = [build.result()["id"]]
            self.state.put_job(job, "finalizing", 0.95)
            self.state.put_job(job, "success", 1)
            return
        if not isinstance(error, BuildError):  # whatever the builder stumbled over, the job has to end
            print(f"A build broke: {type(error).__name__}: {error}", file=sys.stderr)
            error = BuildError("The sandbox could not build this", str(error)[:500])
        job["metadata"] |= {"error": str(error), "hint": error.hint}
        self.state.put_job(job, "failure", job["progress"])
