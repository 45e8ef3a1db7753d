# SPDX-License-Identifier: GPL-3.0-or-later
"""From the service's success to the model, beside a script that polls every 2 s and imports directly. Linux.

    python tests/bench/bench_latency.py BLENDER [--full]

The sandbox delivers made-up models, and takes real time for it. Each case runs several times, Maquette and
`reference_script.py` each with a sandbox of its own, one end after the other: runs of different cases
overlap only while the service works. Every run takes somewhat less or more time than the last, and the
script's questions come at phases that are spread evenly over its 2 s. A case's first run is the first of its
model in its store, the others follow it there.

*Ready* means converted, and waiting to be appended. All times are from the service's success. *Found* is when
it was seen, *came* is the download.
"""

import argparse
import base64
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from bench_convert import write_glb
from bench_requests import requests_of  # makes the repository importable as `maquette`

MODEL = "model_meshy-txt23d"
SCRIPT = Path(__file__).with_name("reference_script.py")
FILES = {1: (40_000, 64), 20: (500_000, 2048), 70: (1_700_000, 4096)}  # MB: faces, pixels of the texture
COLUMNS = (
    *("service takes", "file", "jobs", "ready, first run, s", "ready, later runs: median (worst), s"),
    *("found + came + converted, s", "script: imported, median (worst), s", "ratio"),
    *("requests", "script's", "ratio", "script holds Blender, ms"),
)
READY_GOAL = {1: 0.6, 20: 1.0, 70: 1.0}  # times the script's
SPREAD_GOAL = 1.5  # times the median
BEFORE_S, SPREAD = 4.0, (1.0, 1.08, 0.95, 1.03, 0.9)


def request_goal(seconds: int) -> float:
    return 0.6 if seconds >= 60 else 1.0


@dataclass
class Case:
    seconds: int
    mb: int
    jobs: int
    runs: int
    ready_s: list[float] = field(default_factory=list[float])
    first_ready_s: list[float] = field(default_factory=list[float])
    steps_s: list[tuple[float, float, float]] = field(default_factory=list[tuple[float, float, float]])
    imported_s: list[float] = field(default_factory=list[float])
    held_s: list[float] = field(default_factory=list[float])
    requests: list[int] = field(default_factory=list[int])
    script_requests: list[int] = field(default_factory=list[int])
    waiting_mb: list[float] = field(default_factory=list[float])

    @property
    def work_s(self) -> float:
        """How long the machine may be at work for one side after the service's end, about."""
        return 3.0 + 0.25 * self.mb + 0.04 * self.mb * self.jobs + 0.4 * self.jobs


USUAL = (*((180, 1, 1, 2), (60, 1, 1, 3), (60, 1, 20, 2)), *((20, 1, 1, 5), (20, 20, 1, 3), (20, 70, 1, 3)))
FULL = [
    (seconds, mb, jobs, 20 if (seconds, mb, jobs) == (20, 1, 1) else 3)
    for jobs in (1, 20)
    for seconds in (180, 60, 20)
    for mb in (70, 20, 1)
]


@dataclass
class Run:
    case: Case
    number: int
    starts_at: float = 0.0

    @property
    def delay_s(self) -> float:
        return self.case.seconds * SPREAD[self.number % len(SPREAD)]

    @property
    def later_s(self) -> float:
        """How much later the script begins, so that the one's end is over before the other's."""
        return self.case.work_s + BEFORE_S

    @property
    def phase_s(self) -> float:
        """So that a job is over at points that are spread evenly between two of the script's questions."""
        return (self.delay_s + 2.0 * (self.number + 0.5) / self.case.runs) % 2.0

    def busy(self) -> list[tuple[float, float]]:
        ends = (self.starts_at + self.delay_s, self.starts_at + self.later_s + self.delay_s)
        return [(end - BEFORE_S, end + self.case.work_s) for end in ends]


def plan(cases: list[Case]) -> list[list[Run]]:
    """Each case's runs one after the other, begun as soon as their ends meet no other run's."""
    taken: list[tuple[float, float]] = []
    lanes: list[list[Run]] = []
    for case in cases:
        free_at, lane = 0.0, list[Run]()
        for number in range(case.runs):
            run = Run(case, number, free_at)
            while any(one[0] < two[1] and two[0] < one[1] for one in run.busy() for two in taken):
                run.starts_at += 0.5
            taken += run.busy()
            free_at = run.busy()[1][1] + 2.0
            lane.append(run)
        lanes.append(lane)
    return lanes


