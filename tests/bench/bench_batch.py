# SPDX-License-Identifier: GPL-3.0-or-later
"""What `maquette batch` itself takes for a row, on a sandbox whose models are there at once. Linux alone.

    python tests/bench/bench_batch.py BLENDER ZIP [--rows 1000] [--few 100] [--faces 100000]

Many rows of a tiny file: the processor time of Maquette's own processes from their start to their end (goal:
under 50 ms a row); the time in which no Blender was at work, with all waiting and the sandbox's own work; and
the worker's memory (goal: 20 MB more at most at the end than at the 10th row). Then a few rows of a large
file on one core and on two (goal: 1.8 times as many a minute).
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from bench_convert import png, write_glb
from bench_requests import requests_of  # makes the repository importable as `maquette`

TICK_S = 0.2
GOAL_MS, GOAL_MB, GOAL_RATIO = 50.0, 20.0, 1.8
HZ, PAGE_MB = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE") / (1 << 20)


@dataclass
class Process:
    """Processor seconds of a process, its own and its ended children's, and its memory by rows done."""

    pid: int
    own_s: float = 0.0
    children_s: float = 0.0
    rss_mb: list[tuple[int, float]] = field(default_factory=list[tuple[int, float]])
    is_collected: bool = False

    def look(self, done: int) -> None:
        try:
            text = Path(f"/proc/{self.pid}/stat").read_text()
        except FileNotFoundError:  # what was seen last stands
            self.is_collected = True
            return
        words = text.rpartition(")")[2].split()  # from the third field of proc(5) on
        self.own_s = (int(words[11]) + int(words[12])) / HZ
        self.children_s = (int(words[13]) + int(words[14])) / HZ
        if rss := int(words[21]) * PAGE_MB:
            self.rss_mb.append((done, rss))

    def growth_mb(self) -> tuple[float, float]:
        """MB when ten rows were done, and at the end."""
        last = self.rss_mb[-1][1]
        return next((mb for done, mb in self.rss_mb if done >= 10), last), last


def children_of(pid: int) -> list[int]:
    """Those that the process, by any of its threads, has started and not collected."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(word) for path in lists for word in path.read_text().split()]


@dataclass
class Figures:
    rows: int
    plan_s: float  # until every row was checked and priced
    run_s: float  # from then to the last row
    pace: float  # rows a second between the first tenth and the last row
    batch: Process
    worker: Process
    sandbox_s: float
    blenders_s: float
    requests: Counter[str]
    folder_mb: float
    files: int


@contextmanager
def running_sandbox(folder: Path, model: Path) -> Iterator[tuple[int, str, dict[str, str]]]:
    """One whose jobs are all `model`, done at once: its process, its address, what leads Maquette to it."""
    from maquette.jobs import open_sandbox, stop_sandbox

    os.environ["MAQUETTE_SANDBOX_OPTIONS"] = f"--delay 0 --price 0.01 --result {model}"
    process, api, credentials = open_sandbox(folder / "sandbox", "none")
    env = {"MAQUETTE_API_URL": api, "SCENARIO_SDK_API_KEY": credentials.key}
    try:
        yield process.pid, api, env | {"SCENARIO_SDK_API_SECRET": credentials.secret}
    finally:
        stop_sandbox(process)


def command(blender: str, folder: Path, *words: str) -> list[str]:
    batch = ("batch", str(folder / "manifest.csv"), "-o", str(folder / "out"))
    return [blender, "--background", "--command", "maquette", *batch, *words]


def measure(
    blender: str, env: dict[str, str], model: Path, rows: int, cores: list[int], *words: str
) -> Figures:
    """One batch of `rows` pictures that all become `model`, on a sandbox of its own.

    All but the sandbox runs on these cores, a converter on each; `words` say what is written.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_manifest(folder, rows)
        with running_sandbox(folder, model) as (pid, _, account):
            before, given = Counter(requests_of(account)), words or ("--outputs", "glb")
            with (folder / "events").open("wb") as events, (folder / "errors").open("wb") as errors:
                process = subprocess.Popen(
                    command(blender, folder, "--json", "--converters", str(len(cores)), *given),
                    stdin=subprocess.DEVNULL, stdout=events, stderr=errors, env=env | account,
                )  # fmt: skip
                os.sched_setaffinity(process.pid, cores)
                figures = follow(process, folder / "events")
            if process.wait():
                raise SystemExit((folder / "errors").read_text()[-3000:])
            sandbox = Process(pid)
            sandbox.look(rows)
            figures.sandbox_s = sandbox.own_s
            figures.requests = Counter(requests_of(account)) - before
        sizes = [path.stat().st_size for path in (folder / "out").rglob("*") if path.is_file()]
        figures.folder_mb, figures.files = sum(sizes) / (1 << 20), len(sizes)
    return figures


