# SPDX-License-Identifier: GPL-3.0-or-later
"""Two windows with a scene each: every result goes to its scene, whatever is closed, undone or hidden."""

from typing import Any, cast

import bpy
import expected
from driver import Steps, Window


def steps(w: Window) -> Steps:
    inputs = yield from expected.in_sandbox(w, 45)
    expected.choose_horse(inputs)
    bpy.context.scene.cursor.location = (0.0, -3.0, 0.0)
    yield from w.until(lambda: expected.price(w), 30, "the price for the first scene is known")

    # Another window with a scene of its own, which is closed while its job is under way
    with bpy.context.temp_override(window=w.window):
        bpy.ops.wm.window_new_main()
    yield 1.5
    first, w.number = bpy.context.scene.name, 1
    w.window.scene = bpy.data.scenes.new("Second")
    yield from w.open_sidebar()
    inputs = yield from expected.inputs_shown(w, expected.IMAGE_MODEL)
    inputs().image = bpy.data.images.load(str(expected.EXAMPLES / "cat.png"))
    inputs().targetFaceNum = 2000
    yield from w.until(lambda: expected.price(w), 30, "the price for the second scene is known")
    yield 1.0
    w.picture("second")
    maquette = cast("Any", bpy.ops).maquette
    yield from expected.in_view(w, lambda: maquette.generate("INVOKE_DEFAULT", True))
    w.check(expected.waiting() == {"cat"}, "a job for the second scene begins", expected.waiting())
    yield from expected.submitted(w)
    with expected.sandbox_frozen(w):
        yield from w.move(w.view_point(0.3, 0.3))
        yield from expected.close_window(w)
        w.number = 0

        # Undo and redo while another one waits in the first, then a copy, which is hidden
        yield from expected.generate(w)
        yield from w.move(w.view_point(0.3, 0.3))
        yield from w.key("ctrl+z")
        w.check(expected.waiting() == {"cat"}, "undo takes its placeholder away, alone", expected.waiting())
        yield from w.key("ctrl+shift+z")
        w.check(expected.waiting() == {"horse", "cat"}, "redo brings it back", expected.waiting())
        bpy.ops.object.select_all(action="DESELECT")
        bpy.data.objects["horse"].select_set(True)
        yield from w.key("shift+d", "x")
        yield from w.type("3")
        yield from w.key("Return")
        yield from w.key("h")
        names = "horse", "horse.001", "cat"
        w.check(expected.waiting() == set(names), "it is duplicated, and all three wait", expected.waiting())
        w.check(bpy.data.objects["horse.001"].hide_get(), "the copy is hidden")
        w.picture("first")
    yield from w.until(lambda: all(map(expected.is_placed, names)), 90, "all arrive")
    yield 1.0
    w.picture("placed")
    scenes = [[scene.name for scene in bpy.data.objects[name].users_scene] for name in names]
    w.check(scenes == [[first], [first], ["Second"]], "each in its own scene", scenes)
    expected.check_opens(w)