@contextmanager
def running_sandbox(folder: Path, model: Path, delay_s: float) -> Iterator[tuple[str, Any]]:
    from maquette.jobs import start_sandbox, stop_sandbox

    folder.mkdir(parents=True)
    options = ["--delay", str(delay_s), "--price", "0.01", "--result", str(model)]
    with (folder / "log").open("wb") as log:
        process = start_sandbox(folder / "data", "none", options, stdout=subprocess.PIPE, stderr=log)
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        yield ready["api"], ready
    finally:
        stop_sandbox(process)


def measure_ours(blender: str, run: Run, model: Path, folder: Path) -> None:
    """One run by the worker, as a window or a command has it work."""
    from maquette.client import Credentials
    from maquette.jobs import NewJob, State, Store, WorkerSettings, let_go, start_worker

    case, place = run.case, folder / f"ours-{run.number}"
    store = Store(folder / "state")
    with running_sandbox(place, model, run.delay_s) as (api, ready):
        credentials = Credentials(ready["key"], ready["secret"])
        account = {"MAQUETTE_API_URL": api, "SCENARIO_SDK_API_KEY": ready["key"]}
        account["SCENARIO_SDK_API_SECRET"] = ready["secret"]
        ids = [
            store.add(NewJob(f"job {number}", MODEL, {"prompt": f"{number}"}, service="bench")).id
            for number in range(case.jobs)
        ]
        converters = min(case.jobs, os.cpu_count() or 1)
        worker = start_worker(
            store.folder, WorkerSettings("bench", blender, api, credentials, converters=converters)
        )
        seen: dict[tuple[str, State], float] = {}
        waiting_mb, sampled_at = 0.0, time.time() + run.delay_s - 2.0
        open_jobs = list(ids)
        while open_jobs:
            assert worker.poll() is None, (store.folder / "worker.log").read_text()[-2000:]
            for job in [store.get(job_id) for job_id in open_jobs]:
                seen.setdefault((job.id, job.state), time.time())
                if job.state is State.READY:
                    open_jobs.remove(job.id)
                assert job.state is not State.FAILED, job.message
            if not waiting_mb and time.time() > sampled_at:
                waiting_mb = own_memory_mb(worker.pid)
            time.sleep(0.01)
        requests = sum(requests_of(account).values())
        for job in [store.get(job_id) for job_id in ids]:
            success = success_at(ready, job.remote_id or "")
            assert job.finished_at is not None
            (case.ready_s if run.number else case.first_ready_s).append(job.finished_at - success)
            found_at = seen.get((job.id, State.DOWNLOADING), job.finished_at)
            came_at = seen.get((job.id, State.CONVERTING), job.finished_at)
            case.steps_s.append((found_at - success, came_at - found_at, job.finished_at - came_at))
        let_go(worker)
    store.close()
    case.requests.append(requests)
    if waiting_mb:
        case.waiting_mb.append(waiting_mb)


def success_at(sandbox: Any, remote_id: str) -> float:
    """When the service was done, as its own history of the job has it."""
    token = base64.b64encode(f"{sandbox['key']}:{sandbox['secret']}".encode()).decode()
    url = f"{sandbox['api']}/jobs/{remote_id}"
    request = urllib.request.Request(url, headers={"Authorization": f"Basic {token}"})
    with urllib.request.urlopen(request) as answer:
        history = json.load(answer)["job"]["statusHistory"]
    date = next(one["date"] for one in history if one["status"] == "success")
    return datetime.fromisoformat(date).timestamp()


def own_memory_mb(pid: int) -> float:
    """What the process's first child has for itself alone."""
    children = [
        int(word)
        for path in Path(f"/proc/{pid}/task").glob("*/children")
        for word in path.read_text().split()
    ]
    if not children:
        return 0.0
    lines = Path(f"/proc/{children[0]}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty")) / 1024


def measure_script(blender: str, run: Run, model: Path, folder: Path) -> None:
    """The same by the script, in a Blender of its own."""
    case = run.case
    with running_sandbox(folder / f"script-{run.number}", model, run.delay_s) as (api, ready):
        words = (api, ready["key"], ready["secret"], MODEL, str(case.jobs), str(run.phase_s))
        command = [blender, "--background", "--factory-startup", "--python", str(SCRIPT), "--", *words]
        made = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
    found = [json.loads(line) for line in made.stdout.splitlines() if line.startswith("{")]
    assert len(found) == case.jobs, made.stdout[-2000:]
    case.imported_s += [one["imported_at"] - one["success_at"] for one in found]
    case.held_s += [one["import_s"] for one in found]
    case.script_requests.append(found[-1]["requests"])


