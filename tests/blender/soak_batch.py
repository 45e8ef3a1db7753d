# SPDX-License-Identifier: GPL-3.0-or-later
"""A batch of 60 mixed rows, all of it killed at 30 random moments, then run to its end: `make soak-batch`.

It takes some ten minutes, so it is no part of `make test`. A job that fails at the service was submitted,
too: the sandbox counts it among the paid ones, and then gives its price back.
"""

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from browser import find_or_none
from commands import EXAMPLES, NO_PICTURE, Sandbox, command, running_sandbox

KILLS, SEED = int(os.environ.get("SOAK_KILLS", "30")), int(os.environ.get("SOAK_SEED", "4"))
IMAGE_MODELS = (
    *("model_hunyuan-3d-v2-1", "model_tripo-v2-5-image-to-3d", "model_meshy-img23d", "model_trellis"),
    *("model_hunyuan-3d-pro-i23d", "model_tripo-p1-image-to-3d", "model_sparc3d", "model_pixal3d"),
)
PICTURES = ("horse.png", "cat.png", "coffee.png")
KEEP = Path(os.environ.get("MAQUETTE_KEEP", "build/soak"))


def rows() -> list[dict[str, Any]]:
    """47 pictures and words, 3 of several views, 3 splats; 4 that fail at the service, and 3 wrong ones."""
    views = {f"{view}Image": f"views/{view}.png" for view in ("front", "left", "back", "right")}
    made: list[dict[str, Any]] = [
        {
            "id": f"image {n}",
            "file": PICTURES[n % len(PICTURES)],
            "model": IMAGE_MODELS[n % len(IMAGE_MODELS)],
        }
        for n in range(32)
    ]
    made += [{"id": f"words {n}", "prompt": f"number {n}"} for n in range(15)]
    made += [
        {"id": f"views {n}", "model": "model_tripo-v3-0-multiview-to-3d", **views, "name": f"v{n}"}
        for n in range(3)
    ]
    made += [{"id": f"splat {n}", "file": "cat.png", "model": "model_vast-ai-triposplat"} for n in range(3)]
    made += [{"id": f"failing {n}", "file": "broken.jpg"} for n in range(4)]
    made.append({"id": "wrong file", "file": "nothing.png"})
    made.append({"id": "wrong column", "file": "cat.png", "nonsense": 1})
    made.append({"id": "wrong value", "file": "cat.png", "targetFaceNum": 1})
    random.Random(SEED).shuffle(made)
    assert len(made) == 60
    return made


def write_manifest(folder: Path) -> Path:
    shutil.copytree(EXAMPLES, folder, dirs_exist_ok=True)
    (folder / "broken.jpg").write_bytes(NO_PICTURE)
    path = folder / "manifest.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows()), encoding="utf-8")
    return path


def kill_all(pid: int) -> int:
    """Kill a process and all that it and its children have started, at once; returns how many those are."""
    parents = dict[int, int]()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        parents[int(stat.parent.name)] = int(words[1])
    found = [pid]
    for each in found:  # grows meanwhile
        found += [child for child, parent in parents.items() if parent == each]
    for each in found:
        try:
            os.kill(each, signal.SIGKILL)
        except ProcessLookupError:  # it ended by itself
            continue
    return len(found)


def states(out: Path) -> dict[str, dict[str, str]]:
    with (out / "results.csv").open(newline="", encoding="utf-8-sig") as stream:
        return {row["id"]: row for row in csv.DictReader(stream)}


@pytest.mark.timeout(1450)
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes as Linux has them")
def test_sixty_rows_killed_thirty_times_are_each_made_and_paid_for_once(tmp_path: Path) -> None:
    manifest, out, dice = write_manifest(tmp_path / "m"), tmp_path / "out", random.Random(SEED)
    words = command(
        "batch", str(manifest), "-o", str(out), "--turntable", "--skip-wrong", "--concurrency", "3"
    )
    with running_sandbox(tmp_path, "--delay", "3") as sandbox:
        killed = 0
        for number in range(KILLS):
            wait_s = dice.uniform(3.0, 35.0)
            process = subprocess.Popen(
                words, env=sandbox.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
            time.sleep(wait_s)
            killed += kill_all(process.pid)
            process.wait(30)
            paid, done = sandbox.stats()["paidJobs"], len(list(out.glob("sheet/*.turn.jpg")))
            print(f"kill {number + 1} after {wait_s:.1f} s: {paid} paid for, {done} turntables", flush=True)
            assert paid <= 57
        for _ in range(2):  # to the end; then again, with nothing left to do
            done = subprocess.run(words, env=sandbox.env, capture_output=True, text=True, timeout=1200)
            assert done.returncode == 1, done.stderr  # some failed, some were wrong
            check(sandbox, out)
    print(f"{killed} processes killed", flush=True)
    show(out)


def check(sandbox: Sandbox, out: Path) -> None:
    """Every good row is done with its files, the others are told apart, and each was paid for once."""
    table, stats = states(out), sandbox.stats()
    assert len(table) == 60
    done = [row for row in table.values() if row["state"] == "done"]
    failed = {key for key, row in table.items() if row["state"] == "failed"}
    splats = {f"splat {n}" for n in range(3)}  # made, and kept as they came
    assert failed == {f"failing {n}" for n in range(4)} | splats
    assert {key.split()[0] for key, row in table.items() if row["state"] == "wrong"} == {"wrong"}
    assert len(done) == 50
    done += [table[key] for key in splats]
    for row in done:
        files = [out / name for name in row["outputs"].split(", ")]
        endings = {".spz"} if row["id"].startswith("splat") else {".glb", ".png"}
        assert {file.suffix for file in files} == endings, row
        assert all(file.stat().st_size > 100 for file in files)
        has_strip = (out / "sheet" / f"{row['id']}.turn.jpg").exists()
        assert has_strip == (endings != {".spz"}), row
    assert stats["paidJobs"] == len(done) + 4
    assert stats["spentCu"] == pytest.approx(sum(float(row["cost_cu"]) for row in done))
    assert not [path for path in out.rglob("*.part") if path.is_file()]


def show(out: Path) -> None:
    """A picture of the contact sheet in a browser, for people to look at."""
    browser = find_or_none()
    assert browser, "no Chromium: apt-get install chromium"
    picture = KEEP.resolve() / "soak-batch.png"
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={out.parent / 'profile'}"]
    options += ["--window-size=1500,5200", "--virtual-time-budget=10000", f"--screenshot={picture}"]
    subprocess.run([browser, *options, (out / "index.html").as_uri()], check=True, timeout=100)
    assert picture.stat().st_size > 100_000
    print(f"the contact sheet: {picture}")
