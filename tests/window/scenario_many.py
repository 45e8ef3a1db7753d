# SPDX-License-Identifier: GPL-3.0-or-later
"""Thirty block-outs, one click: thirty jobs, each result in the box and under the name of its cube."""

import bpy
import expected
from driver import Steps, Window

COUNT, SIDE = 30, 0.8


def steps(w: Window) -> Steps:
    inputs = yield from expected.in_sandbox(w, 1)
    expected.choose_horse(inputs)
    bpy.data.objects.remove(bpy.data.objects["Cube"])
    places = {f"Block {n}": (n % 6 - 3.0, n // 6 - 2.0, SIDE / 2) for n in range(COUNT)}
    for name, place in places.items():
        bpy.ops.mesh.primitive_cube_add(size=SIDE, location=place)
        bpy.context.selected_objects[0].name = name
    for item in bpy.data.objects:
        item.select_set(item.name in places)
    expected.settings_of(w).place_mode = "SELECTED"
    yield from w.until(lambda: expected.price(w), 30, "the price is known")
    yield 1.0
    yield from w.press("maquette.generate")
    yield 0.7
    yield from w.key("Return")
    yield from w.until(lambda: len(expected.waiting()) == COUNT, 20, "thirty jobs begin")
    yield 1.5
    w.picture("waiting")
    yield from w.until(lambda: all(map(expected.is_placed, places)), 400, "all arrive, by their names")
    yield 1.0
    w.picture("arrived")
    wrong = [name for name, place in places.items() if not is_in_box(name, place)]
    w.check(not wrong, "each stands in the box of its cube", wrong)
    w.check(expected.paid(w) == COUNT, "thirty jobs were paid for", expected.paid(w))
    expected.check_opens(w)


def is_in_box(name: str, place: tuple[float, float, float]) -> bool:
    low, high = expected.bounds(name)
    reach = SIDE / 2 + 1e-3
    inside = all(place[i] - reach <= low[i] and high[i] <= place[i] + reach for i in range(3))
    return inside and abs(low.z) < 1e-3 and max(high[i] - low[i] for i in range(3)) > SIDE * 0.99
