# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes results to files for elsewhere; a file appears whole or not at all."""

import contextlib
import os
import re
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import addon_utils
import bpy

from .disk_paths import forget_disk
from .export_formats import EXPORT_FORMATS
from .place import metres_per_unit

_SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "TARGA": ".tga", "TIFF": ".tif", "BMP": ".bmp"}
_SUFFIXES |= {"OPEN_EXR": ".exr", "HDR": ".hdr"}


class ExportError(RuntimeError):
    """Blender could not write the file; the text says why."""


def export_file(roots: Sequence[bpy.types.Object], path: Path) -> None:
    """Writes the hierarchies under the roots, and nothing else, as GLB, FBX or USD, by the name's ending.

    Textures are inside; those of a .usd are in a folder beside it, each with the file's name before its own:
    what others have there stays. In a GLB, custom properties become glTF extras. Raises ExportError.
    """
    ending = path.suffix.lower()
    if ending in (".glb", ".fbx"):
        with replacing(path) as part:
            export_alone(roots, part)
        return
    prefix = "" if ending == ".usdz" else path.stem
    with staged(path) as part:
        export_alone(roots, part, texture_prefix=prefix, **usd_options(roots))


def export_alone(
    roots: Sequence[bpy.types.Object], path: Path, *, texture_prefix: str = "", **options: Any
) -> None:
    """Has the exporter of the name's ending write the hierarchies under the roots, and nothing else.

    In metres; `options` are more of the exporter's own. Raises ExportError.
    """
    chosen = EXPORT_FORMATS[path.suffix.lower()]
    if chosen.addon:
        _enable(chosen.addon)
    group, name = chosen.operator.split(".")
    with alone_in_metres(roots), named_textures(texture_prefix):
        _run(getattr(getattr(bpy.ops, group), name), filepath=str(path), **{**chosen.options, **options})


@contextlib.contextmanager
def named_textures(prefix: str = "") -> Iterator[None]:
    """Exporters name a packed texture after the path that it had: meanwhile that is the image's own name.

    Each has another one, which begins with the prefix.
    """
    kept = [(image, image.filepath_raw) for image in bpy.data.images if image.packed_file]
    kept_packed = [(packed, packed.filepath) for image, _ in kept for packed in image.packed_files]
    taken: set[str] = set()
    try:
        for image, _ in kept:
            name = texture_name(image, taken)
            image.filepath_raw = f"//{name if name.startswith(prefix) else f'{prefix}_{name}'}"
            for packed in image.packed_files:
                packed.filepath = image.filepath_raw
        yield
    finally:
        for image, filepath in kept:
            image.filepath_raw = filepath
        for packed, filepath in kept_packed:
            packed.filepath = filepath


def texture_name(image: bpy.types.Image, taken: set[str]) -> str:
    """A file's name for the image that is none of those `taken`, among which it is from now on."""
    stem = re.sub(r"[^\w-]+", "_", image.name)[:60] or "texture"
    suffix = _SUFFIXES.get(image.file_format, ".png")
    name, number = f"{stem}{suffix}", 1
    while name.lower() in taken:
        number += 1
        name = f"{stem}_{number}{suffix}"
    taken.add(name.lower())
    return name


def usd_options(roots: Sequence[bpy.types.Object]) -> dict[str, bool]:
    """What Blender would write as at rest, in another size than what is shown, is written as a mere shape:
    rigs before 4.5, and morph targets whose weight is not 0.
    """
    hierarchies = [each for root in roots for each in (root, *root.children_recursive)]
    meshes = [each.data for each in hierarchies if each.type == "MESH"]
    keys = [key for mesh in meshes if mesh.shape_keys for key in mesh.shape_keys.key_blocks[1:]]
    return {
        "export_armatures": bpy.app.version >= (4, 5),
        "export_shapekeys": not any(key.value for key in keys),
    }


def save_blend(path: Path, **options: bool) -> None:
    """Saves a copy of the open file, without a path of this disk; results carry their textures packed.

    Data-blocks may be replaced by others (see disk_paths.py). `options` are more of Blender's own. Raises
    ExportError.
    """
    forget_disk()
    with replacing(path) as part:
        _run(bpy.ops.wm.save_as_mainfile, filepath=str(part), copy=True, check_existing=False, **options)


