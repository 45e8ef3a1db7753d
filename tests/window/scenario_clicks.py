# SPDX-License-Identifier: GPL-3.0-or-later
"""How many clicks and keys an artist's everyday stories take, and how long; for docs/guide.md.

What is typed and the wheel do not count; nor does the time in which a scenario looks for buttons. The sandbox
takes a second for a job.
"""

import json
import shutil
import struct
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy
import expected
from driver import ROW_PX, Place, Steps, Window
from scenario_prompts import NAMES, WORDS_MODEL, boxes


@contextmanager
def story(w: Window, title: str, most: int) -> Iterator[None]:
    """Counts what is pressed within; the check's detail has the count and the seconds."""
    before, start = w.presses, time.monotonic() - w.sought_s
    yield
    count, took_s = w.presses - before, time.monotonic() - w.sought_s - start
    w.check(count <= most, f"{title}, with {most} clicks and keys", f"{count} in {took_s:.0f} s")


def steps(w: Window) -> Steps:
    expected.slow_down(1)
    view = bpy.context.preferences.view
    view.filebrowser_display_type = "SCREEN"
    view.show_tooltips = False  # one beside a menu would count as a part of what appeared
    yield from w.open_sidebar()
    yield from first_model(w)
    yield from export(w)
    yield from three_images(w)
    yield from texture(w)
    yield from ten_boxes(w)
    yield from find_one(w)
    expected.check_opens(w)


def first_model(w: Window) -> Steps:
    """From the sidebar of a new scene to a 3D model that is seen and selected."""
    pictures = w.folder / "pictures"
    pictures.mkdir()
    shutil.copy(expected.EXAMPLES / "horse.png", pictures)
    with story(w, "a first 3D model", 5):
        yield from w.press("maquette.use_sandbox")
        yield from expected.inputs_shown(w, expected.IMAGE_MODEL)
        yield from w.press("image.open")
        yield from go_to(w, pictures)
        w.picture("file-browser")
        yield from w.click(first_file(w), times=2)
        yield from w.until(lambda: expected.price(w), 30, "the price is on the button")
        yield from w.press("maquette.generate")
        yield from w.until(lambda: expected.job(w, 0).state == "placed", 60, "it is placed")
    yield 1.0
    w.picture("first-model")
    name = expected.job(w, 0).name
    low, _ = expected.bounds(name)
    w.check(low.x > 1 and bpy.data.objects[name].select_get(), "it is seen beside the cube, selected", low)


def export(w: Window) -> Steps:
    name = expected.job(w, 0).name
    with story(w, "one 3D model as a GLB", 3):
        yield from w.click((yield from row_of(w, 0)))
        yield from w.press("maquette.export_job")
        yield from go_to(w, w.folder)
        w.picture("export")
        yield from w.key("Return")
        file = w.folder / f"{name}.glb"
        yield from w.until(file.exists, 30, "the file is written")
    w.check(names_in(file) == [name], "the 3D model alone is in it", names_in(file))
    file.unlink()


def three_images(w: Window) -> Steps:
    before = expected.paid(w)
    bpy.ops.object.select_all(action="DESELECT")
    place = w.view_point(0.3, 0.3)
    with story(w, "three dropped images become three 3D models", 2):
        yield from w.drop_files(
            place, *(expected.EXAMPLES / f"{name}.png" for name in ("horse", "cat", "coffee"))
        )
        yield from w.key("m")  # the letter that is underlined in Make a 3D Model Here
        yield 3.0
        w.picture("three")
        yield from w.click(below(w, place))  # the first answer is under the mouse
        yield from w.until(lambda: expected.paid(w) == before + 3, 60, "three are paid for")
    yield from w.until(lambda: not expected.waiting(), 60, "all arrive")


