# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a result takes that is worth keeping: its report, its file in a library, and finishing it.

    python tests/bench/bench_finish.py BLENDER [ARGUMENT…] [--faces 500000] [--budget 20000] [--pixels 2048]

Beside the conversion of the same model, in a background Blender that has started: the report, which follows
it (goal: 0.5 s at 500,000 faces), and the file in a library (goal: as long as the conversion), without the
picture, which the list of jobs shows, too. Beside
Blender's own operators, run by hand one after the other (finish_by_hand.py): the profile *Game*, to 20,000
faces with everything baked at 2048² (goal: 1.5 times those). Without the start of a Blender and the import;
the fastest of some runs counts.
"""

import argparse
import ast
import json
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
import bench_requests  # noqa: F401 # makes the repository importable as `maquette`
from bench_convert import CONVERTER, write_glb

BY_HAND = Path(__file__).with_name("finish_by_hand.py")
GOAL = 1.5
REPORT_GOAL_S = 0.5
LIBRARY_GOAL = 1.0


def asked(blender: list[str], requests: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """The answers of one background Blender to the tasks."""
    lines: list[str] = []
    for number, request in enumerate(requests):
        log, answer = str(folder / "log"), str(folder / f"answer{number}.json")
        lines.append(json.dumps(request | {"log": log, "answer": answer}) + "\n")
    command = [*blender, "--background", "--factory-startup", "--python-exit-code", "3"]
    subprocess.run(
        [*command, "--python", str(CONVERTER)],
        check=True,
        input="".join(lines).encode(),
        timeout=1200,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return [json.loads((folder / f"answer{number}.json").read_text()) for number in range(len(requests))]


def kept(blender: str, model: Path, folder: Path, runs: int) -> tuple[float, float, float, float]:
    """Seconds of the conversion, of the report after it, of the result's picture with its file in a library,
    and of that file alone.
    """
    from maquette.jobs import BlenderPool, NewJob, Store
    from maquette.jobs.library import asset_request
    from maquette.jobs.write_request import request_to_write

    store, pool, library = Store(folder / "state"), BlenderPool(blender), folder / "library"
    library.mkdir()
    job = store.add(NewJob("model", "m", {"prompt": "x"}, service="bench"))
    target = folder / "kept.blend"
    convert: dict[str, Any] = {"name": "model", "target": str(target), "is_report_later": True}
    convert["sources"] = [{"path": str(model), "role": "mesh", "name": model.name}]
    picture = folder / "picture.png"
    times: list[tuple[float, float, float, float]] = []
    for _ in range(runs):
        picture.unlink(missing_ok=True)
        marks = [time.perf_counter()]
        task = pool.begin("convert", convert, folder, "it")
        for _ in range(2):
            task.wait()
            marks.append(time.perf_counter())
        asset = {**asset_request(job, library), "picture": str(picture)}
        for _ in range(2):
            pool.run("write", {**request_to_write(job, target, [], 1.0), "asset": asset}, folder, "it")
            marks.append(time.perf_counter())
        steps = [end - start for start, end in pairwise(marks)]
        times.append((steps[0], steps[1], steps[2], steps[3]))
    pool.end()
    store.close()
    convert_s, report_s, picture_s, library_s = map(min, zip(*times, strict=True))
    return convert_s, report_s, picture_s, library_s


def finished(blender: list[str], model: Path, folder: Path, profile: dict[str, Any]) -> dict[str, Any]:
    source = [{"path": str(model), "role": "mesh", "name": model.name}]
    convert = {
        "command": "convert",
        "sources": source,
        "name": "model",
        "target": str(folder / "result.blend"),
    }
    finish = {"command": "finish", "source": convert["target"], "target": str(folder / "finished.blend")}
    converted, answer = asked(blender, [convert, finish | {"profile": profile, "name": "model"}], folder)
    if not converted["ok"] or not answer["ok"] or answer["messages"]:
        raise SystemExit(f"It failed: {converted} {answer}")
    return answer["finish"]


def by_hand(blender: list[str], model: Path, budget: int, pixels: int) -> tuple[float, dict[str, float]]:
    command = [*blender, "--background", "--factory-startup", "--python-exit-code", "3"]
    command += ["--python", str(BY_HAND), "--", str(model), str(budget), str(pixels)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=1200)
    _, seconds, times = next(
        line.split(maxsplit=2) for line in done.stdout.splitlines() if line.startswith("SECONDS")
    )
    return float(seconds), ast.literal_eval(times)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("blender", nargs="+", help="the command that starts Blender")
    parser.add_argument("--faces", type=int, default=500_000)
    parser.add_argument("--budget", type=int, default=20_000)
    parser.add_argument("--pixels", type=int, default=2048)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    from maquette.jobs import PROFILES, override, profile_json

    profile = profile_json(override(PROFILES["game"], faces=options.budget, bake=options.pixels))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = folder / "model.glb"
        count = write_glb(model, options.faces)
        convert_s, report_s, picture_s, library_s = kept(options.blender[0], model, folder, options.runs)
        ours = [finished(options.blender, model, folder, profile) for _ in range(options.runs)]
        theirs = [
            by_hand(options.blender, model, options.budget, options.pixels) for _ in range(options.runs)
        ]
    best = min(ours, key=lambda each: each["seconds"])
    seconds, times = min(theirs)
    print(f"{count:,} faces: conversion {convert_s:.2f} s")
    print(f"  report    {report_s:6.2f} s  (goal {REPORT_GOAL_S} at most, at 500,000 faces)")
    ratio = library_s / convert_s
    print(f"  library   {library_s:6.2f} s  ratio {ratio:.2f} (goal {LIBRARY_GOAL} at most)")
    print(f"  with the picture {picture_s:.2f} s")
    print(f"{count:,} faces to {best['faces_after']:,}, {options.pixels} pixels a side")
    print(f"  finishing {best['seconds']:6.2f} s  {best['steps']}")
    print(f"  by hand   {seconds:6.2f} s  {times}")
    print(
        f"  ratio {best['seconds'] / seconds:.2f} (goal {GOAL} at most); deviation "
        f"{best['deviation_mean_share']:.3%} in the mean, {best['deviation_max_share']:.2%} at most, colour "
        f"{best['texture_difference']:.2%}",
        flush=True,
    )
    is_missed = best["seconds"] / seconds > GOAL or report_s > REPORT_GOAL_S or ratio > LIBRARY_GOAL
    return int(is_missed)


if __name__ == "__main__":
    sys.exit(main())
