# SPDX-License-Identifier: GPL-3.0-or-later
"""A result comes while the artist edits a field of its placeholder, or searches for an action."""

import bpy
import expected
from driver import Steps, Window


def choose(name: str) -> None:
    bpy.ops.object.select_all(action="DESELECT")
    bpy.data.objects[name].select_set(True)
    bpy.context.view_layer.objects.active = bpy.data.objects[name]


def steps(w: Window) -> Steps:
    inputs = yield from expected.in_sandbox(w, 2)
    expected.choose_horse(inputs)
    expected.settings_of(w).place_mode = "ROW"

    # Its name in a popup
    choose((yield from expected.generate(w)))
    yield from w.move(w.view_point(0.3, 0.3))
    yield from w.key("F2")
    yield from w.type("Bucephalus")
    yield from expected.finished(w)
    w.picture("name")
    yield from w.key("Return")
    yield from w.until(lambda: not expected.waiting(), 10, "it arrives when its name was edited meanwhile")
    w.picture("named")

    # A number of it, dragged
    name = yield from expected.generate(w)
    choose(name)
    yield from w.open_sidebar("Item")
    field = yield from w.find(".location")
    yield from w.hold(field, (field[0] + 30, field[1]))
    yield from expected.finished(w)
    w.picture("number")
    yield from w.move((field[0] + 60, field[1]))
    yield from w.release()
    yield from w.until(lambda: not expected.waiting(), 10, "it arrives when its place was edited meanwhile")
    w.picture("numbered")
    yield from w.open_sidebar()

    # Blender's search
    name = yield from expected.generate(w)
    yield from w.move(w.view_point(0.3, 0.3))
    yield from w.key("F3")
    yield from w.type("add cub")
    yield from expected.finished(w)
    yield from w.type("e")
    yield 0.3
    w.picture("search")
    yield from w.key("Return")
    yield from w.until(lambda: "Cube.001" in bpy.data.objects, 5, "the search still works")
    w.check(expected.is_placed(name), "and the result is there")
    expected.check_opens(w)