def follow(blender: str, lane: list[Run], models: dict[int, Path], folder: Path, begun: float) -> None:
    for run in lane:
        model = models[run.case.mb]
        time.sleep(max(0.0, begun + run.starts_at - time.monotonic()))
        with ThreadPoolExecutor(2) as pool:
            ours = pool.submit(measure_ours, blender, run, model, folder)
            time.sleep(run.later_s)
            theirs = pool.submit(measure_script, blender, run, model, folder)
            ours.result()
            theirs.result()
        print(
            f"  {run.case.seconds} s, {run.case.mb} MB, {run.case.jobs}: run {run.number + 1}",
            file=sys.stderr,
        )


def row(case: Case) -> tuple[str, list[str]]:
    """The case's line of the table, and the goals that it misses."""
    ready = case.ready_s or case.first_ready_s
    ours, theirs = statistics.median(ready), statistics.median(case.imported_s)
    asked = statistics.median(case.requests) / statistics.median(case.script_requests)
    name = f"{case.seconds} s, {case.mb} MB, {case.jobs} {'job' if case.jobs == 1 else 'jobs'}"
    spread = max(ready) / ours
    steps = [statistics.median(step[part] for step in case.steps_s) for part in range(3)]
    cells = (
        *(f"{case.seconds} s", f"{case.mb} MB", f"{case.jobs}"),
        *(f"{statistics.median(case.first_ready_s):.2f}", f"{ours:.2f} ({max(ready):.2f})"),
        " + ".join(f"{step:.2f}" for step in steps),
        *(f"{theirs:.2f} ({max(case.imported_s):.2f})", f"{ours / theirs:.2f}"),
        *(f"{statistics.median(case.requests):.0f}", f"{statistics.median(case.script_requests):.0f}"),
        *(f"{asked:.2f}", f"{max(case.held_s) * 1000:.0f}"),
    )
    misses: list[str] = []
    for what, value, goal in (
        ("ready", ours / theirs, READY_GOAL[case.mb]),
        ("requests", asked, request_goal(case.seconds)),
        ("worst run", spread if case.jobs == 1 and len(ready) > 2 else 0.0, SPREAD_GOAL),
    ):
        if value > goal:
            misses.append(f"{name}: {what} {value:.2f} ×, the goal is {goal} ×")
    return f"| {' | '.join(cells)} |", misses


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("blender", help="the command that starts Blender")
    parser.add_argument("--full", action="store_true", help="every combination, and 20 runs of the shortest")
    parser.add_argument("--case", action="append", metavar="S,MB,JOBS,RUNS", help="these alone")
    options, _ = parser.parse_known_args()
    if not Path("/proc/self/stat").exists():
        print("skipped: reads processes as Linux shows them")
        return 0
    chosen: list[tuple[int, int, int, int]] = []
    for text in options.case or ():
        seconds, mb, jobs, runs = map(int, text.split(","))
        chosen.append((seconds, mb, jobs, runs))
    cases = [Case(*each) for each in chosen or (FULL if options.full else USUAL)]
    lanes = plan(cases)
    last = max(run.busy()[1][1] for lane in lanes for run in lane)
    print(f"{sum(map(len, lanes))} runs, some {last / 60:.0f} minutes", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory() as name:
        models = {mb: Path(name, f"{mb}.glb") for mb in {case.mb for case in cases}}
        for mb, path in models.items():
            write_glb(path, *FILES[mb])
            print(f"  {mb} MB: {path.stat().st_size / 1e6:.1f}", file=sys.stderr)
        begun = time.monotonic()
        with ThreadPoolExecutor(len(lanes)) as pool:
            folders = [Path(name, f"{number}") for number in range(len(lanes))]
            for done in [
                pool.submit(follow, options.blender, lane, models, folder, begun)
                for lane, folder in zip(lanes, folders, strict=True)
            ]:
                done.result()
    print(f"| {' | '.join(COLUMNS)} |", f"|{'--:|' * len(COLUMNS)}", sep="\n")
    missed: list[str] = []
    for case in sorted(cases, key=lambda case: (case.jobs, case.seconds, case.mb)):
        line, misses = row(case)
        print(line)
        missed += misses
    waiting = [mb for case in cases for mb in case.waiting_mb]
    if waiting:
        print(f"\nA Blender that waits for a result has {max(waiting):.0f} MB for itself alone.")
    print("\n" + ("\n".join(f"- missed: {miss}" for miss in missed) or "All goals are met."))
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
