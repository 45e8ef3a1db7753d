# SPDX-License-Identifier: GPL-3.0-or-later
"""Files dropped from outside: on a surface, on the sidebar, several views at once, and what is no image."""

from collections.abc import Callable
from pathlib import Path

import bpy
import expected
from driver import Place, Steps, Window
from expected import EXAMPLES, Vector

VIEWS_MODEL = "model_tripo-v3-0-multiview-to-3d"


def drop(w: Window, place: Place, is_done: Callable[[], object], *files: Path) -> Steps:
    """Drops files for Maquette, and chooses its entry where Blender asks what to do with them."""
    yield from w.drop_files(place, *files)
    yield 0.5
    w.picture(f"menu-{files[-1].stem}")
    if not is_done():
        yield from w.key("m")  # the letter that is underlined in Make a 3D Model Here
        yield 0.5


def steps(w: Window) -> Steps:
    inputs = yield from expected.in_sandbox(w, 2)
    settings = expected.settings_of
    bpy.data.images.load(str(EXAMPLES / "coffee.png"))  # the first of a session costs Blender some 80 ms

    # On a surface
    point = Vector((0.4, -0.5, 1.0))  # on the cube's upper face
    yield from drop(w, w.place_of(point[:]), lambda: inputs().image, EXAMPLES / "horse.png")
    w.check(inputs().image and inputs().image.name == "horse.png", "the image that was dropped is the input")
    w.check(settings(w).place_mode == "POINT", "the place is where it was dropped")
    found = Vector(settings(w).drop_point)
    w.check((found - point).length < 0.05, "and that is on the surface under the mouse", found)
    yield 0.5
    w.picture("dropped")
    inputs().targetFaceNum = 2000
    yield from expected.generate(w)
    yield from w.until(lambda: expected.is_placed("horse"), 60, "the 3D model arrives")
    yield 0.5
    w.picture("placed")
    low, high = expected.bounds("horse")
    foot = Vector(((low.x + high.x) / 2, (low.y + high.y) / 2, low.z))
    w.check((foot - found).length < 0.01, "it stands on that point", foot)

    # On the sidebar
    settings(w).place_mode = "CURSOR"
    sidebar = w.region("UI")
    middle = (sidebar.x + sidebar.width // 2, sidebar.y + sidebar.height // 3)
    yield from drop(w, middle, lambda: inputs().image.name == "cat.png", EXAMPLES / "cat.png")
    w.check(inputs().image.name == "cat.png", "dropped on the sidebar, an image is the input")
    is_same = settings(w).place_mode == "CURSOR" and Vector(settings(w).drop_point) == found
    w.check(is_same, "and the place stays as it was", settings(w).place_mode)

    # No image, whatever its name
    objects, images = set(bpy.data.objects.keys()), set(bpy.data.images.keys())
    for name in ("notes.txt", "broken.png"):
        (w.folder / name).write_text("This is no image.")
        yield from w.drop_files(w.view_point(0.3, 0.3), w.folder / name)
        yield 0.5
        w.picture(f"menu-{name}")
        yield from w.key("m")
        yield 0.5
        w.picture(f"after-{name}")
        yield from w.key("Escape")
        w.check(inputs().image.name == "cat.png", f"{name} does not become the input", inputs().image.name)
    is_same = objects == set(bpy.data.objects.keys()) and images == set(bpy.data.images.keys())
    w.check(is_same, "and leaves nothing in the file", set(bpy.data.images.keys()) - images)

    # Several views at once
    inputs = yield from expected.inputs_shown(w, VIEWS_MODEL)
    files = [EXAMPLES / "views" / f"{view}.png" for view in ("back", "left", "front")]
    yield from drop(w, w.view_point(0.3, 0.3), lambda: inputs().frontImage, *files)
    for view in ("front", "back", "left"):
        held = getattr(inputs(), f"{view}Image")
        w.check(held and held.name == f"{view}.png", f"{view}.png goes to the {view}", held)
    w.check(not inputs().rightImage, "what was not dropped stays empty")
    yield 0.5
    w.picture("views")
    name = yield from expected.generate(w)
    yield from w.until(lambda: expected.is_placed(name), 60, "the 3D model arrives")
    yield 0.5
    w.picture("views-placed")
    expected.check_opens(w)
