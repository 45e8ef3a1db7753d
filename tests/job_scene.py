"""A store, a service in memory and workers in the test's own thread, for tests of a job's life."""

from pathlib import Path
from typing import Any

from maquette.client import NetworkError
from maquette.jobs import InputFile, JobRecord, NewJob, State, Store
from maquette.jobs.blender_pool import BlenderPool
from maquette.jobs.worker import Worker
from service import Clock, MemoryService, fake_blender

LOST = NetworkError("The connection broke", kind="broken", may_have_arrived=True)
ANSWER = {"ok": True, "faces": 12, "objects": 1}


class Scene:
    """A store, a service and a worker that runs in the test's own thread, its clock turned by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, Clock()
        self.store = Store(folder / "state", clock=self.clock)
        self.service = MemoryService(self.clock)
        self.picture = folder / "horse.png"
        self.picture.write_bytes(b"picture")
        self.blender = fake_blender(folder, ANSWER)
        self.workers: list[Worker] = []
        self.step_s = 1.0  # how long a round takes

    def add(self, **values: Any) -> JobRecord:
        inputs = values.pop("inputs", {"image": InputFile(self.picture), "targetFaceNum": 4000})
        new = NewJob(name="horse", model_id="model_x", inputs=inputs, service="test", **values)
        return self.store.add(new)

    def worker(
        self,
        session: str = "",
        *,
        clock: Clock | None = None,
        blenders: BlenderPool | None = None,
        **options: Any,
    ) -> Worker:
        worker = Worker(
            self.store,
            self.service,
            service="test",
            session=session,
            blenders=blenders or BlenderPool(self.blender),
            clock=clock or self.clock,
            **options,
        )
        self.workers.append(worker)
        return worker

    def run(
        self, *, until: State | None = None, rounds: int = 4000, worker: Worker | None = None
    ) -> JobRecord:
        """Rounds of a worker until it has nothing to do, or its job has come to `until`."""
        worker = worker or self.worker()
        assert worker.take_lease()
        for _ in range(rounds):
            job = self.store.list_jobs()[0]
            if job.state is until:
                self.clock.time += 100  # the lease of this worker, which is never heard of again
                worker.tasks.drain()
                return job
            if not worker.round():
                self.store.drop_lease("test", worker.name)
                return self.store.list_jobs()[0]
            worker.tasks.drain()
            self.clock.time += self.step_s
        self.clock.time += 100
        raise AssertionError(f"still {self.store.list_jobs()[0].state}")
