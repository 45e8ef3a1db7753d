# SPDX-License-Identifier: GPL-3.0-or-later
"""A small picture of results alone to judge them by: soft light, neutral backdrop, true colours.

Everything happens in a scene of its own that is removed again.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import bpy
from mathutils import Matrix, Vector

from .export import ExportError, alone, replacing
from .place import corners_of, world_of

BACKDROP = (0.80, 0.81, 0.83)
AZIMUTH = math.radians(28)  # of the camera, from the front (-Y) towards the right
ELEVATION = math.radians(18)
LENS_MM = 65.0
MARGIN = 1.08


def render_preview(
    roots: Sequence[bpy.types.Object],
    path: Path,
    *,
    resolution: tuple[int, int] = (384, 384),
    samples: int = 16,
) -> None:
    """Renders the roots with Cycles on the CPU into a PNG, all of them in the frame. Raises ExportError."""
    if not roots:
        raise ValueError("There is no result to render.")
    with alone(roots) as scene, replacing(path) as part:
        _settings(scene, resolution, samples)  # before the camera is fitted: the frame's shape counts there
        scene.render.filepath = str(part)
        with _studio(scene, roots):
            try:
                bpy.ops.render.render(write_still=True, scene=scene.name)
            except RuntimeError as error:
                raise ExportError(f"Blender could not render the preview: {error}") from error


def _settings(scene: bpy.types.Scene, resolution: tuple[int, int], samples: int) -> None:
    render = scene.render
    render.engine = "CYCLES"
    render.resolution_x, render.resolution_y = resolution
    render.resolution_percentage = 100
    render.image_settings.file_format = "PNG"
    render.image_settings.color_mode = "RGB"
    scene.view_settings.view_transform = "Standard"  # textures keep their colours; AgX would grey them
    scene.cycles.device = "CPU"
    scene.cycles.samples = samples
    scene.cycles.max_bounces = 3
    scene.cycles.use_denoising = _has_denoiser()
    if scene.cycles.use_denoising:  # it smooths what stopping early leaves: half the time, the same picture
        scene.cycles.denoising_prefilter = "FAST"
        scene.cycles.adaptive_threshold = 0.1
        scene.cycles.adaptive_min_samples = 4


def _has_denoiser() -> bool:
    """Whether this build has OpenImageDenoise; Debian's has not, and denoising fails there."""
    import _cycles  # pyright: ignore[reportMissingImports] # Cycles' own module, there while Cycles is enabled

    return bool(getattr(_cycles, "with_openimagedenoise", False))


@contextmanager
def _studio(scene: bpy.types.Scene, roots: Sequence[bpy.types.Object]) -> Iterator[None]:
    """Camera, sun, shadow-catching ground and backdrop for the scene, all removed again."""
    points = [world_of(root) @ corner for root in roots for corner in corners_of(root)]
    centre = sum(points, Vector()) / len(points)
    radius = max((point - centre).length for point in points)
    made: list[bpy.types.ID] = []
    try:
        camera = bpy.data.cameras.new("Maquette preview")
        sun = bpy.data.lights.new("Maquette preview", "SUN")
        ground = bpy.data.meshes.new("Maquette preview")
        made += [camera, sun, ground, _backdrop(scene)]
        sun.energy, sun.angle = 1.9, math.radians(25)
        camera.lens = LENS_MM
        camera.clip_start, camera.clip_end = radius * 0.01, radius * 500
        half, low = radius * 200, min(point.z for point in points)
        square = [
            (centre.x + x * half, centre.y + y * half, low) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))
        ]
        ground.from_pydata(square, [], [(0, 1, 2, 3)])
        views = []
        for data in (camera, sun, ground):
            view = bpy.data.objects.new(data.name, data)
            made.insert(0, view)
            scene.collection.objects.link(view)
            views.append(view)
        views[1].rotation_euler = (math.radians(38), math.radians(8), math.radians(-35))
        views[2].is_shadow_catcher = True
        scene.camera = views[0]
        _frame(scene, views[0], points, AZIMUTH / len(roots))  # a row is looked at more from the front
        yield
    finally:
        bpy.data.batch_remove(made)


def _frame(scene: bpy.types.Scene, camera: bpy.types.Object, points: list[Vector], azimuth: float) -> None:
    centre = sum(points, Vector()) / len(points)
    camera.rotation_euler = (math.pi / 2 - ELEVATION, 0.0, azimuth)
    layer = scene.view_layers[0]
    layer.update()
    flat = [value for point in points for value in centre + (point - centre) * MARGIN]
    location, _ = camera.camera_fit_coords(layer.depsgraph, flat)
    camera.matrix_world = Matrix.Translation(location) @ camera.rotation_euler.to_matrix().to_4x4()


def _backdrop(scene: bpy.types.Scene) -> bpy.types.World:
    """A world that the camera sees in one neutral colour and that lights softly from all sides."""
    world = bpy.data.worlds.new("Maquette preview")
    scene.world = world
    if bpy.app.version < (5, 0):
        world.use_nodes = True  # always so from 5.0 on
    tree = world.node_tree
    tree.nodes.clear()
    seen = tree.nodes.new("ShaderNodeBackground")
    light = tree.nodes.new("ShaderNodeBackground")
    mix = tree.nodes.new("ShaderNodeMixShader")
    path = tree.nodes.new("ShaderNodeLightPath")
    out = tree.nodes.new("ShaderNodeOutputWorld")
    seen.inputs["Color"].default_value = (*BACKDROP, 1.0)
    light.inputs["Color"].default_value = (1.0, 1.0, 1.0, 1.0)
    light.inputs["Strength"].default_value = 0.5
    tree.links.new(path.outputs["Is Camera Ray"], mix.inputs[0])
    tree.links.new(light.outputs[0], mix.inputs[1])
    tree.links.new(seen.outputs[0], mix.inputs[2])
    tree.links.new(mix.outputs[0], out.inputs["Surface"])
    return world
