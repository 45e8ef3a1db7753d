# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of docs/finishing.md: models before and after each built-in profile, and pictures of both.

    python tools/finish_table.py BLENDER --out DIR [--models five|FILE …] [--profiles game,print]

The five are those of the demo, as the sandbox makes them. Each is converted and finished in one background
Blender; DIR gets `table.md`, the results, and a picture of each.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import steps
from steps import ROOT

EXAMPLES = ROOT / "examples"
FACES = 200_000  # the five have at most so many, as a service delivers
FIVE: dict[str, dict[str, Any]] = {
    "horse": {"task": "image", "images": {"front": str(EXAMPLES / "horse.png")}},
    "coffee": {"task": "image", "images": {"front": str(EXAMPLES / "coffee.png")}},
    "cat": {"task": "image", "images": {"front": str(EXAMPLES / "cat.png")}},
    "views": {
        "task": "image",
        "images": {
            side: str(EXAMPLES / "views" / f"{side}.png") for side in ("front", "left", "back", "right")
        },
    },
    "text": {"task": "text", "prompt": "MAQUETTE", "images": {}},
}
HEAD = (
    "| model | profile | faces | deviation, mean | at most | colour | UVs cover | textures MB | seconds |\n"
    "|---|---|--:|--:|--:|--:|--:|--:|--:|\n"
)


def blender(command: list[str], arguments: list[str], log: Path, lines: str = "") -> None:
    base = [*command, "--background", "--factory-startup", "--python-exit-code", "3"]
    with log.open("ab") as out:
        subprocess.run(
            [*base, *arguments], input=lines.encode(), stdout=out, stderr=out, check=True, timeout=3600
        )


def demo_model(command: list[str], name: str, folder: Path) -> Path:
    """Built as the sandbox builds it."""
    place = folder / name
    place.mkdir(exist_ok=True)
    request = {"textured": True, "is_splat": False, "faces": FACES, "folder": str(place), **FIVE[name]}
    order = place / "request.json"
    order.write_text(json.dumps(request), encoding="utf-8")
    code = steps.own_module("sandbox.builder").SCRIPT.format(str(ROOT), str(order))
    blender(command, ["--python-expr", code], place / "build.log")
    made = json.loads((place / "result.json").read_text(encoding="utf-8"))
    return place / made["file"]


def tasks(command: list[str], requests: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """The answers of one background Blender."""
    lines = ""
    for number, request in enumerate(requests):
        own = {"log": str(folder / "tasks.log"), "answer": str(folder / f"answer{number}.json")}
        lines += json.dumps(request | own) + "\n"
    script = str(ROOT / "scene" / "background_main.py")
    blender(command, ["--python", script], folder / "blender.log", lines)
    return [
        json.loads((folder / f"answer{number}.json").read_text("utf-8")) for number in range(len(requests))
    ]


def rows(command: list[str], model: Path, profiles: list[dict[str, Any]], folder: Path) -> list[str]:
    """One for the model as it was delivered, and one for each profile."""
    folder.mkdir(exist_ok=True)
    result = str(folder / "delivered.blend")
    source = [{"path": str(model), "role": "mesh", "name": model.name}]
    requests: list[dict[str, Any]] = [
        {"command": "convert", "sources": source, "name": folder.name, "target": result}
    ]
    for profile in profiles:
        target = str(folder / f"{profile['name']}.blend")
        requests.append({"command": "finish", "source": result, "target": target, "profile": profile})
    requests += [_picture(each["target"], folder) for each in requests]
    answers = tasks(command, [{"name": folder.name, **each} for each in requests], folder)
    made: list[str] = []
    for profile, answer in zip([{"name": "delivered"}, *profiles], answers, strict=False):
        if not answer["ok"]:
            made.append(f"| {folder.name} | {profile['name']} | {answer['error']} | | | | | | |\n")
            continue
        made.append(f"| {folder.name} | {profile['name']} | {_cells(answer)} |\n")
        made += [f"<!-- {text} -->\n" for text in answer["messages"]]
    return made


def _picture(result: str, folder: Path) -> dict[str, Any]:
    return {
        "command": "write",
        "result": result,
        "outputs": [str(folder / f"{Path(result).stem}.png")],
        "size_m": 1.0,
        "provenance": {},
        "threads": 0,
        "turntable": None,
        "picture": None,
    }


def _cells(answer: dict[str, Any]) -> str:
    report, finish = answer["report"], answer.get("finish", {})
    shares = [finish.get(f"deviation_{name}_share") for name in ("mean", "max")]
    shares.append(finish.get("texture_difference"))
    coverage = report.get("uv_coverage")
    cells = [f"{report['faces']:,}"]
    cells += ["" if share is None else f"{share:.2%}" for share in shares]
    cells += ["none" if coverage is None else f"{coverage:.0%}", f"{report['texture_bytes'] / 1e6:.1f}"]
    cells.append(f"{finish['seconds']:.1f}" if finish else "")
    return " | ".join(cells)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("blender", nargs="+", help="the command that starts Blender")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--models", nargs="*", default=["five"])
    parser.add_argument("--profiles", default="as-delivered,game,film,print")
    options = parser.parse_args()
    known = steps.own_module("jobs.profile")
    profiles = [known.as_json(known.read_profile(name)) for name in options.profiles.split(",")]
    options.out.mkdir(parents=True, exist_ok=True)
    table = options.out / "table.md"
    table.write_text(HEAD, encoding="utf-8")
    for each in options.models:
        found = (
            {name: demo_model(options.blender, name, options.out) for name in FIVE}
            if each == "five"
            else {Path(each).stem: Path(each)}
        )
        for name, model in found.items():
            text = "".join(rows(options.blender, model, profiles, options.out / name))
            print(text, end="", flush=True)
            with table.open("a", encoding="utf-8") as file:
                file.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
