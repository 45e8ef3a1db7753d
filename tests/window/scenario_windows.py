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
    yield from expected.generate(w)

    # Undo and redo while it waits, then a copy, which is hidden
    yield from w.move(w.view_point(0.3, 0.3))
    yield from w.key("ctrl+z")
    w.check("horse" not in bpy.data.objects, "undo takes the placeholder away")
    yield from w.key("ctrl+shift+z")
    w.check(expected.waiting() == {"horse"}, "redo brings it back", expected.waiting())
    bpy.ops.object.select_all(action="DESELECT")
    bpy.data.objects["horse"].select_set(True)
    yield from w.key("shift+d", "x")
    yield from w.type("3")
    yield from w.key("Return")
    w.check(expected.waiting() == {"horse", "horse.001"}, "it is duplicated", expected.waiting())
    yield from w.key("h")
    w.check(bpy.data.objects["horse.001"].hide_get(), "and the copy hidden")
    w.picture("first")

    # Another window with a scene of its own
    with bpy.context.temp_override(window=w.window):
        bpy.ops.wm.window_new_main()
    yield 1.5
    first, w.number = bpy.context.scene.name, 1
    w.window.scene = bpy.data.scenes.new("Second")
    yield from w.open_sidebar()
    inputs = yield from expected.inputs_shown(w, expected.IMAGE_MODEL)
    inputs().image = bpy.data.images.load(str(expected.EXAMPLES / "cat.png"))
    inputs().targetFaceNum = 2000
    yield from expected.in_view(w, lambda: cast("Any", bpy.ops).maquette.generate("INVOKE_DEFAULT"))
    yield 1.0
    w.picture("second")
    names = "horse", "horse.001", "cat"
    w.check(expected.waiting() == set(names), "jobs of both scenes wait", expected.waiting())
    yield from w.move(w.view_point(0.3, 0.3))
    yield from w.key("alt+F4")
    yield 1.0
    w.check(len(bpy.context.window_manager.windows) == 1, "a window is closed")
    w.number = 0
    yield from w.until(lambda: all(map(expected.is_placed, names)), 90, "all arrive")
    yield 1.0
    w.picture("placed")
    scenes = [[scene.name for scene in bpy.data.objects[name].users_scene] for name in names]
    w.check(scenes == [[first], [first], ["Second"]], "each in its own scene", scenes)
    expected.check_opens(w)
