# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the window's main thread is held, beside the direct glTF import of the same files in the same run.

The sandbox delivers files made here. Redraws are not counted: what is drawn in software here takes a graphics
card no time, and it is the same whoever brought the model.
"""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import bpy
import expected
import recorder
from driver import HERE, Steps, Window

sys.path.insert(0, str(HERE.parent / "bench"))
import bench_convert as models

RUNS = 2
SIZES = [(faces, side) for faces in (200_000, 500_000, 1_500_000) for side in (2048, 4096)]
HEAVY = (1_500_000, 4096, 140_000_000)  # 200 MB in all
HISTORY = 1000  # jobs in the list
IDLE_S = 10.0
overlay: list[float] = []  # seconds of each drawing of the labels in the view


def steps(w: Window) -> Steps:
    delivered = w.folder / "delivered.glb"
    files = {}
    for faces, side in SIZES:
        files[faces, side] = w.folder / f"{faces}-{side}.glb"
        models.write_glb(files[faces, side], faces, side)
        yield 0.1
    deliver(files[SIZES[0]], delivered)
    os.environ[expected.SANDBOX_OPTIONS] = f"--delay 3 --result {delivered}"
    yield from w.open_sidebar()
    yield from w.press("maquette.use_sandbox")
    inputs = yield from expected.inputs_shown(w, "model_hunyuan-3d-v2-1")
    bpy.data.batch_remove(list(bpy.data.objects))
    inputs().image = bpy.data.images.load(str(HERE.parent.parent / "examples" / "horse.png"))
    yield from w.until(lambda: expected.price(w), 30, "the price is on the button")
    found: dict[str, Any] = {"blender": bpy.app.version_string, "rows": []}
    found["tick_ms"] = yield from idle(w)
    for (faces, side), file in files.items():
        ours, theirs = [], []
        for _ in range(RUNS):
            deliver(file, delivered)
            held_ms, _ = yield from arrival(w)
            ours.append(held_ms)
            theirs.append((yield from direct(w, file)))
        row = {"faces": faces, "texture": side, "ours_ms": max(ours), "import_ms": min(theirs)}
        w.check(row["ours_ms"] <= (16.7 if faces <= 500_000 else 40), f"{faces} faces, {side} pixels", row)
        found["rows"].append(row)
    heavy = w.folder / "heavy.glb"
    models.write_glb(heavy, *HEAVY)
    found["heavy_mb"] = round(heavy.stat().st_size / 1e6)
    deliver(heavy, delivered)
    yield from arrival(w, is_hidden=True)
    yield from history(w)
    found["sidebar_ms"] = yield from drawing(w)
    found["overlay_ms"] = recorder.summary(overlay)
    report = recorder.report()
    found["beats"] = report["beats"]
    drawing_opens = {name: what for name, what in report["opened"].items() if ".draw" in name}
    w.check(not drawing_opens, "draws open nothing", drawing_opens)
    found["machine"] = yield from machine(w)
    (w.folder / "speed.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    for file in (*files.values(), heavy, delivered):
        file.unlink()


def machine(w: Window) -> Generator[float, None, dict[str, float]]:
    """What the machine itself adds, measured by another process."""
    command = [sys.executable, str(HERE.parent / "bench" / "machine.py")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    yield from w.until(lambda: process.poll() is not None, 60, "the machine is measured")
    return json.loads(process.communicate()[0])


def deliver(file: Path, delivered: Path) -> None:
    """From now on, the sandbox delivers this file."""
    part = delivered.with_suffix(".part")
    part.symlink_to(file)
    os.replace(part, delivered)


def idle(w: Window) -> Generator[float, None, dict[str, float]]:
    """Nothing goes on: first with the sidebar in sight, for the ticks; then without, for the heartbeat."""
    seen, end = -1, time.monotonic() + 120
    while seen != expected.backend(w).revision and time.monotonic() < end:
        seen = expected.backend(w).revision  # two models a second are learned of at first
        yield 3.0
    recorder.holds.clear()
    recorder.watch_alone("window.timer.tick")
    yield from w.move(w.view_point())
    end = time.monotonic() + IDLE_S
    while time.monotonic() < end:
        w.region("UI").tag_redraw()  # a panel that is not drawn for some seconds is not seen
        yield 1.0
    ticks = recorder.summary(recorder.holds["window.timer.tick"])
    recorder.watch_all()
    place = hide(w)
    yield 1.0
    usual, recorder.phase = recorder.phase, lambda: "idle"
    yield IDLE_S
    recorder.phase = usual
    w.window.screen.areas[place].type = "VIEW_3D"
    return ticks


def hide(w: Window) -> int:
    """Puts a text editor in the place of the view: nothing is drawn anew there. Returns which area it is."""
    areas = list(w.window.screen.areas)
    place = areas.index(w.area())
    areas[place].type = "TEXT_EDITOR"
    return place


def arrival(w: Window, *, is_hidden: bool = False) -> Generator[float, None, tuple[float, float]]:
    """From the click to the model in its place.

    The longest time in ms that Maquette held the main thread, and when it was placed (Unix seconds).
    """
    yield from w.until(lambda: expected.price(w), 30, "the price is on the button")
    yield from w.find("maquette.generate")
    recorder.holds.clear()
    known = len(expected.backend(w).jobs.by_id)
    yield from w.press("maquette.generate")
    yield from w.until(lambda: len(expected.backend(w).jobs.by_id) > known, 10, "the job is in the list")
    place, usual = hide(w) if is_hidden else None, recorder.phase
    if is_hidden:
        at_work = ("downloading", "converting")
        recorder.phase = lambda: "working" if expected.job(w, 0).state in at_work else "other"
    yield from w.until(lambda: not expected.job(w, 0).is_working, 120, "the job is done")
    recorder.phase = usual
    name = expected.job(w, 0).name
    yield from w.until(lambda: expected.job(w, 0).state == "placed", 60, f"{name} is placed")
    placed_at = time.time()
    if place is not None:
        w.window.screen.areas[place].type = "VIEW_3D"
    yield 1.0
    overlay.extend(recorder.holds.pop("panels.overlay._draw_labels", []))  # waits for what draws in software
    holds = {key: round(max(seconds) * 1000, 1) for key, seconds in recorder.holds.items()}
    longest = max(holds, key=holds.__getitem__)
    print(f"  {longest} {holds[longest]}", flush=True)
    yield from clear()
    return holds[longest], placed_at


def direct(w: Window, file: Path) -> Generator[float, None, float]:
    """The same file through Blender's own importer, as other add-ons do it; ms."""
    start = time.perf_counter()
    with bpy.context.temp_override(window=w.window, area=w.area(), region=w.region("WINDOW")):
        bpy.ops.import_scene.gltf(filepath=str(file))
    took = (time.perf_counter() - start) * 1000
    recorder.own_s += took / 1000
    yield 1.0
    yield from clear()
    return round(took, 1)


