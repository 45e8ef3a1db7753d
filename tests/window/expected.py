# SPDX-License-Identifier: GPL-3.0-or-later
"""What scenarios look at: the scene, the job store of the user's folder, what held the main thread."""

import contextlib
import os
import re
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, cast

import bpy
import recorder
from driver import BUSY, HERE, Steps, Window
from mathutils import Vector

EXAMPLES = HERE.parent.parent / "examples"
IMAGE_MODEL = "model_hunyuan-3d-v2-1"
SANDBOX_OPTIONS = "MAQUETTE_SANDBOX_OPTIONS"
# The last are Popen's pipes.
START = re.compile(
    r"sqlite3\.connect|subprocess\.Popen|worker\.log|account\.json|maquette\.db|/profiles\b|open \d+$"
)
STARTS_MAX = 30  # of all these, in a scenario with thousands of ticks


def slow_down(seconds: float) -> None:
    """Has the sandbox take so long for each job; before it is started."""
    os.environ[SANDBOX_OPTIONS] = f"--delay {seconds}"


def part(w: Window, name: str) -> Any:
    """A module of the installed extension."""
    return sys.modules[f"{w.package}.{name}"]


def backend(w: Window) -> Any:
    return part(w, "session_state").state.backend


def settings_of(w: Window) -> Any:
    """The settings of the scene in the window."""
    return cast("Any", w.window.scene).maquette


def in_sandbox(
    w: Window, seconds: float, model_id: str = IMAGE_MODEL
) -> Generator[float, None, Callable[[], Any]]:
    """Opens the sidebar and in it the sandbox, which takes so long for each job; see `inputs_shown`."""
    slow_down(seconds)
    yield from w.open_sidebar()
    yield from w.press("maquette.use_sandbox")
    return (yield from inputs_shown(w, model_id))


def choose_horse(inputs: Callable[[], Any]) -> None:
    """The image model's usual input, with few faces."""
    inputs().image = bpy.data.images.load(str(EXAMPLES / "horse.png"), check_existing=True)
    inputs().targetFaceNum = 2000


def inputs_shown(w: Window, model_id: str) -> Generator[float, None, Callable[[], Any]]:
    """Chooses the model, waits for its inputs, and returns a function that gets the group that holds them."""
    yield from w.until(
        lambda: backend(w) and model_id in backend(w).catalogue.models, 60, "the catalogue is there"
    )
    settings, properties = settings_of(w), part(w, "properties")
    if settings.model_id != model_id:
        settings.model_id = model_id
        w.region("UI").tag_redraw()

    def group() -> Any:
        return properties.inputs_of(settings_of(w), model_id)

    yield from w.until(
        lambda: backend(w).catalogue.schema(model_id) and group(), 30, "the model's inputs are there"
    )
    return group


def price(w: Window) -> float | None:
    """What Generate would cost in the window's scene, once that is known."""
    with bpy.context.temp_override(window=w.window):
        return part(w, "window").wanted_now(bpy.context).cost_cu


def shown(w: Window) -> Any:
    """What the open dialog tells, in which a 3D model is described; None if there is none."""
    return part(w, "window").dialog.shown()


def is_read(w: Window) -> bool:
    """Whether that dialog has told the price for long enough."""
    with bpy.context.temp_override(window=w.window):
        return part(w, "window").dialog.is_read(bpy.context)


def close_window(w: Window) -> Steps:
    """The window manager closes the second window; on a busy machine it may miss the keys that ask for it."""

    def is_closed() -> bool:
        return len(bpy.context.window_manager.windows) == 1

    for _ in range(3):
        if not is_closed():
            yield from w.key("alt+F4")
        deadline = time.monotonic() + 8.0 * BUSY  # pressed again too soon, they would close the first one
        while not is_closed() and time.monotonic() < deadline:
            yield 0.1
    w.check(is_closed(), "its window is closed")


def generate(w: Window) -> Generator[float, None, str]:
    """Waits for the price, presses Generate, waits for the placeholder and returns its name."""
    yield from w.until(lambda: price(w), 30, "the price is on the button")
    known = waiting()
    yield from w.press("maquette.generate")
    yield from w.until(lambda: waiting() - known, 10, "a placeholder stands there")
    return (waiting() - known).pop()


def finished(w: Window) -> Generator[float, None, None]:
    """Waits until the newest job is ready, and gives it time to arrive."""
    yield from w.until(lambda: job(w, 0).state in ("ready", "placed"), 60, "the job is done")
    yield 1.5


def held_back(w: Window, why: str) -> Generator[float, None, None]:
    """Waits until the newest job is ready, and checks that it is not placed yet; `why` is a clause."""
    before = waiting()
    yield from w.until(lambda: job(w, 0).state == "ready", 60, f"a job becomes ready while {why}")
    yield 1.5
    w.check(waiting() == before, f"it is held back while {why}", before - waiting())


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
    jobs = backend(w).jobs
    return jobs.by_id[jobs.order[place]]


def processes_of(folder: Path) -> dict[int, str]:
    """Command lines of processes that work in this folder, this one apart."""
    found = {}
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:  # it has just ended
            continue
        if str(folder) in line and f"/{os.getpid()}/" not in str(file) and "run.py" not in line:
            found[int(file.parent.name)] = line
    return found


@contextlib.contextmanager
def sandbox_frozen(w: Window) -> Iterator[None]:
    """No result comes meanwhile, however long a busy machine takes to press the keys: within a minute, after
    which a request is given up.
    """
    # More than one while it starts another program: a copy of it that is about to become that.
    frozen = [pid for pid, line in processes_of(w.folder).items() if " sandbox.server " in line]
    assert frozen
    for process in frozen:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in frozen:
            os.kill(process, signal.SIGCONT)


def submitted(w: Window) -> Steps:
    """Waits until the service has the newest job."""
    yield from w.until(lambda: job(w, 0).state in ("queued", "running"), 60, "the service has the job")


def is_placed(name: str) -> bool:
    found = bpy.data.objects.get(name)
    return found is not None and "maquette_min" in found and bool(found.users_collection)


def bounds(name: str) -> tuple[Vector, Vector]:
    """Lowest and highest corner in the world of the result that has this name."""
    bpy.context.view_layer.update()
    root = bpy.data.objects[name]
    points = [
        item.matrix_world @ Vector(corner)
        for item in (root, *root.children_recursive)
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


def check_opens(w: Window) -> None:
    """No draw, poll or tick opens anything. How long each holds the window is in the result, and no test."""
    opened = {
        name: what
        for name, events in recorder.opened.items()
        # The click that ends MAQUETTE_OT_place_under_mouse.modal is what `execute` is elsewhere.
        if not name.endswith((".invoke", ".execute", ".register", "place_under_mouse.modal"))
        and (what := [each for each in events if not (name.endswith(".tick") and START.search(each))])
    }
    w.check(not opened, "ticks, draws and polls open no file and no socket", opened)
    count = sum(events.total() for name, events in recorder.opened.items() if name.endswith(".tick"))
    w.check(count <= STARTS_MAX, "but the store, and its worker when it starts", count)
