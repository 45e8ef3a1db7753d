# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's autosave comes while jobs run, and what it saves still waits for its result."""

import os
import time
from typing import Any

import bpy
import expected
from driver import Steps, Window

AFTER_S = 100  # with an autosave time of one minute


def steps(w: Window) -> Steps:
    folder = w.folder / "autosaved"
    folder.mkdir()
    paths = bpy.context.preferences.filepaths
    paths.temporary_directory = str(folder)
    inputs = yield from expected.in_sandbox(w, AFTER_S + 60)
    expected.choose_horse(inputs)
    yield from expected.generate(w)
    paths.use_auto_save_temporary_files, paths.auto_save_time = True, 1
    start, moved = time.monotonic(), 0
    yield from w.move(w.view_point(0.3, 0.3))

    def saved() -> list[os.DirEntry[str]]:
        return [entry for entry in os.scandir(folder) if entry.name.endswith("autosave.blend")]

    while not saved() and time.monotonic() - start < AFTER_S:
        bpy.data.objects["Cube"].select_set(True)
        yield from w.key("g", "x")
        yield from w.type("0.01")
        yield from w.key("Return")
        moved += 1
        yield 4.0
    took = time.monotonic() - start
    found = f"{took:.0f} s, {os.listdir(folder)}"
    w.check(saved(), f"autosave comes within {AFTER_S} s while a job runs", found)
    w.check(took > 50, "at its own time", f"{took:.0f} s, {moved} times something was moved")
    w.check(expected.job(w, 0).is_working, "the job is still under way", expected.job(w, 0).state)
    w.picture("saved")
    for file in saved()[:1]:
        loaded: Any = bpy.data.libraries.load(file.path)  # the stubs say None
        with loaded as (source, _):
            w.check("horse" in source.objects, "the file that was saved has the placeholder", source.objects)
    expected.check_opens(w)
