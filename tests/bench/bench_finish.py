# SPDX-License-Identifier: GPL-3.0-or-later
"""How long finishing takes beside Blender's own operators, run by hand one after the other.

    python tests/bench/bench_finish.py BLENDER [ARGUMENT…] [--faces 500000] [--budget 20000] [--pixels 2048]

The goal: the profile *Game*, from 500,000 faces to 20,000 with everything baked at 2048², takes at most 1.5
times as long as those (finish_by_hand.py). Each in a Blender of its own, without its start and the import;
the fastest of some runs counts.
"""

import argparse
import ast
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
import bench_requests  # noqa: F401 # makes the repository importable as `maquette`
from bench_convert import CONVERTER, write_glb

BY_HAND = Path(__file__).with_name("finish_by_hand.py")
GOAL = 1.5


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
        ours = [finished(options.blender, model, folder, profile) for _ in range(options.runs)]
        theirs = [
            by_hand(options.blender, model, options.budget, options.pixels) for _ in range(options.runs)
        ]
    best = min(ours, key=lambda each: each["seconds"])
    seconds, times = min(theirs)
    print(f"{count:,} faces to {best['faces_after']:,}, {options.pixels} pixels a side")
    print(f"  finishing {best['seconds']:6.2f} s  {best['steps']}")
    print(f"  by hand   {seconds:6.2f} s  {times}")
    print(
        f"  ratio {best['seconds'] / seconds:.2f} (goal {GOAL} at most); deviation "
        f"{best['deviation_mean_share']:.3%} in the mean, {best['deviation_max_share']:.2%} at most, colour "
        f"{best['texture_difference']:.2%}",
        flush=True,
    )
    return int(best["seconds"] / seconds > GOAL)


if __name__ == "__main__":
    sys.exit(main())
