# SPDX-License-Identifier: GPL-3.0-or-later
"""From the service's success to the model in its place, and how long the main thread was held for it.

Beside the direct glTF import of the same file in the same window: `tools/task.py bench latency --window`.
"""

import json
import os
import sqlite3
import statistics
import sys
from collections.abc import Generator
from contextlib import closing
from datetime import datetime
from typing import Any

import bench_window
import bpy
import expected
from driver import HERE, Steps, Window

sys.path.insert(0, str(HERE.parent / "bench"))
import bench_convert as models

FILES = {
    1: (40_000, 64),
    20: (500_000, 2048),
    70: (1_700_000, 4096),
}  # as tests/bench/bench_latency.py has them
SECONDS = 20
RUNS = 3  # the first is the model's first in the store


def steps(w: Window) -> Steps:
    delivered = w.folder / "delivered.glb"
    files = {mb: w.folder / f"{mb}.glb" for mb in FILES}
    for mb, file in files.items():
        models.write_glb(file, *FILES[mb])
        yield 0.1
    bench_window.deliver(files[1], delivered)
    os.environ[expected.SANDBOX_OPTIONS] = f"--delay {SECONDS} --result {delivered}"
    yield from w.open_sidebar()
    yield from w.press("maquette.use_sandbox")
    inputs = yield from expected.inputs_shown(w, "model_hunyuan-3d-v2-1")
    bpy.data.batch_remove(list(bpy.data.objects))
    inputs().image = bpy.data.images.load(str(HERE.parent.parent / "examples" / "horse.png"))
    found: dict[str, Any] = {"blender": bpy.app.version_string, "seconds": SECONDS, "rows": []}
    for mb, file in files.items():
        runs, imports = [], []
        for _ in range(RUNS):
            bench_window.deliver(file, delivered)
            runs.append((yield from arrival(w)))
            imports.append((yield from bench_window.direct(w, file)))
        ready, placed, held = (list(column) for column in zip(*runs, strict=True))
        row = {"mb": mb, "ready_s": statistics.median(ready), "placed_s": statistics.median(placed)}
        row |= {"worst_s": max(placed), "held_ms": max(held), "import_ms": statistics.median(imports)}
        w.check(row["placed_s"] > 0, f"{mb} MB", row)
        found["rows"].append(row)
    (w.folder / "latency.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    for file in (*files.values(), delivered):
        file.unlink()


def arrival(w: Window) -> Generator[float, None, tuple[float, float, float]]:
    """Seconds from the service's success until it was ready and until it was placed, and the longest hold."""
    held_ms, placed_at = yield from bench_window.arrival(w)
    job = expected.job(w, 0)
    success = success_at(w, job.remote_id)
    return job.finished_at - success, placed_at - success, held_ms


def success_at(w: Window, remote_id: str) -> float:
    database = expected.backend(w).store.folder / "sandbox" / "sandbox.db"
    with closing(sqlite3.connect(database)) as records:
        wanted = "SELECT body FROM records WHERE kind = 'job' AND id = ?"
        (body,) = records.execute(wanted, (remote_id,)).fetchone()
    history = json.loads(body)["statusHistory"]
    date = next(one["date"] for one in history if one["status"] == "success")
    return datetime.fromisoformat(date).timestamp()
