# SPDX-License-Identifier: GPL-3.0-or-later
"""Four views of one area: each has its labels where its own camera sees the placeholder.."""

from collections.abc import Iterator
from typing import Any, cast

import bpy
import expected
from bpy_extras.view3d_utils import location_3d_to_region_2d
from driver import Steps, Window
from mathutils import Vector

CLICKS, APART_S = 20, 1.2


def steps(w: Window) -> Steps:
    inputs = yield from expected.in_sandbox(w, 600)
    expected.choose_horse(inputs)
    bpy.context.scene.cursor.location = (1.0, 2.0, 0.5)
    name = yield from expected.generate(w)
    seen: dict[int, list[Vector]] = {}
    overlay = expected.part(w, "panels.overlay")
    drawn = overlay.draw_bars

    def watched(bars: list[Any], unit: float) -> None:
        seen[bpy.context.region.as_pointer()] = [place.copy() for place, _ in bars]
        drawn(bars, unit)

    overlay.draw_bars = watched
    yield from expected.in_view(w, lambda: bpy.ops.screen.region_quadview())
    yield 2.0
    w.picture("quad")
    for region in views(w):
        item = bpy.data.objects[name]
        view: Any = region.data
        top = location_3d_to_region_2d(region, view, item.matrix_world @ Vector((0, 0, 0.5)))
        places = seen.get(region.as_pointer(), [])
        is_there = len(places) == 1 and top is not None and (places[0] - top).length < 20 * w.scale
        w.check(is_there, "a label stands above its placeholder in each of four views", (places, top))
    yield from expected.in_view(w, lambda: bpy.ops.screen.region_quadview())
    overlay.draw_bars = drawn
    yield 1.0

    button = yield from w.find("maquette.generate")
    before = len(expected.backend(w).jobs.order)
    for _ in range(CLICKS):
        yield from w.click(button)
        yield APART_S
    made = len(expected.backend(w).jobs.order) - before
    w.check(made == CLICKS, f"{CLICKS} clicks {APART_S} s apart are {CLICKS} jobs", made)
    yield from w.click(button, times=2)
    yield 1.0
    made = len(expected.backend(w).jobs.order) - before - CLICKS
    w.check(made == 1, "a double click is one", made)
    w.picture("many")
    for job in list(expected.backend(w).jobs.by_id.values()):
        if job.is_working:
            cast("Any", bpy.ops).maquette.cancel_job(job_id=job.id)
    yield 2.0


def views(w: Window) -> Iterator[bpy.types.Region]:
    yield from (region for region in w.area().regions if region.type == "WINDOW" and region.width > 1)
