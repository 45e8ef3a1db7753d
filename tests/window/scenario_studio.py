# SPDX-License-Identifier: GPL-3.0-or-later
"""What is captured has the colours of the view, whatever a studio has set.

Worth a run with other settings, too, and a look at its pictures: with OCIO=ocio://default in the
environment, with `--language de_DE` in a Blender that has translations.
"""

from typing import Any

import bpy
import expected
from driver import Steps, Window

RED = (0.8, 0.05, 0.05, 1.0)


def middle_of(image: Any) -> tuple[float, ...]:
    """The colour in the image's middle, as its file has it."""
    width, height = tuple(image.size)
    start = 4 * (height // 2 * width + width // 2)
    return tuple(image.pixels[start : start + 3])


def steps(w: Window) -> Steps:
    inputs = yield from expected.in_sandbox(w, 2)
    cube: Any = bpy.data.objects["Cube"]
    cube.color = RED
    space: Any = w.area().spaces.active
    space.shading.color_type = "OBJECT"
    operators: Any = bpy.ops
    capture = operators.maquette.capture_image

    yield from expected.in_view(w, lambda: capture(source="VIEWPORT"))
    first = inputs().image
    red, green, blue = middle_of(first)
    w.check(red > 2 * green and red > 2 * blue, "the viewport is captured in its colours", (red, green, blue))
    w.check(first.size[0] == first.size[1], "as a square", tuple(first.size))
    yield 1.0
    w.picture("captured")

    displays: Any = bpy.context.scene.display_settings
    usual = displays.display_device
    for device in ("Rec.2100-PQ", "Rec.2100-PQ - Display", "Rec.2020"):
        try:
            displays.display_device = device
        except TypeError:  # this configuration has no such screen
            continue
        yield 0.5
        yield from expected.in_view(w, lambda: capture(source="VIEWPORT"))
        colour = middle_of(inputs().image)
        is_near = all(abs(one - other) < 0.02 for one, other in zip(colour, (red, green, blue), strict=True))
        w.check(is_near, f"and alike where the scene is for {device}", colour)
        w.check(displays.display_device == device, "which it still is")
    displays.display_device = usual

    scene = bpy.context.scene
    scene.render.resolution_x = scene.render.resolution_y = 64
    engine = scene.render.engine
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.display.shading.color_type = "OBJECT"
    bpy.ops.render.render()
    yield from expected.in_view(w, lambda: capture(source="RENDER"))
    red, green, blue = middle_of(inputs().image)
    w.check(red > 2 * green and red > 2 * blue, "a render is captured in its colours", (red, green, blue))
    yield from expected.in_view(w, lambda: capture(source="CAMERA"))
    red, green, blue = middle_of(inputs().image)
    w.check(red > 2 * green and red > 2 * blue, "so is what the camera sees", (red, green, blue))

    scene.render.engine = engine
    inputs().image = first
    inputs().targetFaceNum = 2000
    name = yield from expected.generate(w)
    yield from w.until(lambda: expected.is_placed(name), 60, "a model is made of what was captured")
    yield 1.0
    w.picture("placed")
    w.picture("jobs", w.region("UI"))
    expected.check_opens(w)
