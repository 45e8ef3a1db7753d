# SPDX-License-Identifier: GPL-3.0-or-later
"""How what Maquette does grows with faces, with jobs at once and with jobs of earlier days.

    python tests/bench/bench_growth.py BLENDER [--plot FILE.svg]

The exponent is the slope of the times in a picture with logarithmic axes, through the larger half of the
sizes: 1 is linear. The goal: none above 1.2. Of each time the fastest of three runs counts.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bench_requests  # noqa: F401 # makes the repository importable as `maquette`
from bench_convert import write_glb

FACES = (25_000, 50_000, 100_000, 200_000, 400_000, 800_000, 1_600_000)
JOBS = (10, 30, 100, 300, 1000)
HISTORY = (100, 300, 1000, 3000, 10_000)
GOAL = 1.2
RUNS = 3
TINY_MS = 0.05  # what takes less at its most has no exponent that tells anything
# Runs in a Blender: the steps of the results that argv names, as the artist's Blender takes them.
ARRIVAL = """
import json, sys, time, types
import bpy
package = types.ModuleType("maquette")
package.__path__ = [{root!r}]
sys.modules["maquette"] = package
from pathlib import Path
from maquette.scene import Loading
for path in sys.argv[sys.argv.index("--") + 1 :]:
    for _ in range({runs}):
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        steps, is_there = [], False
        loading = Loading(Path(path))
        while not is_there:
            begun = time.perf_counter()
            is_there = loading.step()
            steps.append((time.perf_counter() - begun) * 1000)
        print(json.dumps([path, max(steps), sum(steps)]))
"""
Series = dict[str, dict[int, float]]  # milliseconds by size


def timed(work: Callable[..., Any], *values: Any) -> tuple[float, Any]:
    """How many milliseconds it takes, and what it returns."""
    begun = time.perf_counter()
    result = work(*values)
    return (time.perf_counter() - begun) * 1000, result


def note(found: Series, name: str, size: int, ms: float) -> None:
    times = found.setdefault(name, {})
    times[size] = min(ms, times.get(size, math.inf))


def measure(found: Series, name: str, size: int, work: Callable[..., Any], *values: Any) -> Any:
    """Notes how long it takes; returns what it does."""
    ms, result = timed(work, *values)
    note(found, name, size, ms)
    return result


def measure_faces(blender: str, folder: Path) -> Series:
    from maquette.jobs import BlenderPool

    pool, found = BlenderPool(blender), Series()
    targets: dict[str, int] = {}
    for faces in FACES:
        model, target = folder / f"{faces}.glb", folder / f"{faces}.blend"
        write_glb(model, faces, 1024)
        targets[str(target)] = faces
        request: dict[str, Any] = {"name": "it", "target": str(target), "is_report_later": True}
        request["sources"] = [{"path": str(model), "role": "mesh", "name": model.name}]
        for _ in range(RUNS):
            task = pool.begin("convert", request, folder, "it")
            measure(found, "conversion, to ready", faces, task.wait)
            measure(found, "report, after that", faces, task.wait)
    pool.end()
    root = str(Path(__file__).resolve().parents[2])
    script = folder / "arrival.py"
    script.write_text(ARRIVAL.format(root=root, runs=RUNS))
    command = [blender, "--background", "--factory-startup", "--python", str(script), "--", *targets]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    for line in done.stdout.splitlines():
        if line.startswith("["):
            path, longest, total = json.loads(line)
            note(found, "arrival, all steps", targets[path], total)
            note(found, "arrival, the longest step", targets[path], longest)
    return found


def measure_jobs(folder: Path) -> Series:
    """Jobs that a window starts at once, and that all change between two looks of it."""
    from maquette.jobs import Backend, State, Store

    found = Series()
    for count in JOBS:
        for run in range(RUNS):
            place = folder / f"jobs-{count}-{run}"
            backend = Backend(place, "s", None)
            measure(found, "written down at once", count, backend.store.add_all, new_jobs(count))
            backend.supervisor.invalidate()
            measure(found, "seen by the window, all looks", count, looks, backend)
            other = Store(place)
            for job in other.list_jobs():
                other.move(job, State.UPLOADING)
            measure(found, "all of them changed, all looks", count, looks, backend)
            measure(found, "what the worker has to do", count, other.list_actionable, "s", 64)
            for job in other.list_jobs():
                other.move(job, State.FAILED)
            looks(backend)
            measure(
                found, "all removed from the list", count, backend.jobs.remove, *backend.jobs.by_id.values()
            )
            other.close()
            backend.close()
    return found


def measure_history(folder: Path) -> Series:
    """A window on a store with so many jobs that are over."""
    from maquette.jobs import Backend, State, Store

    found, place = Series(), folder / "history"
    store, there = Store(place), 0
    for count in HISTORY:
        for start in range(there, count, 500):
            for job in store.add_all(new_jobs(min(500, count - start))):
                store.move(job, State.FAILED, finished_at=store.clock())
        there = count
        for _ in range(RUNS):
            backend = measure(found, "store opened", count, Backend, place, "s", None)
            times = looks(backend)
            note(found, "history read, all looks", count, sum(times))
            note(found, "the longest look", count, max(times))
            measure(found, "a look with nothing new", count, backend.tick)
            (job,) = store.add_all(new_jobs(1))
            measure(found, "a look with one new job", count, backend.tick)
            measure(found, "what the worker has to do", count, store.list_actionable, "s", 64)
            store.remove(store.move(job, State.FAILED, finished_at=store.clock()))
            backend.close()
    store.close()
    return found


def new_jobs(count: int) -> list[Any]:
    from maquette.jobs import NewJob

    return [NewJob(f"n{number}", "m", {"prompt": "x"}, service="s") for number in range(count)]


def looks(backend: Any) -> list[float]:
    """The window's looks until it has read all, each in milliseconds."""
    times = [timed(backend.tick)[0]]
    while backend.jobs.is_behind or backend.supervisor.is_outdated:
        times.append(timed(backend.tick)[0])
    return times


