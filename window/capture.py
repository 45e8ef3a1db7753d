# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of what is on the screen, rendered or copied. Each is one of this file, with its PNG packed into it.

Views are drawn without grid, gizmos and background: what models want is the subject alone.
"""

import os
import struct
import sys
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bpy
from mathutils import Matrix

from .. import scene
from .collect_inputs import RequestError, save_image

SIZE = 1024  # pixels of the longer side


def capture_render(_context: bpy.types.Context) -> bpy.types.Image:
    result = bpy.data.images.get("Render Result")
    if result is None:
        raise RequestError("Nothing was rendered yet. Render the scene first.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "render.png")
        save_image(result, path)
        return packed_image("Render", path.read_bytes())


def capture_viewport(context: bpy.types.Context) -> bpy.types.Image:
    """The square in the middle of the view."""
    region, view = _region(context), context.space_data.region_3d
    side = min(region.width, region.height)
    crop = Matrix.Diagonal((region.width / side, region.height / side, 1.0, 1.0))
    return _draw(context, "Viewport", view.view_matrix, crop @ view.window_matrix, SIZE, SIZE)


def capture_camera(context: bpy.types.Context) -> bpy.types.Image:
    camera, render = context.scene.camera, context.scene.render
    if camera is None:
        raise RequestError("The scene has no camera. Add one.")
    scale = SIZE / max(render.resolution_x, render.resolution_y)
    width, height = (max(1, round(side * scale)) for side in (render.resolution_x, render.resolution_y))
    projection = camera.calc_matrix_camera(
        context.evaluated_depsgraph_get(),
        x=width,
        y=height,
        scale_x=render.pixel_aspect_x,
        scale_y=render.pixel_aspect_y,
    )
    return _draw(context, "Camera View", camera.matrix_world.inverted(), projection, width, height)


def _draw(
    context: bpy.types.Context, name: str, view: Matrix, projection: Matrix, width: int, height: int
) -> bpy.types.Image:
    import gpu  # not there without a window
    import numpy as np  # takes a while

    space = context.space_data
    was = space.overlay.show_overlays, space.show_gizmo
    space.overlay.show_overlays = space.show_gizmo = False
    target = gpu.types.GPUOffScreen(width, height)
    try:
        with scene.shown_in_srgb(context.scene):
            context.view_layer.update()  # what is drawn is a copy of the scene
            target.draw_view3d(
                context.scene,
                context.view_layer,
                space,
                _region(context),
                view,
                projection,
                do_color_management=True,
                draw_background=False,
            )
        buffer = target.texture_color.read()
    finally:
        target.free()
        space.overlay.show_overlays, space.show_gizmo = was
    buffer.dimensions = width * height * 4
    pixels = np.asarray(buffer, np.uint8).reshape(height, width, 4)
    return packed_image(name, png_of_drawn(pixels))


def png_of_drawn(pixels: Any) -> bytes:
    """A PNG of bytes that Blender has drawn: lines from the bottom up, colours multiplied by their alpha.

    Measured: 20 ms for 1024 x 1024, where pixels as floats and Blender's own packing take 90 ms.
    """
    import numpy as np  # takes a while

    height, width, _ = pixels.shape
    lines = np.zeros((height, 1 + width * 4), np.uint8)  # each begins with a 0: not filtered
    image = lines[:, 1:].reshape(height, width, 4)
    image[:] = pixels[::-1]
    edge = (image[..., 3] > 0) & (image[..., 3] < 255)
    color = image[edge].astype(np.uint16)
    color[:, :3] = np.minimum(color[:, :3] * 255 // color[:, 3:], 255)
    image[edge] = color
    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)  # 8 bits, red green blue alpha
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(lines, 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def packed_image(name: str, content: bytes) -> bpy.types.Image:
    """An image of this file with the PNG packed into it."""
    image = bpy.data.images.new(name, 1, 1)
    image.pack(data=content, data_len=len(content))
    image.source = "FILE"
    return image


def _region(context: bpy.types.Context) -> bpy.types.Region:
    """The region that `space_data.region_3d` is of: the last of four quad views."""
    return [region for region in context.area.regions if region.type == "WINDOW"][-1]


def capture_clipboard(context: bpy.types.Context) -> bpy.types.Image:
    """Blender pastes images in an image editor alone: another area is one for the moment."""
    before = set(bpy.data.images)
    others = [area for area in context.screen.areas if area != context.area]
    area = min(others, key=lambda each: each.width * each.height, default=context.area)
    was = area.type
    area.type = "IMAGE_EDITOR"
    paste: Any = bpy.ops.image.clipboard_paste  # the stubs know no poll()
    try:
        with context.temp_override(area=area, region=area.regions[-1]):
            if not paste.poll():
                raise RequestError(why_no_paste(sys.platform, os.environ))
            paste()
    finally:
        area.type = was
    (image,) = set(bpy.data.images) - before
    image.name = "Clipboard"
    image.pack()
    return image


def why_no_paste(platform: str, environment: Mapping[str, str]) -> str:
    """Tried with 4.2 and 5.2: under X11 Blender takes no image from the clipboard, whatever offers it."""
    if platform.startswith("linux") and not environment.get("WAYLAND_DISPLAY"):
        return "Blender cannot paste images under X11. Save it as a file and drop that onto the view."
    return "There is no image on the clipboard. Copy one first."
