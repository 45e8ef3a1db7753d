# SPDX-License-Identifier: GPL-3.0-or-later
"""An artist's first hour: sandbox, picture, Generate, modelling on, the 3D model, undo, redo, save, again."""

import bpy
import expected
from driver import Steps, Window


def steps(w: Window) -> Steps:
    expected.slow_down(20)
    yield from w.open_sidebar()
    state = expected.part(w, "session_state").state
    yield from w.until(lambda: state.account == "signed_out", 20, "the two ways in are offered")
    yield 1.0
    w.picture("start", w.region("UI"))
    yield from w.press("maquette.use_sandbox")
    inputs = yield from expected.inputs_shown(w, expected.IMAGE_MODEL)
    expected.choose_horse(inputs)
    yield from w.click((yield from w.find("targetFaceNum")), times=2)
    yield from w.key("ctrl+a")
    yield from w.type("4000")
    yield from w.key("Return")
    w.check(inputs().targetFaceNum == 4000, "a parameter is changed with mouse and keyboard")
    yield from w.until(lambda: expected.price(w), 30, "the price is on the button")
    bpy.context.scene.cursor.location = (0.0, -2.5, 0.0)
    expected.settings_of(w).size = 2.0
    yield 1.5
    w.picture("make", w.region("UI"))
    yield from w.press("maquette.generate")
    yield from w.until(lambda: "horse" in bpy.data.objects, 5, "a placeholder stands there at once")
    placeholder = bpy.data.objects["horse"]
    w.check(placeholder.type == "EMPTY" and "maquette_awaits" in placeholder, "it is an empty that waits")

    # Modelling goes on.
    yield from expected.submitted(w)
    with expected.sandbox_frozen(w):
        cube = w.place_of((0.0, 0.0, 0.0))
        yield from w.click(cube)
        yield from w.key("g", "z")
        yield from w.type("0.5")
        yield from w.key("Return")
        w.check(abs(bpy.data.objects["Cube"].location.z - 0.5) < 1e-5, "a cube can be moved meanwhile")
        yield from w.key("Tab")
        w.check(bpy.context.mode == "EDIT_MESH", "Edit Mode can be entered meanwhile")
        w.picture("waiting")
    yield from w.until(lambda: expected.is_placed("horse"), 120, "the 3D model arrives")
    yield 1.0
    w.picture("arrived-in-edit-mode")
    w.check(bpy.context.mode == "EDIT_MESH", "the artist is still in Edit Mode")
    w.check(bpy.context.view_layer.objects.active.name == "Cube", "the active object is the same")
    low, high = expected.bounds("horse")
    w.check(abs(low.z) < 1e-3, "it stands on the ground", low)
    w.check(abs(max(*(high - low)) - 2.0) < 1e-3, "it has the size asked for", high - low)
    w.check(
        abs((low.x + high.x) / 2) < 1e-2 and abs((low.y + high.y) / 2 + 2.5) < 1e-2, "it stands at the cursor"
    )

    # One step of undo.
    yield from w.move(w.view_point(0.3, 0.3))
    yield from w.key("ctrl+z")
    w.check(not expected.is_placed("horse"), "undo takes it away")
    w.check(
        "horse" in bpy.data.objects and bpy.data.objects["horse"].type == "EMPTY", "the placeholder is back"
    )
    w.check(abs(bpy.data.objects["Cube"].location.z - 0.5) < 1e-5, "and nothing else is undone")
    w.check(bpy.context.mode == "EDIT_MESH", "the mode is kept in undo")
    yield 2.5
    w.check(not expected.is_placed("horse"), "undo stays undone")
    yield from w.key("ctrl+shift+z")
    w.check(expected.is_placed("horse"), "redo brings it back")
    yield from w.key("Tab")
    yield 1.0
    w.picture("arrived")

    # Save, reload, once more.
    file = w.folder / "journey.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(file))
    bpy.ops.wm.open_mainfile(filepath=str(file))
    yield 2.0
    yield from w.open_sidebar()
    w.check(expected.is_placed("horse"), "it is in the saved file")
    w.check(inputs().targetFaceNum == 4000, "the settings are saved with the scene")
    bpy.context.scene.cursor.location = (0.0, 2.5, 0.0)
    yield from w.press("maquette.place_job")
    yield from w.until(lambda: expected.is_placed("horse.001"), 10, "it can be placed again")
    yield 1.0
    w.picture("again")
    w.picture("jobs", w.region("UI"))
    w.check(expected.paid(w) == 1, "one job was paid for", expected.paid(w))
    expected.check_opens(w)