def clear() -> Steps:
    """An empty scene, and the memory of the undo steps back."""
    bpy.data.batch_remove([each for each in bpy.data.objects if each.users_collection])
    bpy.data.orphans_purge(do_recursive=True)
    for _ in range(bpy.context.preferences.edit.undo_steps + 1):
        bpy.ops.ed.undo_push(message="Nothing")
    yield 0.5


def history(w: Window) -> Steps:
    """Puts a thousand finished jobs into the store, copies of one."""
    backend = expected.backend(w)
    database = sqlite3.connect(backend.store.folder / "maquette.db")
    database.row_factory = sqlite3.Row
    row = dict(database.execute("SELECT * FROM jobs LIMIT 1").fetchone())
    change = backend.store.last_change()
    with database:
        for number in range(HISTORY):
            row |= {"id": f"{number:013x}{number:08x}", "name": f"job {number}", "remote_id": f"job_{number}"}
            row["change"] = change + number + 1
            marks = ",".join("?" * len(row))
            database.execute(f"INSERT INTO jobs ({','.join(row)}) VALUES ({marks})", tuple(row.values()))
        database.execute("UPDATE counter SET value = ?", (change + HISTORY + 1,))
    database.close()
    yield from w.until(lambda: len(backend.jobs.by_id) >= HISTORY, 30, "the jobs are in the list")


def drawing(w: Window) -> Generator[float, None, dict[str, float]]:
    """All of the sidebar's drawing, each time that it is drawn."""
    yield 2.0
    draws = [key for key in recorder.holds if key.startswith("panels.") and ".draw" in key]
    recorder.watch_alone(*draws)

    def spent() -> float:
        return sum(sum(recorder.holds[key]) for key in draws)

    redraws: list[float] = []
    for _ in range(60):
        before = spent()
        w.region("UI").tag_redraw()
        yield 0.1
        redraws.append(spent() - before)
    return recorder.summary([each for each in redraws if each])
