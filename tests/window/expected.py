# SPDX-License-Identifier: GPL-3.0-or-later
"""What scenarios look at: the scene, the job store of the user's folder, what held the main thread."""

import os
import sqlite3
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import bpy
import recorder
from driver import Window
from mathutils import Vector

SANDBOX_OPTIONS = "MAQUETTE_SANDBOX_OPTIONS"
TICK_MS = 50.0  # no part of Maquette's own may hold the main thread for longer; clicks and arrivals are named


def slow_down(seconds: float) -> None:
    """Has the sandbox take so long for each job; before it is started."""
    os.environ[SANDBOX_OPTIONS] = f"--delay {seconds}"


def part(w: Window, name: str) -> Any:
    """A module of the installed extension."""
    return sys.modules[f"{w.package}.{name}"]


def desk(w: Window) -> Any:
    return part(w, "jobs.holder").current()


def inputs_shown(w: Window, model_id: str) -> Generator[float, None, Callable[[], Any]]:
    """Chooses the model, waits for its inputs, and returns a function that gets the group that holds them."""
    yield from w.until(lambda: desk(w) and model_id in desk(w).models, 60, "the catalogue is there")
    settings, properties = bpy.context.scene.maquette, part(w, "properties")
    if settings.model_id != model_id:
        settings.model_id = model_id

    def group() -> Any:
        return properties.inputs_of(bpy.context.scene.maquette, model_id)

    yield from w.until(lambda: desk(w).schema(model_id) and group(), 30, "the model's inputs are there")
    return group


def price(w: Window) -> float | None:
    key = part(w, "jobs.holder").state.price_keys.get(bpy.context.scene.name, "")
    found = desk(w).price(key)
    return found and found.cost_cu


def generate(w: Window) -> Generator[float, None, None]:
    """Waits for the price, presses Generate, and waits for the placeholder."""
    yield from w.until(lambda: price(w), 30, "the price is on the button")
    known = waiting()
    yield from w.press("maquette.generate")
    yield from w.until(lambda: waiting() - known, 10, "a placeholder stands there")


def in_view(w: Window, act: Callable[[], object]) -> Generator[float, None, None]:
    """Does it with the 3D view as the context, as its own buttons would."""
    with bpy.context.temp_override(window=w.window, area=w.area(), region=w.region("WINDOW")):
        act()
    yield 0.2


def waiting() -> set[str]:
    """Names of the objects that wait for a result."""
    return {item.name for item in bpy.data.objects if "maquette_awaits" in item}


def job(w: Window, place: int) -> Any:
    """A job of the list, newest first."""
    found = desk(w)
    return found.jobs[found.order[place]]


def processes_of(folder: Path) -> list[str]:
    """Command lines of processes that work in this folder, this one apart."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:  # it has just ended
            continue
        if str(folder) in line and f"/{os.getpid()}/" not in str(file) and "run.py" not in line:
            found.append(line)
    return found


def is_placed(name: str) -> bool:
    found = bpy.data.objects.get(name)
    return found is not None and "maquette_min" in found and bool(found.users_collection)


def bounds(name: str) -> tuple[Vector, Vector]:
    """Lowest and highest corner in the world of what came under this root."""
    bpy.context.view_layer.update()
    root = bpy.data.objects[name]
    points = [
        item.matrix_world @ Vector(corner)
        for item in root.children_recursive
        if item.type == "MESH"
        for corner in item.bound_box
    ]
    low, high = (Vector([pick(axis) for axis in zip(*points, strict=True)]) for pick in (min, max))
    return low, high


def paid(w: Window) -> int:
    """How many jobs the sandbox has taken money for."""
    folder = part(w, "preferences").state_folder() / "sandbox"
    with sqlite3.connect(f"file:{folder / 'sandbox.db'}?mode=ro", uri=True) as database:
        return database.execute("SELECT count(*) FROM records WHERE kind = 'job'").fetchone()[0]


def check_holds(w: Window) -> None:
    """Nothing of ours holds the window up, and draws and ticks open nothing."""
    report = recorder.report()
    slow = {name: hold for name, hold in report["holds"].items() if hold["max_ms"] > TICK_MS}
    w.check(not slow, f"nothing of ours holds the main thread for more than {TICK_MS:.0f} ms", slow)
