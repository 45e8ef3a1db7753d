# SPDX-License-Identifier: GPL-3.0-or-later
"""What the artist's hands do with a first result: it is seen, selected, duplicated, deleted, made again."""

from typing import Any

import bpy
import expected
from driver import Steps, Window


def steps(w: Window) -> Steps:
    expected.slow_down(4)
    yield from w.open_sidebar()
    yield from w.press("maquette.use_sandbox")
    inputs = yield from expected.inputs_shown(w, expected.IMAGE_MODEL)
    expected.choose_horse(inputs)
    yield from w.until(lambda: expected.price(w), 30, "the price is on the button")
    yield from w.press("maquette.generate")
    yield from w.until(lambda: "horse" in bpy.data.objects, 5, "a placeholder stands there at once")
    yield 1.0
    w.picture("beside")
    box = bpy.data.objects["horse"]
    w.check(box.location.x > 1.5, "it stands beside the cube at the cursor", box.location)
    w.check(box["maquette_beside"] == "Cube", "and tells so")
    yield from w.until(lambda: expected.is_placed("horse"), 120, "the 3D model arrives")
    yield 1.0
    w.picture("seen")
    low, _ = expected.bounds("horse")
    horse: Any = bpy.data.objects["horse"]
    w.check(low.x > 1, "the cube does not hide it", low)
    w.check(horse.type == "MESH" and not horse.children, "it is one object")
    w.check(horse.data.name == "horse", "its mesh is called as it", horse.data.name)
    w.check(bpy.context.selected_objects == [horse], "it is selected")
    w.check(bpy.context.view_layer.objects.active == horse, "it is active")

    # Everyday actions, by keyboard over the view.
    yield from w.move(w.view_point(0.3, 0.7))
    yield from w.key("KP_Decimal")
    yield 1.0
    w.picture("framed")
    yield from w.key("shift+d", "x")
    yield from w.type("2")
    yield from w.key("Return")
    twin: Any = bpy.context.view_layer.objects.active
    w.check(twin.name == "horse.001" and twin.data.polygons, "Shift D copies the model", twin.name)
    count = len(bpy.context.scene.objects)
    yield from w.key("Delete")
    w.check(len(bpy.context.scene.objects) == count - 1, "Delete removes it")
    yield from w.press("maquette.select_job")
    w.check(bpy.context.selected_objects == [bpy.data.objects["horse"]], "Select in the list selects it")

    # At the cursor after all, and once more.
    yield from w.press("maquette.put_at_cursor")
    w.check(bpy.data.objects["horse"].location.length < 1e-4, "Put at Cursor puts it there")
    yield from w.move(w.view_point(0.3, 0.7))
    yield from w.key("ctrl+z")
    w.check(bpy.data.objects["horse"].location.x > 1.5, "which can be undone")
    yield from w.press("maquette.repeat_job")
    yield from w.until(lambda: len(expected.waiting()) == 1, 5, "Run Again has a placeholder of its own")
    (name,) = expected.waiting()
    yield from w.until(lambda: not expected.waiting() and expected.is_placed(name), 120, "the second arrives")
    yield 1.0
    w.picture("again")
    (_, high), (low, _) = expected.bounds("horse"), expected.bounds(name)
    w.check(high.x <= low.x, "the second stands beside the first", (high, low))
    w.check(bpy.context.selected_objects == [bpy.data.objects[name]], "the second is selected")

    # Replace Selected leaves the camera and the light alone.
    expected.settings_of(w).place_mode = "SELECTED"
    yield from w.move(w.view_point(0.3, 0.7))
    yield from w.key("a")
    yield 1.5
    w.picture("replace", w.region("UI"))
    targets = expected.part(w, "window.placeholders").targets(bpy.context)
    w.check({each.type for each in targets} == {"MESH"}, "only meshes are counted", len(targets))
    expected.check_opens(w)
