# SPDX-License-Identifier: GPL-3.0-or-later
"""How many requests the worker sends: a second, while 1 job runs and while 200 do; and for one job in all.

    python tests/bench/bench_requests.py [--seconds 60] [--jobs 200] [--lasts 20 60]

The goals: no more for 200 jobs than for 1 (long lists have several pages, and are asked for less often), and
for one job no more than a poll each 2 s makes at 20 s, 0.6 of that at 60 s. A job's requests are counted from
its submission until its result is downloaded, for the first job of a model and for those after it.
"""

import argparse
import base64
import importlib.util
import json
import sys
import tempfile
import time
import urllib.request
from collections.abc import Generator
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location(
    "maquette", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
)
assert spec is not None
sys.modules["maquette"] = importlib.util.module_from_spec(spec)


@contextmanager
def running(options: list[str]) -> Generator[tuple[Any, dict[str, str]]]:
    """A sandbox, a store and a worker: the store, and the environment that leads to the sandbox."""
    from maquette.client import Credentials
    from maquette.jobs import Store, WorkerSettings, start_sandbox, start_worker

    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        glb = folder / "made.glb"
        glb.write_bytes(b"glTF\2\0\0\0\x0c\0\0\0")  # enough to be downloaded; no Blender is there to read it
        log = stack.enter_context((folder / "log").open("wb"))
        words = [*options, "--result", str(glb)]
        sandbox = start_sandbox(folder / "sandbox", "none", words, stdout=-1, stderr=log)
        assert sandbox.stdin is not None
        assert sandbox.stdout is not None
        for close in (sandbox.stdout.close, lambda: sandbox.wait(30), sandbox.stdin.close):  # the last first
            stack.callback(close)
        ready = json.loads(sandbox.stdout.readline())
        store = stack.enter_context(closing(Store(folder / "state")))
        credentials = Credentials(ready["key"], ready["secret"])
        account = {"MAQUETTE_API_URL": ready["api"], "SCENARIO_SDK_API_KEY": ready["key"]}
        account["SCENARIO_SDK_API_SECRET"] = ready["secret"]
        settings = WorkerSettings("bench", "none", ready["api"], credentials, linger_s=60.0)
        worker = start_worker(store.folder, settings)
        stack.callback(lambda: (worker.kill(), worker.wait()))
        yield store, account


def measure(count: int, seconds: float) -> tuple[float, float]:
    """(list requests, other requests) a second while `count` jobs run and none ends."""
    from maquette.jobs import NewJob
    from maquette.jobs.states import REMOTE

    with running(["--delay", "100000", "--price", "0.01"]) as (store, account):
        for number in range(count):
            store.add(NewJob(f"job {number}", "model_meshy-txt23d", {"prompt": f"{number}"}, service="bench"))
        while len(store.list_jobs(states=REMOTE)) < count:
            time.sleep(0.2)
        time.sleep(5)
        before = requests_of(account)
        time.sleep(seconds)
        after = requests_of(account)
    new = {route: number - before.get(route, 0) for route, number in after.items()}
    lists = sum(number for route, number in new.items() if route == "GET /jobs")
    return lists / seconds, (sum(new.values()) - lists) / seconds


def measure_jobs(lasts_s: float, count: int) -> list[tuple[int, int, float]]:
    """(list requests, other requests, seconds from the service's success to the downloaded file) of `count`
    jobs, one after the other.
    """
    from maquette.jobs import NewJob, State

    found: list[tuple[int, int, float]] = []
    with running(["--delay", str(lasts_s), "--price", "0.01"]) as (store, account):
        for number in range(count):
            before = requests_of(account)
            new = NewJob(f"job {number}", "model_meshy-txt23d", {"prompt": f"{number}"}, service="bench")
            job = store.add(new)
            while job.is_working and job.state is not State.CONVERTING:
                time.sleep(0.01)
                job = store.get(job.id)
            late_s = time.time() - ended_at(account, job.remote_id)
            after = requests_of(account)
            ours = {route: each - before.get(route, 0) for route, each in after.items()}
            lists = ours.pop("GET /jobs", 0)
            found.append((lists, sum(ours.values()) - 1, late_s))  # less the one that `ended_at` has made
    return found


def ended_at(account: dict[str, str], job_id: str) -> float:
    history = ask(account, f"/v1/jobs/{job_id}")["job"]["statusHistory"]
    return datetime.fromisoformat(history[-1]["date"]).timestamp()


def ask(account: dict[str, str], path: str) -> Any:
    """`account` is the environment that leads Maquette to the sandbox."""
    pair = f"{account['SCENARIO_SDK_API_KEY']}:{account['SCENARIO_SDK_API_SECRET']}"
    request = urllib.request.Request(
        account["MAQUETTE_API_URL"].removesuffix("/v1") + path,
        headers={"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def requests_of(account: dict[str, str]) -> dict[str, int]:
    stats: dict[str, int] = ask(account, "/sandbox/stats")["requests"]
    return {route: number for route, number in stats.items() if "sandbox" not in route}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--lasts", type=float, nargs="*", default=[20.0, 60.0])
    options, _ = parser.parse_known_args()
    heads = ("a job of", "its number", "lists", "of those each 2 s", "others", "downloaded after")
    print(" ".join(f"{head:>17}" for head in heads))
    for lasts_s in options.lasts:
        for number, (lists, others, late_s) in enumerate(measure_jobs(lasts_s, 3), 1):
            ratio = f"{lists / lasts_s * 2:.2f}"
            values = (f"{lasts_s:.0f} s", number, lists, ratio, others, f"{late_s:.2f} s")
            print(" ".join(f"{value:>17}" for value in values))
    if not options.jobs:
        return
    one, many = measure(1, options.seconds), measure(options.jobs, options.seconds)
    print(f"{'running jobs':>14} {'list pages/s':>14} {'others/s':>10} {'all/s':>8}")
    for count, (lists, others) in ((1, one), (options.jobs, many)):
        print(f"{count:>14} {lists:>14.2f} {others:>10.2f} {lists + others:>8.2f}")
    print(f"ratio of all requests: {sum(many) / sum(one):.2f}")


if __name__ == "__main__":
    main()
