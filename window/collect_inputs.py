# SPDX-License-Identifier: GPL-3.0-or-later
"""From what the artist has set to the inputs of a job: pictures and meshes of the .blend become files.

Everything is checked against the model's table here, before anything is sent or paid.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import bpy

from .. import scene
from ..client import Input, Model, check_inputs, content_type
from ..jobs import InputFile, InputValue, safe_name
from ..properties import Meshes, Picture, Values
from . import pictures

_TAKEN = ("image/png", "image/jpeg", "image/webp")  # sent as they are; others become PNG


class RequestError(Exception):
    """What was asked for cannot be made a job; the text says what to do."""


def job_inputs(
    model: Model, values: Values, save: Callable[[Picture | Meshes, str], InputFile]
) -> dict[str, InputValue]:
    """The job's inputs, with the defaults of required ones; `save` makes files.

    Raises InputError, and RequestError for a file where the model takes none.
    """

    def given(value: Any, spec: Input | None) -> Any:
        kind = spec.kind if spec and spec.is_file else None
        match value:
            case Picture() | Meshes():
                file = save(value, kind or "image")
            case Path():
                file = InputFile(value, kind or "image")
            case str() if kind and value and not value.startswith("asset_"):  # from a script
                file = InputFile(Path(bpy.path.abspath(value)), kind)
            case list():
                return [given(item, spec) for item in value]
            case dict():
                return tables(value, spec.inputs if spec else ())
            case _:
                return value
        if spec and not kind:
            raise RequestError(f"{model.name} takes no file where {file.path.name or 'a file'} was given.")
        return file

    def tables(found: Values, specs: Sequence[Input]) -> Values:
        by_name = {spec.name: spec for spec in specs}
        return {name: given(value, by_name.get(name)) for name, value in found.items()}

    return check_inputs(model, tables(values, model.inputs))


def priced_inputs(model: Model, values: Values) -> dict[str, InputValue]:
    """The inputs as far as the price needs them: no file is written. Raises InputError."""
    return job_inputs(model, values, lambda _, kind: InputFile(Path(), kind))


def save(
    value: Picture | Meshes, kind: str, selected: Sequence[bpy.types.Object], new_folder: Callable[[], Path]
) -> InputFile:
    """A picture's own file, else one made in a `new_folder` for a job to keep. Raises RequestError."""
    if isinstance(value, Meshes):
        found = [bpy.data.objects.get(name) for name in value.names]
        if None in found:
            raise RequestError(f"The object {value.names[found.index(None)]} is no longer in this file.")
        objects = [each for each in found if each] or list(selected)
        if not objects:
            raise RequestError("Select a mesh object.")
        path = new_folder() / f"{safe_name(objects[0].name)}.blend"  # the worker turns it into a GLB
        for each in objects:
            each.update_from_editmode()
        bpy.data.libraries.write(str(path), set(objects), path_remap="ABSOLUTE")
        return InputFile(path, kind, is_temporary=True, objects=tuple(each.name for each in objects))
    image = bpy.data.images.get(value.name)
    if image is None:
        raise RequestError(f"The image {value.name} is no longer in this file. Choose another.")
    if own := _own_file(image, kind):
        return InputFile(own, kind)
    path = new_folder() / f"{safe_name(Path(image.name).stem)}.png"
    save_image(image, path)
    return InputFile(path, kind, is_temporary=True)


def _own_file(image: bpy.types.Image, kind: str) -> Path | None:
    """The image's file, if it is on the disk as it is in Blender, in a format that services take."""
    name = pictures.file_of(image)
    if not name:
        return None
    path = Path(name)
    try:
        return path if content_type(path) in _TAKEN or kind != "image" else None
    except OSError:  # moved away: Blender may still have its pixels
        return None


def save_image(image: bpy.types.Image, path: Path) -> None:
    """Writes the image as it looks, a render through the scene's view. Raises RequestError."""
    try:
        if image.type in ("RENDER_RESULT", "COMPOSITING"):
            _save_render(image, path)
        elif image.packed_file and not image.is_dirty and image.file_format in ("PNG", "JPEG", "WEBP"):
            path.write_bytes(image.packed_file.data)
        else:
            _save_pixels(image, path)
    except RuntimeError as error:
        text = f"{image.name} has no pixels to save. Render it, or choose another image."
        if image.source == "FILE" and image.filepath and not image.packed_file:
            text = f"The file of {image.name} is not there: {image.filepath}. Choose another image."
        raise RequestError(text) from error


def _save_pixels(image: bpy.types.Image, path: Path) -> None:
    """Through a copy: before 4.4 `Image.save` makes it an image of a file, which loses its pixels."""
    import numpy as np  # takes a while

    if not image.has_data and not len(image.pixels):
        raise RuntimeError("no pixels")
    pixels = np.empty(len(image.pixels), np.float32)
    image.pixels.foreach_get(pixels)
    copy = bpy.data.images.new(image.name, *tuple(image.size), alpha=True, float_buffer=image.is_float)
    try:
        copy.colorspace_settings.name = image.colorspace_settings.name
        copy.pixels.foreach_set(pixels)
        copy.filepath_raw, copy.file_format = str(path), "PNG"
        copy.save()
    finally:
        bpy.data.images.remove(copy)


def _save_render(image: bpy.types.Image, path: Path) -> None:
    """Blender takes a render's file format from the scene: PNG for the moment."""
    current = bpy.context.scene
    settings = current.render.image_settings
    wanted = {
        "media_type": "IMAGE",
        "file_format": "PNG",
        "color_mode": "RGBA",
        "color_depth": "8",  # another format may have none of the artist's
        "compression": 15,
        "color_management": "FOLLOW_SCENE",
    }
    # There is no media_type in 4.x.
    was = {name: getattr(settings, name) for name in wanted if hasattr(settings, name)}
    try:
        for name in was:
            setattr(settings, name, wanted[name])
        with scene.shown_in_srgb(current):
            image.save_render(str(path), scene=current)
    finally:
        for name, value in was.items():
            setattr(settings, name, value)
