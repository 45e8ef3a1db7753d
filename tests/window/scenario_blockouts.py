# SPDX-License-Identifier: GPL-3.0-or-later
"""Block-out cubes become 3D models: in their boxes, with their names, parents and children."""

from math import radians

import bpy
import expected
from driver import Steps, Window

PLACES = {"Left": (-3.0, 0.0, 0.5), "Middle": (0.0, 0.0, 1.0), "Right": (3.0, 0.0, 0.75)}


def steps(w: Window) -> Steps:
    inputs = yield from expected.in_sandbox(w, 6)
    expected.choose_horse(inputs)
    bpy.data.objects.remove(bpy.data.objects["Cube"])
    for name, place in PLACES.items():
        bpy.ops.mesh.primitive_cube_add(size=2 * place[2], location=place)
        bpy.context.selected_objects[0].name = name
    bpy.data.objects["Right"].rotation_euler.z = radians(30)
    bpy.data.objects["Middle"].scale = (0.5, 1.0, 1.0)
    holder = bpy.data.objects.new("Holder", None)
    bpy.context.collection.objects.link(holder)
    bpy.data.objects["Left"].parent = holder
    hat = bpy.data.objects.new("Hat", None)
    bpy.context.collection.objects.link(hat)
    hat.parent, hat.location = bpy.data.objects["Middle"], (0.0, 0.0, 1.5)
    bpy.context.view_layer.update()
    hat_at = hat.matrix_world.translation.copy()
    for name in PLACES:
        bpy.data.objects[name].select_set(True)
    del holder, hat
    expected.settings_of(w).place_mode = "SELECTED"
    yield from w.until(lambda: expected.price(w), 30, "the price is known")
    yield 1.0
    w.picture("blockouts-before")
    yield from w.press("maquette.generate")
    yield 0.7
    w.picture("question")
    w.check(not expected.waiting(), "nothing is spent before the question is answered")
    yield from w.key("Return")
    yield from w.until(lambda: len(expected.waiting()) == 3, 10, "three jobs begin")
    yield 1.5
    w.picture("blockouts-waiting")
    yield from w.until(lambda: all(map(expected.is_placed, PLACES)), 120, "all three arrive, by their names")
    yield 1.0
    w.picture("blockouts")
    low, high = expected.bounds("Middle")
    w.check(abs(low.z) < 1e-3 and high.z <= 2.001, "it stands on the floor of its box", (low, high))
    w.check(high.x - low.x <= 1.001 and high.y - low.y <= 2.001, "and fits into it", high - low)
    w.check(abs(bpy.data.objects["Right"].rotation_euler.z - radians(30)) < 1e-4, "rotations are kept")
    w.check(bpy.data.objects["Left"].parent == bpy.data.objects["Holder"], "parents are kept")
    hat = bpy.data.objects["Hat"]
    is_kept = (
        hat.parent == bpy.data.objects["Middle"] and (hat.matrix_world.translation - hat_at).length < 1e-4
    )
    w.check(is_kept, "children go over and stay where they are", hat.matrix_world.translation)
    w.check({each.name for each in bpy.context.selected_objects} == set(PLACES), "what was selected still is")
    yield from w.move(w.view_point(0.3, 0.3))
    yield from w.key("ctrl+z")
    left = [name for name in PLACES if not expected.is_placed(name)]
    w.check(len(left) == 1 and bpy.data.objects[left[0]].type == "MESH", "undo takes back one alone", left)
    w.check(expected.paid(w) == 3, "three jobs were paid for", expected.paid(w))
    expected.check_opens(w)