def can_export(ending: str) -> bool:
    """Whether this Blender can write such files (".usd"); some distributions leave USD out."""
    return ending not in (".usd", ".usdc", ".usdz") or bool(bpy.app.build_options.usd)


@contextlib.contextmanager
def alone_in_metres(roots: Sequence[bpy.types.Object]) -> Iterator[None]:
    """`alone`, with all shown and scaled to metres, the only unit that glTF has.

    The passing scene is the current one.
    """
    factors = [metres_per_unit(root) for root in roots]
    kept = [(root.location.copy(), root.scale.copy()) for root in roots]
    with _shown(roots), alone(roots) as scene:
        try:
            for root, factor in zip(roots, factors, strict=True):
                root.location *= factor
                root.scale *= factor
            scene.view_layers[0].update()
            with bpy.context.temp_override(scene=scene, view_layer=scene.view_layers[0]):
                yield
        finally:
            for root, (location, scale) in zip(roots, kept, strict=True):
                root.location = location
                root.scale = scale


@contextlib.contextmanager
def _shown(roots: Sequence[bpy.types.Object]) -> Iterator[None]:
    """What is hidden, as LODs and hulls are, is shown meanwhile: else Blender knows no current place of it,
    and some exporters leave it out.
    """
    hierarchies = [each for root in roots for each in (root, *root.children_recursive)]
    kept = [(each, each.hide_viewport, each.hide_render) for each in hierarchies]
    try:
        for each in hierarchies:
            each.hide_viewport = each.hide_render = False
        yield
    finally:
        for each, in_viewport, in_render in kept:
            each.hide_viewport = in_viewport
            each.hide_render = in_render


@contextlib.contextmanager
def alone(roots: Sequence[bpy.types.Object]) -> Iterator[bpy.types.Scene]:
    """A passing scene that shows only these hierarchies, at the frame of the scene that they are in.

    The artist's own scene is not touched.
    """
    homes = roots[0].users_scene
    shown = [(window, window.scene) for window in bpy.context.window_manager.windows]
    scene = bpy.data.scenes.new(roots[0].name if len(roots) == 1 else "Scene")
    try:
        for root in roots:
            for each in (root, *root.children_recursive):
                if each.name not in scene.collection.objects:
                    scene.collection.objects.link(each)
        scene.view_layers[0].update()
        if homes:
            scene.frame_set(homes[0].frame_current, subframe=homes[0].frame_subframe)
        yield scene
    finally:
        for window, before in shown:
            if window.scene != before:  # Blender's glTF exporter leaves the window in the scene that it wrote
                window.scene = before
        bpy.data.scenes.remove(scene)


def _enable(addon: str) -> None:
    """An exporter is an add-on of Blender's, which the artist's preferences may have switched off."""
    if not addon_utils.check(addon)[1]:
        addon_utils.enable(addon)


def _run(operator: Callable[..., set[str]], **options: object) -> None:
    """Raises ExportError. What Blender prints of it goes to stderr: stdout may be read as lines of JSON."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            finished = operator(**options)
    except (RuntimeError, AttributeError) as error:  # AttributeError: this Blender has no such exporter
        raise ExportError(
            f"Blender could not write the file: {str(error).strip().splitlines()[-1]}"
        ) from error
    if "FINISHED" not in finished:
        raise ExportError("Blender could not write the file. Is the folder writable and the disk not full?")


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new name beside the target, with its suffix, that takes its place in one step or vanishes."""
    path = Path(path)
    part = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        yield part
        if not part.exists():
            raise ExportError(f"Blender wrote no {path.suffix} file. Is the name's ending right?")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def staged(path: Path) -> Iterator[Path]:
    """A path of the same name in a passing folder. What is there at the end takes its place beside `path`,
    the file itself last; after an error nothing has changed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".export-") as name:
        folder = Path(name)
        yield folder / path.name
        if not (folder / path.name).is_file():
            raise ExportError(f"Blender wrote no {path.suffix} file. Is the name's ending right?")
        files = [each for each in folder.rglob("*") if each.is_file()]
        for each in sorted(files, key=lambda each: each == folder / path.name):
            target = path.parent / each.relative_to(folder)
            target.parent.mkdir(exist_ok=True)
            os.replace(each, target)
