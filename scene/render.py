# SPDX-License-Identifier: GPL-3.0-or-later
"""A small picture of results alone to judge them by: soft light, neutral backdrop, true colours.

Everything happens in a scene of its own that is removed again.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import addon_utils
import bpy
from mathutils import Matrix, Vector

from .export import ExportError, alone, replacing
from .place import corners_of

BACKDROP = (0.80, 0.81, 0.83)
AZIMUTH = math.radians(28)  # of the camera, from the front (-Y) towards the right
ELEVATION = math.radians(18)
MARGIN = 1.08
# Those of Blender's own colour configuration, then of ACES' (OpenColorIO-Config-ACES) for the same.
_DISPLAYS = ("sRGB", "sRGB - Display", "sRGB Display")
_VIEWS = ("Standard", "Un-tone-mapped", "Video (colorimetric)")


def render_preview(
    roots: Sequence[bpy.types.Object],
    path: Path,
    *,
    resolution: tuple[int, int] = (384, 384),
    samples: int = 8,
) -> None:
    """Renders the roots with Cycles on the CPU into a PNG, all of them in the frame. Raises ExportError."""
    with studio(roots, resolution, samples=samples) as shoot:
        shoot(path, 0.0)


@contextmanager
def studio(
    roots: Sequence[bpy.types.Object], resolution: tuple[int, int], *, samples: int
) -> Iterator[Callable[[Path, float], None]]:
    """Gives a function that writes a picture of the roots to a path, from a turn round them in radians.

    Where nothing can denoise them, samples are doubled. The function raises ExportError.
    """
    with alone(roots) as scene:
        if not hasattr(scene, "cycles"):  # the artist's preferences have it switched off
            addon_utils.enable("cycles")
        render, cycles = scene.render, scene.cycles
        render.engine = "CYCLES"
        render.use_persistent_data = True  # what is there for one picture serves the next
        render.resolution_x, render.resolution_y = resolution
        render.image_settings.file_format = "PNG"
        render.image_settings.color_mode = "RGB"
        _show_true_colours(scene)
        cycles.use_denoising = _has_denoiser()
        cycles.samples = samples if cycles.use_denoising else 2 * samples
        cycles.max_bounces = 3
        # At its best, denoising takes as long as the rendering does; nobody sees a difference.
        cycles.denoising_quality, cycles.denoising_prefilter = "FAST", "NONE"
        cycles.adaptive_threshold = 0.1  # denoising smooths what stopping early leaves
        cycles.adaptive_min_samples = 4
        with _stage(scene, roots) as look:

            def shoot(path: Path, turn: float) -> None:
                look(turn)
                with replacing(path) as part:
                    render.filepath = str(part)
                    try:
                        bpy.ops.render.render(write_still=True, scene=scene.name)
                    except RuntimeError as error:
                        raise ExportError(f"Blender could not render the preview: {error}") from error

            yield shoot


def _show_true_colours(scene: bpy.types.Scene) -> None:
    """Textures keep their colours, which AgX or a film's curve would grey. A studio's OCIO names displays and
    views as it likes, and Blender lists them nowhere: where it has none of these, its own first one stays.
    """
    _take_first(scene.display_settings, "display_device", _DISPLAYS)
    _take_first(scene.view_settings, "view_transform", _VIEWS)


@contextmanager
def shown_in_srgb(scene: bpy.types.Scene) -> Iterator[None]:
    """What is drawn or saved is for a screen of sRGB, as pictures are read, whatever screen the scene is for.

    The view stays the same where sRGB has it, or has it without what it says of that screen ("AgX - HDR").
    """
    display, view = scene.display_settings, scene.view_settings
    device = display.display_device
    transform = view.view_transform
    look = view.look
    _take_first(display, "display_device", _DISPLAYS)
    if display.display_device == device:
        yield
        return
    _take_first(view, "view_transform", (transform, transform.partition(" - ")[0]))
    try:
        yield
    finally:
        display.display_device = device
        view.view_transform = transform
        view.look = look


def _take_first(settings: Any, name: str, wanted: Sequence[str]) -> None:
    for each in wanted:
        try:
            setattr(settings, name, each)
        except TypeError:  # this configuration has no such one
            continue
        return


def _has_denoiser() -> bool:
    """Whether this build has OpenImageDenoise; Debian's has not, and denoising fails there."""
    import _cycles  # pyright: ignore[reportMissingImports] # Cycles' own module, there while Cycles is enabled

    return bool(getattr(_cycles, "with_openimagedenoise", False))


@contextmanager
def _stage(scene: bpy.types.Scene, roots: Sequence[bpy.types.Object]) -> Iterator[Callable[[float], None]]:
    """Camera, sun, shadow-catching ground and backdrop for the scene, all removed again.

    Gives what turns the camera round the roots.
    """
    points = [root.matrix_world @ corner for root in roots for corner in corners_of(root)]
    centre = sum(points, Vector()) / len(points)
    radius = max((point - centre).length for point in points)
    camera = bpy.data.cameras.new("Maquette preview")
    sun = bpy.data.lights.new("Maquette preview", "SUN")
    ground = bpy.data.meshes.new("Maquette preview")
    views = [bpy.data.objects.new("Maquette preview", data) for data in (camera, sun, ground)]
    scene.world = _backdrop()
    made = [*views, camera, sun, ground, scene.world]
    try:
        for view in views:
            scene.collection.objects.link(view)
        camera.lens = 65.0
        camera.clip_start, camera.clip_end = radius * 0.01, radius * 500
        sun.energy, sun.angle = 1.9, math.radians(25)
        views[1].rotation_euler = (math.radians(38), math.radians(8), math.radians(-35))
        corners = [
            (x * radius, y * radius, 0) for x, y in ((-200, -200), (200, -200), (200, 200), (-200, 200))
        ]
        ground.from_pydata(corners, [], [(0, 1, 2, 3)])
        views[2].location = (centre.x, centre.y, min(point.z for point in points))
        views[2].is_shadow_catcher = True
        scene.camera = views[0]
        flat = [value for point in points for value in centre + (point - centre) * MARGIN]

        def look(turn: float) -> None:
            azimuth = AZIMUTH / len(roots) + turn  # a row is looked at more from the front
            views[0].rotation_euler = (math.pi / 2 - ELEVATION, 0.0, azimuth)
            scene.view_layers[0].update()
            location, _ = views[0].camera_fit_coords(scene.view_layers[0].depsgraph, flat)
            views[0].matrix_world = Matrix.LocRotScale(location, views[0].rotation_euler, None)

        yield look
    finally:
        bpy.data.batch_remove(made)


def _backdrop() -> bpy.types.World:
    """A world in one neutral colour that lights softly from all sides, less than the camera sees of it."""
    world = bpy.data.worlds.new("Maquette preview")
    if bpy.app.version < (5, 0):
        world.use_nodes = True  # always so from 5.0 on
    tree = world.node_tree
    background = next(node for node in tree.nodes if node.type == "BACKGROUND")
    background.inputs["Color"].default_value = (*BACKDROP, 1.0)
    path = tree.nodes.new("ShaderNodeLightPath")
    strength = tree.nodes.new("ShaderNodeMath")
    strength.operation = "MULTIPLY_ADD"
    strength.inputs[1].default_value, strength.inputs[2].default_value = 0.4, 0.6
    tree.links.new(path.outputs["Is Camera Ray"], strength.inputs[0])
    tree.links.new(strength.outputs[0], background.inputs["Strength"])
    return world
