# SPDX-License-Identifier: GPL-3.0-or-later
"""A published library is served on this machine: as a team's online library, an asset is dragged from it."""

import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import bpy
import expected
import scenario_library as library
from driver import Steps, Window

SINCE = (5, 2, 0)  # online libraries
NAME = "Team"
NOWHERE = "http://127.0.0.1:9"  # Blender's own online library is not asked


def steps(w: Window) -> Steps:
    if bpy.app.version < SINCE:
        print("  online libraries came with Blender 5.2", flush=True)
        return
    inputs = yield from expected.in_sandbox(w, 0)
    folder = w.folder / "library"
    operators: Any = bpy.ops.maquette  # type: ignore[attr-defined]
    operators.add_library(directory=str(folder))
    expected.choose_horse(inputs)
    yield from expected.generate(w)
    yield from w.until(lambda: expected.is_placed("horse"), 60, "the result is in the scene")
    yield from w.until(lambda: library.assets(folder), 60, "and some seconds later an asset")
    yield from w.until(lambda: "asset" in expected.job(w, 0).result, 20, "as its job knows")
    yield from publish(w, folder)
    libraries: Any = bpy.context.preferences.filepaths.asset_libraries
    for each in list(libraries):
        bpy.ops.preferences.asset_library_remove(index=list(libraries).index(each))
    os.environ |= {"XDG_CACHE_HOME": str(w.folder / "cache"), "HTTPS_PROXY": NOWHERE, "NO_PROXY": "127.0.0.1"}
    words = ["-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(folder), "0"]
    with subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, text=True) as server:
        try:
            said = server.stdout.readline() if server.stdout else ""
            yield from use_online(w, "http://127.0.0.1:" + said.split(" port ")[1].split()[0] + "/")
        finally:
            server.kill()


def publish(w: Window, folder: Path) -> Steps:
    """As `maquette library publish` does."""
    commands = importlib.import_module(f"{w.package}.headless")
    commands.publish_library(folder, with_prices=True)
    yield 0.1


def use_online(w: Window, address: str) -> Steps:
    system: Any = bpy.context.preferences.system
    system.use_online_access = True
    libraries: Any = bpy.context.preferences.filepaths.asset_libraries
    bpy.ops.preferences.asset_library_add(type="REMOTE", remote_url=address)
    libraries[-1].name = NAME
    bpy.ops.wm.read_homefile(use_empty=False)
    yield 1.0
    yield from library.open_browser(w, NAME)
    yield 5.0
    w.picture("online", w.region("WINDOW", "FILE_BROWSER"))
    yield from w.click(library.tile(w))
    yield from library.in_browser(w, bpy.ops.asset.assets_download)  # as its context menu does
    cache = w.folder / "cache"
    yield from w.until(lambda: [*cache.rglob("horse*.blend")], 30, "it is downloaded")
    yield 3.0
    w.picture("downloaded")
    before = set(bpy.data.objects.keys())
    yield from w.hold(library.tile(w), w.view_point(0.3, 0.6), hops=20)
    yield from w.release()
    yield from w.until(lambda: set(bpy.data.objects.keys()) - before, 30, "it is dragged into the scene")
    yield 1.0
    w.picture("dragged")
