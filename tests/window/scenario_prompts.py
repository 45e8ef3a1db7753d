# SPDX-License-Identifier: GPL-3.0-or-later
"""Each thing has its own words, and a 3D model begins where its image is: by mouse and keyboard."""

import shutil
from pathlib import Path
from typing import Any

import bpy
import expected
from driver import Place, Steps, Window
from expected import EXAMPLES, Vector

WORDS_MODEL = "model_scenario-voxels"
NAMES = ("Chair", "Oak_Table", "Lamp", "Vase", "Rug", "Shelf", "Stool", "Clock", "Bowl", "Chair.001")


def steps(w: Window) -> Steps:
    inputs = yield from expected.in_sandbox(w, 2, WORDS_MODEL)
    shutil.copytree(EXAMPLES, images(w))  # files that are dropped together are of one folder
    bpy.data.images.load(str(images(w) / "coffee.png"))  # the first of a session costs Blender some 80 ms
    yield from own_words(w)
    inputs = yield from expected.inputs_shown(w, expected.IMAGE_MODEL)
    inputs().targetFaceNum = 2000
    yield from under_mouse(w)
    yield from three_images(w, inputs)
    yield from from_image_editor(w)
    yield from from_add_menu(w)
    yield from menus(w)
    inputs = yield from expected.inputs_shown(w, WORDS_MODEL)
    yield from ten_boxes(w, inputs)
    expected.check_opens(w)


def images(w: Window) -> Path:
    return w.folder / "images"


