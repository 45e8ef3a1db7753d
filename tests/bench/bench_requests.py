# SPDX-License-Identifier: GPL-3.0-or-later
"""How many requests a second the worker sends while jobs run: 1 job beside 200, on one sandbox each.

    python tests/bench/bench_requests.py [--seconds 60] [--jobs 200]

The goal: no more for 200 than for 1. Long lists have several pages, and are asked for less often.
"""

import argparse
import base64
import importlib.util
import json
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location(
    "maquette", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
)
assert spec is not None
sys.modules["maquette"] = importlib.util.module_from_spec(spec)


def measure(count: int, seconds: float) -> tuple[float, float]:
    """(list requests, other requests) a second while `count` jobs run and none ends."""
    from maquette.client import Credentials
    from maquette.jobs import NewJob, Store, WorkerSettings, start_sandbox, start_worker
    from maquette.jobs.states import REMOTE

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options = ["--delay", "100000", "--price", "0.01"]
        with (folder / "log").open("wb") as log:
            sandbox = start_sandbox(folder / "sandbox", "none", options, stdout=-1, stderr=log)
        assert sandbox.stdin is not None
        assert sandbox.stdout is not None
        ready = json.loads(sandbox.stdout.readline())
        store = Store(folder / "state")
        for number in range(count):
            store.add(NewJob(f"job {number}", "model_meshy-txt23d", {"prompt": f"{number}"}, service="bench"))
        credentials = Credentials(ready["key"], ready["secret"])
        account = {"MAQUETTE_API_URL": ready["api"], "SCENARIO_SDK_API_KEY": ready["key"]}
        account["SCENARIO_SDK_API_SECRET"] = ready["secret"]
        settings = WorkerSettings("bench", "none", ready["api"], credentials)
        worker = start_worker(store.folder, settings)
        while len(store.list_jobs(states=REMOTE)) < count:
            assert worker.poll() is None
            time.sleep(0.2)
        time.sleep(5)
        before = requests_of(account)
        time.sleep(seconds)
        after = requests_of(account)
        worker.kill()
        worker.wait()
        store.close()
        sandbox.stdin.close()
        sandbox.wait(30)
        sandbox.stdout.close()
    new = {route: number - before.get(route, 0) for route, number in after.items()}
    lists = sum(number for route, number in new.items() if route == "GET /jobs")
    return lists / seconds, (sum(new.values()) - lists) / seconds


def requests_of(account: dict[str, str]) -> dict[str, int]:
    """`account` is the environment that leads Maquette to the sandbox."""
    pair = f"{account['SCENARIO_SDK_API_KEY']}:{account['SCENARIO_SDK_API_SECRET']}"
    url = account["MAQUETTE_API_URL"].removesuffix("/v1") + "/sandbox/stats"
    request = urllib.request.Request(
        url, headers={"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    )
    with urllib.request.urlopen(request) as answer:
        stats: dict[str, Any] = json.load(answer)
    return {route: number for route, number in stats["requests"].items() if "sandbox" not in route}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--jobs", type=int, default=200)
    options, _ = parser.parse_known_args()
    one, many = measure(1, options.seconds), measure(options.jobs, options.seconds)
    print(f"{'running jobs':>14} {'list pages/s':>14} {'others/s':>10} {'all/s':>8}")
    for count, (lists, others) in ((1, one), (options.jobs, many)):
        print(f"{count:>14} {lists:>14.2f} {others:>10.2f} {lists + others:>8.2f}")
    print(f"ratio of all requests: {sum(many) / sum(one):.2f}")


if __name__ == "__main__":
    main()
