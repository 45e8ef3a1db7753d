# SPDX-License-Identifier: GPL-3.0-or-later
"""A window's backend, and a worker on the same store that is run by hand."""

import io
import json
from pathlib import Path
from typing import Any

from maquette.client import Model
from maquette.jobs import Backend, JobRecord, NewJob, Store
from maquette.jobs.blender_pool import BlenderPool
from maquette.jobs.lookup_runner import PAUSE_S
from maquette.jobs.worker import Worker
from service import Clock, MemoryService

ROOT = Path(__file__).parents[1]
MODELS = {
    entry["id"]: Model.from_json(entry)
    for entry in json.loads((ROOT / "sandbox" / "models3d.json").read_text(encoding="utf-8"))
}
HUNYUAN = "model_hunyuan-3d-v2-1"


class Process:
    """Stands for a worker process that lives."""

    stdin = io.BytesIO()
    returncode: int | None = None

    def poll(self) -> None:
        return None


class BackendScene:
    """`other` is the store as another process has it."""

    def __init__(self, folder: Path, *, is_signed_in: bool = True) -> None:
        self.clock = Clock()
        self.service = MemoryService(self.clock)
        self.service.models = dict(MODELS)
        self.other = Store(folder, clock=self.clock)
        self.starts = 0
        self.folder, self.is_signed_in = folder, is_signed_in
        self.backend = self.open()

    def open(self) -> Backend:
        return Backend(self.folder, "s", self._start if self.is_signed_in else None, clock=self.clock)

    def _start(self) -> Any:
        self.starts += 1
        return Process()

    def add(self, count: int = 1) -> list[JobRecord]:
        jobs: list[JobRecord] = []
        for _ in range(count):
            jobs.append(self.other.add(NewJob(name="n", model_id="m", inputs={}, service="s")))
            self.clock.time += 0.001
        return jobs

    def work(self, rounds: int = 4) -> None:
        """Some rounds of a worker; after each, all that it began has ended, and there is a tick."""
        worker = Worker(self.other, self.service, service="s", blenders=BlenderPool("none"), clock=self.clock)
        assert worker.take_lease()
        for _ in range(rounds):
            worker.round()
            worker.tasks.drain()
            self.clock.time += PAUSE_S
            self.backend.tick()
        self.other.drop_lease("s", worker.name)
        worker.close()

    def schemas(self) -> int:
        """Of how many models the inputs are known."""
        return sum(self.backend.catalogue.schema(model) is not None for model in MODELS)

    def settle(self) -> None:
        """Ticks until nothing more is read."""
        revision = -1
        while revision != self.backend.revision:
            revision = self.backend.revision
            self.backend.tick()