def boxes(*names: str) -> None:
    for each in list(bpy.data.objects):
        bpy.data.objects.remove(each)
    for number, name in enumerate(names):
        bpy.ops.mesh.primitive_cube_add(size=1, location=(number % 5 * 2 - 4, number // 5 * 2 - 1, 0.5))
        bpy.context.object.name = name  # type: ignore[union-attr]
    bpy.ops.object.select_all(action="DESELECT")


def prompts(w: Window) -> dict[str, str]:
    return {job.name: job.inputs.get("prompt", "") for job in expected.backend(w).jobs.by_id.values()}


def ten_boxes(w: Window, inputs: Any) -> Steps:
    boxes(*NAMES)
    yield from w.move(w.view_point())
    yield from w.key("a")
    expected.settings_of(w).place_mode = "SELECTED"
    yield 0.3
    w.check(expected.settings_of(w).use_object_names, "names are used where the prompt is empty")
    yield 2.0
    w.picture("ten-names")
    inputs().prompt = "a {name}, weathered oak"
    yield 1.0
    yield from w.until(lambda: expected.price(w), 30, "the price is known")
    yield 0.5
    yield from w.press("maquette.generate")
    yield 0.7
    w.picture("ten-question")
    before = expected.paid(w)
    yield from w.key("Escape")
    bpy.context.preferences.view.ui_scale = 2.0
    yield 1.0
    yield from ask(w)
    w.picture("ten-question-2x")
    yield from w.key("Escape")
    bpy.context.preferences.view.ui_scale = 1.0
    yield 1.0
    yield from ask(w)
    w.check(not expected.waiting(), "nothing is begun before the question is answered")
    yield from w.key("Return")
    yield from w.until(lambda: len(expected.waiting()) == 10, 10, "ten jobs begin")
    found = prompts(w)
    w.check(found["Chair"] == "a chair, weathered oak", "each has its name in its prompt", found)
    w.check(found["Oak_Table"] == "an oak table, weathered oak", "in words", found["Oak_Table"])
    w.check(found["Chair.001"] == "a chair, weathered oak", "without numbers", found["Chair.001"])
    yield from w.until(lambda: expected.paid(w) == before + 10, 90, "ten are paid for")
    yield from w.until(lambda: any(map(expected.is_placed, NAMES)), 120, "the first arrives, by its name")
    yield 0.5
    w.picture("ten-placed")
    # Scenario `blockouts` sees them all arrive.
    boxes()


def ask(w: Window) -> Steps:
    """Generate, without the sidebar's button."""
    ask_now: Any = bpy.ops.maquette.generate  # type: ignore[attr-defined]
    yield from expected.in_view(w, lambda: ask_now("INVOKE_DEFAULT"))
    yield 1.0


def own_words(w: Window) -> Steps:
    """Object Properties › Maquette."""
    boxes("Chair")
    item: Any = bpy.data.objects["Chair"]
    bpy.context.view_layer.objects.active = item
    item.select_set(True)
    item.maquette.prompt = "a red {name}"
    space: Any = w.area("PROPERTIES").spaces.active
    space.context = "OBJECT"
    yield 0.5
    region = w.region("WINDOW", "PROPERTIES")
    heading = (region.x + region.width // 2, region.y + region.height - 529)
    yield from w.click(heading)  # as far down as Maquette's panel is
    yield from w.scroll(heading, 8)
    yield 0.5
    w.picture("object-properties", region)


def drop(w: Window, place: Place, *files: Path) -> Steps:
    yield from w.drop_files(place, *files)
    yield 0.5
    w.picture(f"drop-{len(files)}")
    yield from w.key("m")  # the letter that is underlined in Make a 3D Model Here


def three_images(w: Window, inputs: Any) -> Steps:
    boxes()
    inputs().image = None
    before = expected.paid(w)
    names = ("horse", "cat", "coffee")
    files = [images(w) / f"{name}.png" for name in names]
    broken = images(w) / "broken.png"
    content = files[0].read_bytes()
    broken.write_bytes(content[: len(content) // 2])
    yield from drop(w, w.view_point(), *files, broken)
    yield from w.until(lambda: inputs().image, 10, "the first image is the input")
    yield 2.5
    w.picture("three-question")
    w.check(expected.paid(w) == before, "nothing is paid before the answer")
    yield from w.key("Down")  # to the second answer: the first is under the mouse
    yield from w.key("Return")
    yield from w.until(lambda: len(expected.waiting()) == 3, 10, "three jobs begin")
    yield from w.until(lambda: expected.paid(w) == before + 3, 60, "three are paid for")
    w.picture("three-waiting")
    places = [bpy.data.objects[name].location.xy for name in names]
    w.check(min((places[0] - each).length for each in places[1:]) > 0.9, "side by side", places)


def from_image_editor(w: Window) -> Steps:
    area = w.area("OUTLINER")
    area.type = "IMAGE_EDITOR"
    yield 0.5
    space: Any = w.area("IMAGE_EDITOR").spaces.active
    space.image = bpy.data.images["cat.png"]
    before = expected.paid(w)
    region = w.region("WINDOW", "IMAGE_EDITOR")
    for answer in ("Escape", "Return"):
        yield from w.move((region.x + region.width // 2, region.y + region.height // 2))
        yield from w.key("F3")
        yield from w.type("make 3d model")
        yield 0.4
        w.picture("image-search")
        yield from w.key("Return")
        yield 3.0
        w.picture(f"image-question-{answer}")
        w.check(expected.paid(w) == before, "nothing is paid before the answer")
        yield from w.key(answer)
        yield 0.5
    yield from w.until(lambda: expected.paid(w) == before + 1, 30, "one is paid for")
    w.area("IMAGE_EDITOR").type = "OUTLINER"


def from_add_menu(w: Window) -> Steps:
    before = expected.paid(w)
    yield from w.move(w.view_point())
    yield from w.key("shift+a")
    yield 0.5
    w.picture("add-menu")
    yield from w.key("Escape")
    yield from w.search("3d model from text")
    yield 0.5
    yield from w.type("a weathered oak chair")
    yield from w.key("Return")
    yield from w.until(lambda: expected.is_read(w), 30, "the dialog shows the price")
    w.picture("text-dialog")
    yield from w.key("Return")
    yield from w.until(lambda: expected.paid(w) == before + 1, 30, "one is made of words")
    job = expected.job(w, 0)
    w.check(dict(job.inputs) == {"prompt": "a weathered oak chair"}, "of these words alone", job.inputs)


def menus(w: Window) -> Steps:
    view = bpy.context.preferences.view
    for scale in (2.0, 1.0):
        view.ui_scale = scale
        yield 1.0
        yield from each_menu(w, f"-{scale:.0f}x")


def each_menu(w: Window, end: str) -> Steps:
    yield from w.move(w.view_point(0.4, 0.5))
    item = bpy.data.objects["horse"]
    bpy.context.view_layer.objects.active = item
    item.select_set(True)
    yield from w.click(w.view_point(0.4, 0.5), 3)
    yield 0.5
    w.picture(f"context-menu{end}")
    yield from w.key("Escape")
    with bpy.context.temp_override(window=w.window, area=w.area(), region=w.region("WINDOW")):
        bpy.ops.wm.call_menu(name="MAQUETTE_MT_object")
    yield 0.5
    w.picture(f"object-menu{end}")
    yield from w.key("Escape")
    with bpy.context.temp_override(window=w.window, area=w.area(), region=w.region("WINDOW")):
        bpy.ops.wm.call_menu(name="MAQUETTE_MT_menu")
    yield 0.5
    w.picture(f"maquette-menu{end}")
    yield from w.key("Escape")


def under_mouse(w: Window) -> Steps:
    boxes("Table")
    inputs = yield from expected.inputs_shown(w, expected.IMAGE_MODEL)
    inputs().image = bpy.data.images.load(str(images(w) / "horse.png"), check_existing=True)
    expected.settings_of(w).place_mode = "MOUSE"
    yield from w.until(lambda: expected.price(w), 30, "the price is known")
    before, top = expected.paid(w), Vector((-4.0, -1.0, 1.0))
    button = yield from w.find("maquette.generate")
    yield from w.click(button, times=2)  # the second click of a double click is none in the view
    yield from w.move(w.place_of(top[:]))
    yield 0.5
    w.picture("under-mouse")
    w.check(not expected.waiting() and expected.paid(w) == before, "nothing is begun before the click")
    yield from w.key("Escape")
    yield 0.3
    w.check(not w.window.modal_operators, "Esc ends it")
    yield from w.click(button)
    yield from w.move(w.place_of(top[:]))
    yield from w.key("s")
    x, y = w.place_of(top[:])
    yield from w.move((x + 200, y))
    yield 0.3
    w.picture("under-mouse-scaled")
    yield from w.click((x + 200, y))
    w.check(not expected.waiting(), "a click keeps the size first")
    yield from w.key("r")
    yield from w.move((x + 200, y + 100))
    yield from w.click((x + 200, y + 100))
    yield from w.move((x, y))
    yield 0.3
    w.picture("under-mouse-turned")
    yield from w.click((x, y))
    yield from w.until(expected.waiting, 10, "a click begins it")
    item: Any = bpy.data.objects[next(iter(expected.waiting()))]
    foot = item.matrix_basis @ Vector((0.0, 0.0, -0.5))
    w.check((foot - top).length < 0.1, "it stands on the surface under the mouse", foot)
    w.check(item.scale.x > 1.2 and abs(item.rotation_euler.z) > 0.05, "as large and turned", item.scale)
    yield from w.until(lambda: expected.paid(w) == before + 1, 30, "one is paid for")
