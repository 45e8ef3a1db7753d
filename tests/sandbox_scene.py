# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension's window code on the sandbox, without a window: its parts, and waiting for what it does."""

import contextlib
import importlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy

PACKAGE = os.environ["MAQUETTE_PACKAGE"]
MODEL = "model_hunyuan-3d-v2-1"


def part(name: str) -> Any:
    return importlib.import_module(f"{PACKAGE}.{name}")


session_state, connection, timer, properties, wait, placeholders = map(
    part,
    (
        "session_state",
        "window.connection",
        "window.timer",
        "properties",
        "window.wait",
        "window.placeholders",
    ),
)
operators: Any = bpy.ops.maquette  # type: ignore[attr-defined]


def opened_backend(folder: Path) -> Iterator[Any]:
    """A backend whose state is in `folder`, until the generator goes on."""
    preferences: Any = bpy.context.preferences.addons[PACKAGE].preferences
    preferences.folder, preferences.is_sandbox = str(folder), True
    preferences.recent = ""  # another module's tests may have used a model
    connection.open_backend()
    until(lambda: session_state.state.catalogue.schema(MODEL))
    yield session_state.state.backend
    connection.close_backend()
    preferences.folder, preferences.is_sandbox = "", False


def empty_scene() -> Any:
    """The usual model is chosen in it."""
    bpy.ops.wm.read_homefile(use_empty=True)
    scene: Any = bpy.context.scene
    scene.maquette.model_id = MODEL
    return scene


def choose_model(model_id: str) -> None:
    """The model is chosen in the open file, once the service has told its inputs."""
    catalogue = session_state.state.catalogue
    catalogue.ask_model(model_id)
    until(lambda: catalogue.schema(model_id))
    settings: Any = bpy.context.scene
    settings.maquette.model_id = model_id
    properties.ensure_inputs(catalogue.schema(model_id))


def until(is_done: Callable[[], object], timeout_s: float = 90.0) -> None:
    """Ticks as a window that is seen does."""
    end = time.monotonic() + timeout_s
    while not is_done():
        session_state.state.drawn_at = time.monotonic()
        timer.tick()
        assert time.monotonic() < end, session_state.state.backend.trouble
        assert not session_state.state.problem
        time.sleep(0.05)


def cancel_all(backend: Any) -> None:
    """Cancels what is under way; what has just ended by itself needs no more."""
    jobs = part("jobs")
    for job_id in list(backend.jobs.by_id):
        with contextlib.suppress(jobs.StoreError, jobs.StaleError):
            backend.store.request_cancel(backend.store.get(job_id))


def newest(backend: Any) -> Any:
    """The job that was added last."""
    return backend.jobs.by_id[backend.jobs.order[0]]
