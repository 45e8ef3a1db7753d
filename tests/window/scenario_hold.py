# SPDX-License-Identifier: GPL-3.0-or-later
"""Results are held back while a render runs or a tool has the mouse, and come right afterwards."""

from typing import Any

import bpy
import expected
from driver import Steps, Window
from expected import job


def cube_at() -> expected.Vector:
    return bpy.data.objects["Cube"].location.copy()


def mask() -> float:
    """How much of the cube is masked for sculpting, in vertices."""
    found: Any = bpy.data.meshes["Cube"].attributes.get(".sculpt_mask")
    return sum(each.value for each in found.data) if found else 0.0


def steps(w: Window) -> Steps:
    inputs = yield from expected.in_sandbox(w, 2)
    expected.choose_horse(inputs)
    expected.settings_of(w).place_mode = "ROW"
    bpy.context.scene.cursor.location = (-4.0, -3.0, 0.0)

    # A render, as long as it takes
    bpy.context.preferences.view.render_display_type = "NONE"
    render = bpy.context.scene.render
    render.engine, render.resolution_percentage = "CYCLES", 25
    render.threads_mode, render.threads = "FIXED", 1
    cycles = bpy.context.scene.cycles
    cycles.samples, cycles.use_adaptive_sampling, cycles.use_denoising = 1_000_000, False, False
    del render, cycles
    yield from expected.generate(w)
    with expected.sandbox_frozen(w):
        yield from w.move(w.view_point(0.3, 0.3))
        yield from w.key("F12")
        yield from w.until(lambda: bpy.app.is_job_running("RENDER"), 10, "a render runs")
    yield from expected.held_back(w, "a render runs")
    w.picture("render")
    w.check(bpy.app.is_job_running("RENDER"), "the render still runs")
    yield from w.key("Escape")
    yield from w.until(lambda: not bpy.app.is_job_running("RENDER"), 10, "the render is ended")
    yield from w.move(w.view_point(0.35, 0.3))  # Blender's operator ends with the next event
    yield from w.until(lambda: expected.is_placed("horse"), 10, "it comes when the render has ended")

    # Grab
    yield from expected.generate(w)
    bpy.ops.object.select_all(action="DESELECT")
    bpy.data.objects["Cube"].select_set(True)
    with expected.sandbox_frozen(w):
        yield from w.move(w.view_point(0.3, 0.3))
        yield from w.key("g")
        yield from w.move(w.view_point(0.4, 0.35))
    yield from expected.held_back(w, "a tool has the mouse")
    yield from w.move(w.view_point(0.45, 0.4))
    w.picture("grab")
    moved = cube_at()
    yield from w.click(w.view_point(0.45, 0.4))
    yield from w.until(lambda: expected.is_placed("horse.001"), 5, "it comes when the tool is done")
    w.check(cube_at() == moved and moved.length > 0.1, "the tool did its work", moved)
    yield from w.key("ctrl+z")
    w.check(not expected.is_placed("horse.001") and cube_at() == moved, "undo takes what came alone")
    yield from w.key("ctrl+z")
    w.check(cube_at().length == 0, "and then the tool's work")

    # Knife, in Edit Mode
    name = yield from expected.generate(w)
    bpy.context.view_layer.objects.active = bpy.data.objects["Cube"]
    with expected.sandbox_frozen(w):
        yield from w.move(w.place_of((0.0, 0.0, 0.0)))
        yield from w.key("Tab", "k")
        yield from w.click(w.place_of((0.0, -0.5, 1.0)))
    yield from expected.held_back(w, "the knife is out")
    w.picture("knife")
    yield from w.click(w.place_of((0.0, 0.5, 1.0)))
    yield from w.key("Return")
    yield from w.until(lambda: expected.is_placed(name), 5, "it comes when the cut is made")
    w.check(bpy.context.mode == "EDIT_MESH", "the artist is still in Edit Mode")
    yield from w.key("Tab")
    w.check(len(bpy.data.meshes["Cube"].vertices) > 8, "the cut is made")

    # Sculpt Mode holds nothing back
    yield from expected.in_view(w, lambda: bpy.ops.object.mode_set("EXEC_DEFAULT", True, mode="SCULPT"))
    yield from w.move(w.view_point(0.3, 0.3))
    yield from w.key("ctrl+i")
    w.check(mask() > 0, "the artist works on a mask")
    name = yield from expected.generate(w)
    yield from w.until(lambda: expected.is_placed(name), 60, "one arrives in Sculpt Mode")
    yield 0.5
    w.picture("sculpt")
    w.check(bpy.context.mode == "SCULPT", "the artist is still in Sculpt Mode", bpy.context.mode)
    yield from w.move(w.view_point(0.3, 0.3))
    yield from w.key("ctrl+z")
    w.check(name in expected.waiting() and mask() > 0, "undo takes it away, alone")
    w.check(bpy.context.mode == "SCULPT", "and the mode stays", bpy.context.mode)
    w.check(job(w, 0).state == "placed", "the list says that it was placed")
    expected.check_opens(w)
