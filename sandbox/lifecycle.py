# SPDX-License-Identifier: GPL-3.0-or-later
"""A sandbox job's life: billed, queued, built in the background while progress rises, success or refund.

One clockwork alone changes jobs after submission; what was under way when the sandbox died is begun again.
"""

import shutil
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from .assets import Assets
from .state import Record, State, iso, new_id

DONE = ("success", "failure", "canceled")
# Share of the delay from which a job shows a status; the last two wait for the build as well.
TIMELINE = ((0.0, "queued"), (0.15, "warming-up"), (0.25, "in-progress"), (1.0, "finalizing"))
TICK_S = 0.1
BUILDS_AT_ONCE = 2
Builder = Callable[[Record, Path], Record]  # (request, empty folder) -> {"files": [...], "thumbnail"?: name}


class BuildError(Exception):
    """The builder could make nothing of the inputs: a reason, and a hint for the user."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.hint = hint


class Lifecycle:
    """Takes jobs in and brings them to their end, at least `delay_s` after they were submitted."""

    def __init__(self, state: State, assets: Assets, build: Builder, delay_s: float) -> None:
        self.state = state
        self.assets = assets
        self.build = build
        self.delay_s = delay_s
        self._pool = ThreadPoolExecutor(BUILDS_AT_ONCE, thread_name_prefix="build")
        self.builds: dict[str, Future[Record]] = {}
        self._folders: dict[str, Path] = {}
        self._stopped = threading.Event()
        shutil.rmtree(state.folder / "builds", ignore_errors=True)
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

    def spent_cu(self) -> float:
        return sum(
            j["billing"]["cuCost"] for j in self.state.all("job") if "billing" in j and "_refunded" not in j
        )

    def paid_jobs(self) -> int:
        """Return how many submissions were billed, refunded ones included."""
        return sum("billing" in job for job in self.state.all("job"))

    def submit(self, model: Record, body: Record, request: Record, price: float) -> Record:
        job_id = new_id("job")
        job: Record = {"jobId": job_id, "jobType": "custom", "status": "queued", "progress": 0}
        job |= {"statusHistory": [{"status": "queued", "date": iso(self.state.clock())}]}
        job |= {"metadata": {"assetIds": [], "input": {**body, "modelId": model["id"]}}}
        job |= {
            "billing": {"cuCost": price, "cuDiscount": 0},
            "authorId": "sandbox",
            "ownerId": self.assets.project_id,
        }
        job |= {
            "_request": request,
            "_started": self.state.clock(),
            "_capability": _capability(model, request),
        }
        parents = [spec["name"] for spec in model["inputs"] if spec.get("parent")]
        given = next((body[name] for name in parents if name in body), None)
        job["_parent"] = given[0] if isinstance(given, list) else given
        self.state.put("job", job_id, job)
        self._start(job)
        return job

    def _start(self, job: Record) -> None:
        job_id = str(job["jobId"])
        builds = self.state.folder / "builds"
        builds.mkdir(exist_ok=True)
        # A new folder each time: the Blender of a sandbox that was killed may still be writing to the last.
        self._folders[job_id] = Path(tempfile.mkdtemp(prefix=f"{job_id}-", dir=builds))
        self.builds[job_id] = self._pool.submit(self.build, job["_request"], self._folders[job_id])

    def tick(self) -> None:
        """Bring every unfinished job up to now."""
        for job_id, build in list(self.builds.items()):
            job = self.state.get("job", job_id)
            assert job is not None
            age = (self.state.clock() - float(job["_started"])) / max(self.delay_s, 1e-6)
            status = [word for share, word in TIMELINE if age >= share][-1] if age >= 0 else "queued"
            if status == "finalizing" and build.done():
                del self.builds[job_id]
                self._finish(job, build)
                continue
            progress = round(min(max(age - 0.25, 0) / 0.75, 0.9), 1)
            status = "in-progress" if status == "finalizing" else status
            if (status, progress) != (job["status"], job["progress"]):
                self._update(job, status, progress)

    def _update(self, job: Record, status: str, progress: float) -> None:
        if status != job["status"]:
            job["statusHistory"] = [
                *job["statusHistory"],
                {"status": status, "date": iso(self.state.clock())},
            ]
        job |= {"status": status, "progress": progress}
        self.state.put("job", str(job["jobId"]), job)

    def _finish(self, job: Record, build: Future[Record]) -> None:
        metadata: Record = job["metadata"]
        try:
            metadata["assetIds"] = self._collect(job, build.result())
        except BuildError as error:
            metadata |= {
                "error": str(error),
                "hint": error.hint or "Try another input. The price was refunded.",
            }
            job["_refunded"] = True
            self._update(job, "failure", float(str(job["progress"])))
        except Exception as error:  # whatever the builder stumbled over, the job has to end
            print(f"A build broke: {type(error).__name__}: {error}", file=sys.stderr)
            metadata |= {"error": "The sandbox could not build this", "hint": str(error)[:500]}
            job["_refunded"] = True
            self._update(job, "failure", float(str(job["progress"])))
        else:
            self._update(job, "finalizing", 0.95)
            self._update(job, "success", 1)
        shutil.rmtree(self._folders.pop(str(job["jobId"])), ignore_errors=True)

    def _collect(self, job: Record, result: Record) -> list[object]:
        """Make assets of the built files, the first one with the job's input as its parent."""
        folder = self._folders[str(job["jobId"])]
        ids: list[object] = []
        for index, entry in enumerate(result["files"]):
            name, mime, original = entry.pop("file"), entry.pop("mimeType"), entry.pop("original", None)
            input_ = job["metadata"]["input"]
            metadata: Record = {"type": job["_capability"], "name": name, "parentJobId": job["jobId"]}
            metadata |= {
                "modelId": input_["modelId"],
                "modelType": "custom",
                "outputIndex": index,
                "fileName": name,
            }
            metadata |= {key: str(input_[key]) for key in ("prompt", "seed") if key in input_}
            if parent := ids[0] if ids else job["_parent"]:
                metadata |= {"parentId": parent, "rootParentId": job["_parent"] or parent}
            thumbnail = result.get("thumbnail")
            more: Record = {"thumbnail": folder / str(thumbnail)} if thumbnail else {}
            if original:
                more["original"] = (folder / original["file"], original["mimeType"])
            asset = self.assets.add(folder / name, "3d", mime, metadata, entry, outputIndex=index, **more)
            ids.append(asset["id"])
        return ids


def _capability(model: Record, request: Record) -> str:
    """Return the `metadata.type` of the results: what was turned into what."""
    if request["splat"] and request["images"]:
        return "img2splat"
    first = "3d23d" if request["meshes"] else "img23d" if request["images"] else "txt23d"
    offered: list[str] = model["capabilities"]
    return first if first in offered else offered[0]