def exponent(times: dict[int, float]) -> float | None:
    """By least squares through the larger half of the sizes; None where the times are too small to tell."""
    sizes = sorted(times)[len(times) // 2 :]
    if max(times.values()) < TINY_MS:
        return None
    x, y = [math.log(size) for size in sizes], [math.log(times[size]) for size in sizes]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    across = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    return across / sum((a - mean_x) ** 2 for a in x)


def table(of: str, found: Series) -> list[str]:
    sizes = sorted(next(iter(found.values())))
    lines = [f"| {of} | {' | '.join(f'{size:,}' for size in sizes)} | exponent |"]
    lines.append(f"|---|{'--:|' * (len(sizes) + 1)}")
    for name, times in found.items():
        power = exponent(times)
        cells = " | ".join(f"{ms:,.3g}" if ms < 100 else f"{ms:,.0f}" for _, ms in sorted(times.items()))
        lines.append(f"| {name}, ms | {cells} | {'–' if power is None else f'{power:.2f}'} |")
    return lines


def plot(groups: dict[str, Series]) -> str:
    """One picture with logarithmic axes for each group, as SVG: a grey line is linear."""
    width, height, left, top = 420, 320, 56, 34
    parts: list[str] = []
    colours = ("#2a78d6", "#1baf7a", "#e07b00", "#9a4fd0", "#c4372f", "#5d6b7a")
    for number, (of, found) in enumerate(groups.items()):
        sizes = sorted(next(iter(found.values())))
        every = [max(ms, 1e-3) for times in found.values() for ms in times.values()]
        low, high = math.floor(math.log10(min(every))), math.ceil(math.log10(max(every)))
        first, last = math.log10(sizes[0]), math.log10(sizes[-1])

        def at(size: float, ms: float, low: int = low, high: int = high, ends: Any = (first, last)) -> str:
            x = left + (math.log10(size) - ends[0]) / (ends[1] - ends[0]) * (width - left - 20)
            y = top + (high - math.log10(max(ms, 1e-3))) / (high - low) * (height - top - 40)
            return f"{x:.1f},{y:.1f}"

        body = [f'<text x="{left}" y="18" font-weight="bold">{of}, ms</text>']
        for power in range(low, high + 1):
            line = f"{at(sizes[0], 10.0**power)} {at(sizes[-1], 10.0**power)}"
            body.append(f'<polyline points="{line}" stroke="#8888" fill="none"/>')
            y = at(sizes[0], 10.0**power).split(",")[1]
            body.append(f'<text x="{left - 6}" y="{y}" text-anchor="end">{10.0**power:g}</text>')
        for size in (sizes[0], sizes[-1]):
            x = at(size, 10.0**low).split(",")[0]
            body.append(f'<text x="{x}" y="{height - 22}" text-anchor="middle">{size:,}</text>')
        start = 10.0**high * sizes[0] / sizes[-1]
        slope = f"{at(sizes[0], start)} {at(sizes[-1], 10.0**high)}"
        body.append(f'<polyline points="{slope}" stroke="#888" stroke-dasharray="4" fill="none"/>')
        for row, (name, times) in enumerate(found.items()):
            points = " ".join(at(size, times[size]) for size in sizes)
            body.append(f'<polyline points="{points}" stroke="{colours[row]}" stroke-width="2" fill="none"/>')
            y = height + 4 + 16 * row
            body.append(f'<text x="{left}" y="{y}" fill="{colours[row]}">{name}</text>')
        parts.append(f'<g transform="translate({number * width},0)">{"".join(body)}</g>')
    size = f'width="{width * len(groups)}" height="{height + 16 * len(colours)}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">'
    return f'{head}<rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>\n'


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("blender", help="the command that starts Blender")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write the pictures, too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        groups = {
            "faces": measure_faces(options.blender, folder),
            "jobs at once": measure_jobs(folder),
            "jobs of earlier days": measure_history(folder),
        }
    missed: list[str] = []
    for of, found in groups.items():
        print("\n".join(table(of, found)), end="\n\n")
        powers = {name: exponent(times) or 0.0 for name, times in found.items()}
        missed += [f"{of}: {name} grows with {it:.2f}" for name, it in powers.items() if it > GOAL]
    print("\n".join(f"- missed: {miss}" for miss in missed) or "Nothing grows faster than the power of 1.2.")
    if options.plot:
        options.plot.write_text(plot(groups), encoding="utf-8")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