def texture(w: Window) -> Steps:
    boxes()
    bpy.ops.mesh.primitive_monkey_add(location=(0, 0, 1))
    item: Any = bpy.context.object
    before = expected.paid(w)
    yield from expected.in_view(w, bpy.ops.view3d.view_selected)
    head = w.view_point(0.45, 0.74)  # where the whole menu has room below
    yield from w.move(head)
    yield 2.0
    alone = w.picture("texture-before", w.region("WINDOW"))
    with story(w, "a texture onto a mesh that is selected", 4):
        yield from w.click(head, 3)
        yield 0.5
        yield from w.click((yield from retexture(w, alone)))
        yield from w.until(lambda: expected.shown(w), 10, "the dialog is there")
        w.picture("texture-dialog")
        yield from w.type("a red wooden toy")
        yield from w.key("Return")
        yield from w.until(lambda: expected.is_read(w), 30, "the price is on the button")
        w.picture("texture-priced")
        yield from w.click(generate_in(w, alone))
        yield from w.until(lambda: expected.paid(w) == before + 1, 30, "it is paid for")
        w.check("a red wooden toy" in expected.job(w, 0).inputs.values(), "of these words")
        yield from w.until(
            lambda: item.material_slots and item.material_slots[0].material, 120, "it is there"
        )


def retexture(w: Window, alone: Path) -> Generator[float, None, Place]:
    """Where Retexture is: the first entry of Maquette's menu, which is the last of the context menu."""
    x, y, width, _ = w.appeared(alone)
    place = x + width // 2, y + int(0.75 * ROW_PX * w.scale)
    yield from w.move(place)
    yield 0.5
    w.picture("texture-menu")
    return x + width + int(3 * ROW_PX * w.scale), place[1]


def generate_in(w: Window, alone: Path) -> Place:
    """Where the dialog's right button is."""
    x, y, width, _ = w.appeared(alone)
    return x + width * 3 // 4, y + int(ROW_PX * w.scale)


def ten_boxes(w: Window) -> Steps:
    yield from expected.inputs_shown(w, WORDS_MODEL)
    boxes(*NAMES)
    expected.settings_of(w).place_mode = "SELECTED"
    before = expected.paid(w)
    yield from w.move(w.view_point())
    with story(w, "ten named boxes, each with words of its own", 3):
        yield from w.key("a")
        yield from w.until(lambda: expected.price(w), 30, "the price is known")
        yield from w.press("maquette.generate")
        yield 0.7
        yield from w.key("Return")
        yield from w.until(lambda: expected.paid(w) == before + 10, 90, "ten are paid for")
    yield from w.until(lambda: all(map(expected.is_placed, NAMES)), 180, "all arrive, by their names")


def find_one(w: Window) -> Steps:
    count = len(expected.backend(w).jobs.order)
    with story(w, f"one of {count} found", 1):
        yield from w.click((yield from row_of(w, 1)))
        name = expected.job(w, 1).name
        yield from w.until(
            lambda: bpy.context.selected_objects == [bpy.data.objects[name]], 5, "it is selected"
        )
    yield 1.0
    w.picture("found")


def go_to(w: Window, folder: Path) -> Steps:
    """The file browser is where the artist was last."""
    yield from w.until(lambda: w.window.screen.areas[0].type == "FILE_BROWSER", 10, "a file browser is there")
    space: Any = w.window.screen.areas[0].spaces.active
    yield from w.until(lambda: space.params, 10, "with its parameters")
    space.params.directory = str(folder).encode()
    space.params.display_type = "LIST_VERTICAL"
    yield 1.0


def first_file(w: Window) -> Place:
    region = next(each for each in w.window.screen.areas[0].regions if each.type == "WINDOW")
    return region.x + 100, region.y + region.height - int(1.8 * ROW_PX * w.scale)


def below(w: Window, place: Place) -> Place:
    return place[0], place[1] - int(ROW_PX * w.scale)


def row_of(w: Window, number: int) -> Generator[float, None, Place]:
    """Where a row of the list of jobs is."""
    x, y = yield from w.find("active_job")
    return x, y - int(number * ROW_PX * w.scale)


def names_in(file: Path) -> list[str]:
    """The names of the meshes' nodes in a GLB."""
    data = file.read_bytes()
    (length,) = struct.unpack_from("<I", data, 12)
    nodes = json.loads(data[20 : 20 + length])["nodes"]
    return [node["name"] for node in nodes if "mesh" in node]
