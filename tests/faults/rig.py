# SPDX-License-Identifier: GPL-3.0-or-later
"""The real client, store and worker against the sandbox's own server through fault proxies, on clocks that
only a test moves. A round of the worker takes a second of these clocks, and about a millisecond.
"""

import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from faults.proxy import FaultProxy
from maquette.client import Credentials, JsonValue, Scenario
from maquette.client.elapsed import Timing
from maquette.jobs import InputFile, JobRecord, NewJob, State, Store
from maquette.jobs.blender_pool import BlenderPool, ChildError
from maquette.jobs.transfers import MAX_ATTEMPTS
from maquette.jobs.worker import Worker
from maquette.sandbox.server import Sandbox
from png_files import png
from sandbox_client import GLB, HUNYUAN, build_nothing
from service import Clock

SERVICE = "test"
ANSWER = {"ok": True, "faces": 12, "objects": 1}
REMESH = "model_meshy-remesh"
SECRET = "pl4nted-s3cret-0f-the-test"
SHORT_PATIENCE_S = 0.2
USUAL_PATIENCE_S = Timing().answer_timeout_s


class Backend:
    """One service for many tests: the sandbox, and proxies before its API and its files."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.sandbox = Sandbox(folder, build_nothing, delay_s=3.0, clock=self.clock, is_ticking=False)
        self.api_proxy = FaultProxy(self.sandbox.url, self.clock)
        self.cdn_proxy = FaultProxy(self.sandbox.lifecycle.assets.base, self.clock)
        self.sandbox.lifecycle.assets.base = self.cdn_proxy.url
        self.key = Credentials(self.sandbox.api.key, self.sandbox.api.secret)

    def close(self) -> None:
        self.api_proxy.close()
        self.cdn_proxy.close()
        self.sandbox.close()


class QuickBlenders(BlenderPool):
    """Stands for the background Blenders where they are not the point: makes a result at once."""

    def __init__(self) -> None:
        super().__init__("none")

    def begin(self, command: str, request: Mapping[str, JsonValue], folder: Path, purpose: str) -> Any:
        return QuickTask(request)


class QuickTask:
    to_be_continued = False

    def __init__(self, request: Mapping[str, Any]) -> None:
        self.sources, self.target = request.get("sources", ()), Path(request["target"])

    def wait(self) -> dict[str, JsonValue]:
        for source in self.sources:
            content = Path(source["path"]).read_bytes()
            if not content.startswith(b"glTF") or len(content) < len(GLB):
                raise ChildError("This is no 3D model that can be read.", is_unreadable=True)
        self.target.write_bytes(b"BLENDER")
        return dict(ANSWER)


class Patience(threading.local):
    """How long this thread waits for its next answer, and the clocks of a rig: stands for a `Timing`."""

    def __init__(self, rig: "Rig") -> None:
        self.answer_timeout_s = USUAL_PATIENCE_S
        self.sleep, self.elapsed_s, self.now = rig.sleep, rig.monotonic, rig.machine_time


class Rig:
    """One machine before a service. Its own clock may be ahead of the service's. Where what never answers is
    not to cost the test's own time, `answer_timeout_s` is less, for the clients that are made from then on:
    for requests that a proxy spoils, and for no others, which a busy machine may be slow to answer.
    """

    def __init__(self, backend: Backend, folder: Path) -> None:
        self.folder, self.clock, self.sandbox = folder, backend.clock, backend.sandbox
        self.api_proxy, self.cdn_proxy, self.key = backend.api_proxy, backend.cdn_proxy, backend.key
        self.machine_ahead_s = 0.0
        self._children_before = set(children())  # of other tests
        self._threads_before = {thread.name for thread in threading.enumerate()}
        self._elapsed_s = 0.0
        self.clock.time += 1e6  # what others made is long past
        self._began_at = self.clock.time
        self.paid_before = len(self.sandbox.state.all("job"))
        for proxy in (self.api_proxy, self.cdn_proxy):
            proxy.seen.clear()
        self.answer_timeout_s = USUAL_PATIENCE_S
        self.max_attempts = MAX_ATTEMPTS
        self.store = Store(folder / "state", clock=self.machine_time)
        self.apis: list[Scenario] = []
        self.workers: list[Worker] = []
        self.blender = ""  # the executable, where a real child is wanted
        self.picture = folder / "horse.png"
        self.picture.write_bytes(png())

    # Time.

    def machine_time(self) -> float:
        return self.clock() + self.machine_ahead_s

    def monotonic(self) -> float:
        return self._elapsed_s

    def sleep(self, seconds: float) -> None:
        """Nobody waits: the clocks go on."""
        self.clock.time += seconds
        self._elapsed_s += seconds

    # Work.

    def api(self) -> Scenario:
        patience: Any = Patience(self)
        api = Scenario(self.api_proxy.url, self.key, timing=patience)
        transport: Any = api._transport  # noqa: SLF001  # where a request and its time limit are known
        exchange, short_s = transport._exchange, self.answer_timeout_s  # noqa: SLF001

        def exchange_patiently(adapter: Any, method: str, url: str, *given: Any, **named: Any) -> Any:
            patience.answer_timeout_s = short_s if self._is_to_spoil(method, url) else USUAL_PATIENCE_S
            return exchange(adapter, method, url, *given, **named)

        transport._exchange = exchange_patiently  # noqa: SLF001
        self.apis.append(api)
        return api

    def _is_to_spoil(self, method: str, url: str) -> bool:
        parts = urlsplit(url)
        line = f"{method} {parts.path}?{parts.query}" if parts.query else f"{method} {parts.path}"
        proxies = [each for each in (self.api_proxy, self.cdn_proxy) if each.port == parts.port]
        return any(each.is_to_spoil(line) for each in proxies)

    def worker(self, store: Store | None = None, **options: Any) -> Worker:
        worker = Worker(
            store or self.store,
            self.api(),
            service=SERVICE,
            blenders=BlenderPool(self.blender) if self.blender else QuickBlenders(),
            clock=self.monotonic,
            max_attempts=self.max_attempts,
            **options,
        )
        self.workers.append(worker)
        return worker

    def add(self, **values: Any) -> JobRecord:
        values = {"inputs": {"image": InputFile(self.picture), "targetFaceNum": 4000}, **values}
        return self.store.add(NewJob(**{"name": "horse", "model_id": HUNYUAN, "service": SERVICE, **values}))

    def run(
        self, worker: Worker | None = None, *, for_s: float = 900.0, until: Callable[[], bool] = lambda: False
    ) -> bool:
        """Rounds until nothing is left to do (True), `until`, or so long by the clock."""
        worker = worker or self.worker()
        assert worker.take_lease(), "another worker holds the lease"
        ends_at = self.monotonic() + for_s
        while self.monotonic() < ends_at and not until():
            if not worker.round():
                self.store.drop_lease(SERVICE, worker.name)
                return True
            self.sleep(1.0 if worker.tasks else 5.0)
            worker.tasks.drain()
            for build in list(self.sandbox.lifecycle.builds.values()):
                build.exception(60)
            self.sandbox.lifecycle.tick()
        return False

    def abandon(self, worker: Worker) -> None:
        """As if the worker had been killed: it is never heard of again, and its lease gets old."""
        worker.tasks.drain()
        self.sleep(100.0)

    def paid(self) -> int:
        return len(self.sandbox.state.all("job")) - self.paid_before

    def job(self) -> JobRecord:
        (job,) = self.store.list_jobs()
        return job

    def lift(self) -> None:
        self.api_proxy.lift()
        self.cdn_proxy.lift()

    def close(self) -> None:
        self.clock.time = max(self.clock.time, self._began_at)  # the backend's jobs stay in the past
        for worker in self.workers:
            worker.close()
        for api in self.apis:
            api.close()
        self.store.close()
        self.lift()

    # What is left behind.

    def leftovers(self) -> list[str]:
        """Temporary files of the store, children of this process, and the worker's threads, once closed."""
        temporary = (".part", ".json", ".tmp", "-journal")
        files = [
            str(path.relative_to(self.store.folder))
            for path in self.store.folder.rglob("*")
            if path.name.endswith(temporary) or path.name.startswith(("new-", "part-", ".converting-"))
        ]
        ours = sorted(set(children()) - self._children_before)
        return files + [f"process {pid}" for pid in ours] + self.threads()

    def threads(self) -> list[str]:
        pools = ("download", "upload", "cancel", "submit", "poll", "lookup", "convert", "ThreadPoolExecutor")
        ours = [thread.name for thread in threading.enumerate() if thread.name.startswith(pools)]
        return [name for name in ours if name not in self._threads_before]


def children() -> list[int]:
    """Children of this process that have not ended (Linux)."""
    found: list[int] = []
    for task in Path(f"/proc/{os.getpid()}/task").glob("*"):
        try:
            found += map(int, (task / "children").read_text().split())
        except OSError:  # the thread has ended, or the system has no such list
            continue
    return found


def states(store: Store) -> list[State]:
    return [job.state for job in store.list_jobs()]
