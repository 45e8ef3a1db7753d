# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding things: the chooser by task, rows that select and follow, a result's panel, what stops Generate."""

from typing import Any

import bpy
import expected
from answers import answer
from driver import HERE, Steps, Window

EXAMPLES = HERE.parent.parent / "examples"


def shown(w: Window):
    return bpy.context.window_manager.maquette


def active(w: Window) -> str:
    return expected.part(w, "properties").active_job_id(bpy.context.window_manager)


def steps(w: Window) -> Steps:
    state = expected.part(w, "session_state").state
    inputs = yield from expected.in_sandbox(w, 1)

    # The chooser: what works on a mesh while one of the artist's is selected, a double click chooses.
    yield from w.press("maquette.choose_model")
    yield 1.0
    w.picture("chooser-new-scene")
    w.check(shown(w).task == "ALL", "the cube of a new scene is nobody's mesh", shown(w).task)
    yield from w.key("Escape")
    yield from w.key("Escape")
    bpy.data.objects["Cube"].scale.x = 2
    yield from w.move(w.view_point())
    yield from w.press("maquette.choose_model")
    yield 1.0
    w.picture("chooser-mesh")
    w.check(
        shown(w).task == "MESH", "with a mesh selected the chooser lists what works on one", shown(w).task
    )
    yield from w.key("Escape")
    yield from w.key("Escape")
    bpy.data.objects["Cube"].select_set(False)
    yield from w.move(w.view_point())
    yield 0.5
    yield from w.press("maquette.choose_model")
    yield 1.0
    w.picture("chooser-all")
    yield from w.type("trellis")
    yield from w.key("Return")
    yield 0.5
    w.picture("chooser-words")
    w.check({"Trellis"} <= {item.name for item in shown(w).models}, "typing finds models")
    shown(w).search = ""
    x, y = w.known["maquette.choose_model"]
    before = expected.settings_of(w).model_id
    yield from w.click((x - 100, y - 105), times=2)
    yield 1.0
    w.picture("chooser-double-click")
    chosen = expected.settings_of(w).model_id
    w.check(chosen != before, "a double click chooses", chosen)
    yield from w.press("maquette.choose_model")
    yield 1.0
    w.picture("chooser-again")
    yield from w.key("Escape")
    yield from w.key("Escape")
    yield from w.move(w.view_point())
    yield 0.5

    inputs = yield from expected.inputs_shown(w, expected.IMAGE_MODEL)
    expected.choose_horse(inputs)
    name = yield from expected.generate(w)
    yield from w.until(lambda: expected.is_placed(name), 60, "the first arrives")
    yield 1.5
    bpy.context.scene.cursor.location = (3, 0, 0)
    inputs().image = bpy.data.images.load(str(sorted(EXAMPLES.glob("*.png"))[0]))
    yield 2.0
    second = yield from expected.generate(w)
    yield from w.until(lambda: expected.is_placed(second), 60, "another arrives")
    yield 2.0
    yield from w.move(w.view_point())
    w.picture("two")
    w.check(set(state.in_scene.values()) == {name, second}, "both are found in the scene", state.in_scene)

    # Each row shows what came of it.
    picture_of = expected.part(w, "jobs").picture_of
    yield from w.until(
        lambda: all(map(picture_of, state.jobs.by_id.values())), 90, "each row has a picture of its result"
    )
    yield 1.5
    w.picture("rows", w.region("UI"))

    # A click on a row selects and frames; selecting activates the row.
    row = yield from w.find("active_job")
    yield from w.click(row)
    yield 1.0
    w.picture("row-clicked")
    selected = [each.name for each in bpy.context.view_layer.objects if each.select_get()]
    w.check(second in selected, "a click on a row selects its object", selected)
    for each in bpy.context.view_layer.objects:
        each.select_set(each.name == name)
    bpy.context.view_layer.objects.active = bpy.data.objects[name]
    yield from w.until(
        lambda: state.in_scene.get(active(w)) == name, 5, "what is selected has its row chosen"
    )
    yield 0.5
    w.picture("row-follows")
    shown(w).job_search = second[:4]
    yield 0.5
    w.check(len(shown(w).jobs) == 1, "typing filters", len(shown(w).jobs))
    shown(w).job_search = ""
    bpy.data.objects.remove(bpy.data.objects[second])
    yield 2.0
    shown(w).filter = "SCENE"
    yield 1.5
    w.check(len(shown(w).jobs) == 1, "In This Scene lists what is in it", len(shown(w).jobs))
    shown(w).filter = "ALL"
    w.picture("sidebar", w.region("UI"))

    # The result's panel.
    properties_area = w.area("PROPERTIES")
    space: Any = properties_area.spaces.active
    space.context = "OBJECT"
    yield 1.0
    region = w.region("WINDOW", "PROPERTIES")
    yield from w.scroll((region.x + region.width // 2, region.y + region.height // 2), 12)
    yield 0.5
    w.picture("result-panel", w.region("WINDOW", "PROPERTIES"))

    # A broken picture.
    broken = w.folder / "broken.png"
    content = bytearray((EXAMPLES / "horse.png").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = bytes(400)
    broken.write_bytes(content)
    inputs().image = bpy.data.images.load(str(broken))
    blockers = expected.part(w, "window.blockers")
    yield from w.until(lambda: blockers.blocker(bpy.context), 20, "a broken picture stops Generate")
    yield 1.0
    w.picture("broken", w.region("UI"))

    # Too few credits.
    expected.choose_horse(inputs)
    yield from w.until(lambda: expected.price(w), 30, "the price is on the button")
    answer(state.catalogue, "balance", "", 15.0)
    yield 1.5
    w.picture("short", w.region("UI"))
    found = blockers.blocker(bpy.context)
    w.check(found and "short" in found.text, "too few credits stop Generate", found)
    state.catalogue.expire_balance()
    yield 3.0

    # A hidden collection.
    third = yield from expected.generate(w)
    layer = bpy.context.view_layer.layer_collection.children
    for each in layer:
        if bpy.data.objects[third].name in each.collection.objects:
            each.exclude = True
    yield from w.until(lambda: state.hidden, 30, "what arrives in a hidden collection is told")
    yield from w.until(lambda: expected.is_placed(third), 60, "it arrives")
    yield 2.0
    w.picture("hidden", w.region("UI"))
    yield from w.press("maquette.show_hidden")
    yield 1.0
    w.check(bpy.data.objects[third].visible_get(), "a button shows it")
    w.picture("shown")
    expected.check_opens(w)