def task_s(blender: str, env: dict[str, str], model: Path, rows: int) -> float:
    """Seconds of a farm's task: one row, from the command's start to its end, with nothing running before."""
    with tempfile.TemporaryDirectory() as name:
        folder, times = Path(name), list[float]()
        write_manifest(folder, rows)
        with running_sandbox(folder, model) as (_, _, account):
            for row in range(1, rows + 1):
                begun = time.monotonic()
                words = ("--row", str(row), "--outputs", "glb")
                subprocess.run(
                    command(blender, folder, *words), env=env | account, check=True, capture_output=True
                )
                times.append(time.monotonic() - begun)
    return statistics.median(times)


def follow(process: "subprocess.Popen[bytes]", events: Path) -> Figures:
    """Look at the batch and its worker until the batch has ended, which is left to be collected."""
    batch, worker = Process(process.pid), None
    begun, done, at, offset, blenders_s = time.monotonic(), 0, dict[int, float](), 0, 0.0
    planned_at = begun
    is_over = False
    while not is_over:
        time.sleep(TICK_S)
        is_over = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        now = time.monotonic()
        with events.open("rb") as stream:
            stream.seek(offset)
            lines = stream.read().splitlines(keepends=True)
        for line in lines:
            if not line.endswith(b"\n"):
                break
            offset += len(line)
            event = json.loads(line) if line.startswith(b"{") else {}
            planned_at = now if event.get("event") == "plan" else planned_at
            if event.get("state") == "done":
                done += 1
                at[done] = now
        if is_over:
            batch.look(done)
            break
        children = children_of(process.pid)
        if worker is None:
            found = (pid for pid in children if b"jobs.worker" in Path(f"/proc/{pid}/cmdline").read_bytes())
            worker = next((Process(pid) for pid in found), None)
        for each in filter(None, (batch, worker)):
            each.look(done)
        if worker is not None:
            blenders = [pid for pid in children if pid != worker.pid] + children_of(worker.pid)
            alive = [Process(pid) for pid in blenders]
            for each in alive:
                each.look(done)
            blenders_s = max(blenders_s, ended_children_s(batch, worker) + sum(it.own_s for it in alive))
    assert worker is not None, "the worker was not seen"
    blenders_s = max(blenders_s, ended_children_s(batch, worker))
    first = max(1, done // 10)
    pace = (done - first) / max(at[done] - at[first], TICK_S)
    times = planned_at - begun, at[done] - planned_at
    return Figures(done, *times, pace, batch, worker, 0.0, blenders_s, Counter(), 0.0, 0)


def ended_children_s(batch: Process, worker: Process) -> float:
    """Of both; a worker that the batch has collected counts as one of the batch's children, with its own."""
    return batch.children_s + (-worker.own_s if worker.is_collected else worker.children_s)


def write_manifest(folder: Path, rows: int) -> None:
    """Each row has a picture of its own, so each is uploaded."""
    (folder / "pictures").mkdir()
    lines = ["id,image"]
    for number in range(rows):
        tile = np.full((64, 64, 3), 40, np.uint8)
        tile[8:56, 8:56] = number % 251, number // 251, 200
        (folder / "pictures" / f"{number}.png").write_bytes(png(tile))
        lines.append(f"row {number},pictures/{number}.png")
    (folder / "manifest.csv").write_text("\n".join(lines), encoding="utf-8")


def tell(name: str, made: Figures) -> None:
    blenders_s, size_mb = made.blenders_s / made.rows, made.folder_mb / made.rows
    told = (
        f"{made.pace * 60:.1f} rows a minute, {blenders_s:.2f} s of Blenders' CPU and {size_mb:.0f} MB a row"
    )
    print(f"  {name}: {told}", flush=True)


def show(made: Figures, cores: int) -> bool:
    """Print the figures of many rows; True if the goals are met."""
    rows = made.rows
    own_s = made.batch.own_s + made.worker.own_s
    idle_s = made.run_s - made.blenders_s / cores
    print(f"{rows} rows, as many converters as cores, {cores}; checked and priced in {made.plan_s:.1f} s")
    print(f"{'':<36} {'ms a row':>9} {'s in all':>9}")
    for name, seconds in (
        ("the batch's process, CPU", made.batch.own_s),
        ("the worker, CPU", made.worker.own_s),
        (f"both (goal: under {GOAL_MS:.0f})", own_s),
        ("converting and writing Blenders, CPU", made.blenders_s),
        ("the sandbox, CPU", made.sandbox_s),
        ("from the plan to the last row", made.run_s),
        ("  of it no Blender at work", idle_s),
    ):
        print(f"{name:<36} {seconds / rows * 1000:>9.1f} {seconds:>9.1f}")
    print(f"{'memory, MB':<36} {'at row 10':>9} {'at last':>9}")
    for name, it in (("the batch's process", made.batch), ("the worker (goal: +20 at most)", made.worker)):
        print(f"{name:<36} {it.growth_mb()[0]:>9.1f} {it.growth_mb()[1]:>9.1f}")
    total, lists = sum(made.requests.values()), made.requests["GET /jobs"]
    rates = (
        f"{total / rows:.2f} a row, {total / made.run_s:.1f} a second, {lists / made.run_s:.2f} of them lists"
    )
    print(f"requests: {rates}: " + ", ".join(f"{n} {route}" for route, n in made.requests.most_common()))
    size_kb, count = made.folder_mb * 1024 / rows, made.files / rows
    print(f"on disk: {size_kb:.0f} KB and {count:.1f} files a row", flush=True)
    early, late = made.worker.growth_mb()
    return own_s / rows * 1000 < GOAL_MS and late - early < GOAL_MB


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("blender", help="the command that starts Blender")
    parser.add_argument("zip", help="the extension")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--few", type=int, default=100, help="rows of the large file; 0: none")
    parser.add_argument("--faces", type=int, default=100_000)
    options, _ = parser.parse_known_args()
    if not Path("/proc/self/stat").exists():
        print("skipped: reads processes as Linux shows them")
        return 0
    own = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as name:
        env = {**os.environ, "BLENDER_USER_RESOURCES": name}
        install = ["--command", "extension", "install-file", "-r", "user_default", "--enable", options.zip]
        subprocess.run([options.blender, *install], env=env, check=True, stdout=subprocess.DEVNULL)
        model = Path(name, "model.glb")
        write_glb(model, 200, 16)
        many = measure(options.blender, env, model, options.rows, own)
        is_good = show(many, len(own))
        if options.few and len(own) > 1:
            write_glb(model, options.faces)
            print(f"{options.few} rows of {options.faces:,} faces and {model.stat().st_size / 1e6:.0f} MB:")
            paces = list[float]()
            for cores in (own[:1], own[:2]):
                few = measure(options.blender, env, model, options.few, cores)
                paces.append(few.pace)
                tell(f"{len(cores)} converters on {len(cores)} cores", few)
            print(f"  ratio {paces[1] / paces[0]:.2f} (goal {GOAL_RATIO})", flush=True)
            is_good = is_good and paces[1] / paces[0] >= GOAL_RATIO
            words = ("--outputs", "glb,png", "--turntable")
            drawn = measure(options.blender, env, model, max(4, options.few // 10), own[:2], *words)
            tell("with preview and turntable", drawn)
            print(f"  one row as a farm's task: {task_s(options.blender, env, model, 5):.1f} s", flush=True)
    return int(not is_good)


if __name__ == "__main__":
    sys.exit(main())
