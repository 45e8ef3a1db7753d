# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders the example set of four views: a toy cottage, different from each side, seen without perspective.

blender --background --python tools/make_views.py -- examples/views
Views are named from the cottage's own point of view: its front looks along -Y, its left is +X.
"""

# The stubs know materials, lights and sockets by their base class only.
# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false

import math
import sys
from pathlib import Path

import bpy

SIZE = 512
VIEWS = {"front": 0, "left": 90, "back": 180, "right": 270}  # azimuth of the camera in degrees
WALL = (0.87, 0.72, 0.45)
ROOF = (0.55, 0.09, 0.06)
BRICK = (0.36, 0.13, 0.08)
DOOR = (0.06, 0.22, 0.42)
GLASS = (0.35, 0.66, 0.85)
FRAME = (0.9, 0.88, 0.82)
LEAF = (0.1, 0.35, 0.08)
WOOD = (0.3, 0.16, 0.07)
WINDOWS = {  # centre on the wall (along it, up), as (width, height), by side
    "front": [(-0.48, 0.62, 0.3, 0.34), (0.5, 0.62, 0.3, 0.34)],
    "left": [(0.0, 0.6, 0.3, 0.34), (0.0, 1.15, 0.24, 0.24)],
    "back": [(-0.45, 0.62, 0.3, 0.34), (0.05, 0.62, 0.3, 0.34), (0.55, 0.62, 0.3, 0.34)],
    "right": [(0.0, 1.15, 0.24, 0.24)],
}
HALF_X = 0.85
HALF_Y = 0.6
EAVES = 1.0
RIDGE = 1.62


def solid(points: list, faces: list, colour: tuple[float, float, float]) -> None:
    mesh = bpy.data.meshes.new("part")
    mesh.from_pydata(points, [], faces)
    material = bpy.data.materials.new("part")
    material.use_nodes = True
    shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Base Color"].default_value = (*colour, 1)
    shader.inputs["Roughness"].default_value = 1.0
    shader.inputs["Specular IOR Level"].default_value = 0.0
    shader.inputs["Emission Color"].default_value = (*colour, 1)  # light from everywhere, without its noise
    shader.inputs["Emission Strength"].default_value = 0.6
    material.cycles.emission_sampling = "NONE"
    mesh.materials.append(material)
    bpy.context.scene.collection.objects.link(bpy.data.objects.new("part", mesh))


def box(low: tuple, high: tuple, colour: tuple[float, float, float]) -> None:
    points = [(x, y, z) for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])]
    solid(
        points, [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)], colour
    )


def prism(half_x: float, half_y: float, low: float, high: float, colour: tuple[float, float, float]) -> None:
    """A gable: a ridge along X over a rectangle."""
    points = [(x, y, z) for x in (-half_x, half_x) for y, z in ((-half_y, low), (half_y, low), (0, high))]
    solid(points, [(0, 1, 2), (3, 5, 4), (0, 3, 4, 1), (1, 4, 5, 2), (2, 5, 3, 0)], colour)


def on_wall(
    side: str, across: float, up: float, width: float, height: float, depth: float, colour: tuple
) -> None:
    """A flat box that stands out from a wall; `across` runs to the viewer's right."""
    angle = math.radians(VIEWS[side])
    wall = HALF_Y if side in ("front", "back") else HALF_X
    corners = []
    for a, out in ((across - width / 2, wall - 0.05), (across + width / 2, wall + depth)):
        corners.append(
            (a * math.cos(angle) + out * math.sin(angle), a * math.sin(angle) - out * math.cos(angle))
        )
    (x0, y0), (x1, y1) = corners
    box((min(x0, x1), min(y0, y1), up - height / 2), (max(x0, x1), max(y0, y1), up + height / 2), colour)


def cottage() -> None:
    box((-HALF_X, -HALF_Y, 0), (HALF_X, HALF_Y, EAVES), WALL)
    prism(HALF_X, HALF_Y, EAVES, RIDGE, WALL)
    for tilt in (-1, 1):  # the two slopes, as thick slabs
        low, high = (tilt * (HALF_Y + 0.13), EAVES - 0.13), (0, RIDGE)
        edge = [(*low,), (*high,), (high[0], high[1] + 0.12), (low[0], low[1] + 0.12)]
        points = [(x, y, z) for x in (-HALF_X - 0.1, HALF_X + 0.1) for y, z in edge]
        solid(
            points, [(0, 1, 2, 3), (7, 6, 5, 4), (0, 4, 5, 1), (1, 5, 6, 2), (2, 6, 7, 3), (3, 7, 4, 0)], ROOF
        )
    box((0.42, 0.1, 1.2), (0.68, 0.36, 1.98), BRICK)  # the chimney: on its left, at the back
    box((0.38, 0.06, 1.98), (0.72, 0.4, 2.06), FRAME)
    for side, windows in WINDOWS.items():
        for across, up, width, height in windows:
            on_wall(side, across, up, width + 0.08, height + 0.08, 0.03, FRAME)
            on_wall(side, across, up, width, height, 0.04, GLASS)
            on_wall(side, across, up, 0.03, height, 0.05, FRAME)
    on_wall("front", 0.0, 0.33, 0.36, 0.66, 0.04, FRAME)
    on_wall("front", 0.0, 0.31, 0.28, 0.6, 0.06, DOOR)
    on_wall("front", 0.0, 0.04, 0.5, 0.08, 0.26, BRICK)
    box((-1.3, -0.42, 0), (-0.8, 0.42, 0.62), WOOD)  # the shed: on its right
    box((-1.36, -0.48, 0.62), (-0.8, 0.48, 0.72), LEAF)


def light_and_camera() -> bpy.types.Object:
    scene = bpy.context.scene
    scene.world = None
    lens = bpy.data.cameras.new("camera")
    lens.type, lens.ortho_scale = "ORTHO", 2.9
    camera = bpy.data.objects.new("camera", lens)
    lamp = bpy.data.lights.new("sun", "SUN")
    lamp.energy, lamp.angle = 1.4, 0.0
    sun = bpy.data.objects.new("sun", lamp)
    sun.rotation_euler = (math.radians(-35), 0, math.radians(20))
    sun.parent = camera  # the same light from each side
    for thing in (camera, sun):
        scene.collection.objects.link(thing)
    scene.camera = camera
    scene.render.engine = "CYCLES"
    scene.cycles.samples = 64
    scene.cycles.max_bounces = 0
    scene.cycles.use_denoising = False
    scene.render.film_transparent = True
    scene.render.resolution_x = scene.render.resolution_y = SIZE
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGBA"
    scene.render.image_settings.compression = 100
    scene.view_settings.view_transform = "Standard"
    return camera


def main(folder: Path) -> None:
    for thing in list(bpy.data.objects):
        bpy.data.objects.remove(thing)
    cottage()
    camera = light_and_camera()
    for name, degrees in VIEWS.items():
        angle = math.radians(degrees)
        camera.location = (10 * math.sin(angle), -10 * math.cos(angle), 1.0)
        camera.rotation_euler = (math.radians(90), 0, angle)
        bpy.context.scene.render.filepath = str(folder / f"{name}.png")
        bpy.ops.render.render(write_still=True)


if __name__ == "__main__":
    main(Path(sys.argv[sys.argv.index("--") + 1]).resolve())
