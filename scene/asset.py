# SPDX-License-Identifier: GPL-3.0-or-later
"""A result as an asset of Blender's own Asset Browser: one .blend that holds all of it, and nothing else.

What is said of it stands in its metadata, and on its objects as in any file for others: how it was made, and
never what it cost. Blender takes metadata along where an asset is appended, or packed into a file.
"""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import bpy

from .custom_properties import PREFIX
from .export import ExportError, save_blend
from .render import render_preview

_PREVIEW_PX = 256  # as large as Blender keeps them


def write_asset(root: bpy.types.Object, asset: Mapping[str, Any], *, preview: Path | None) -> None:
    """Writes the result under the root, all that the open file is there for, to the path `file` of `asset`.

    The other values of `asset` are what jobs/library.py says of it. `preview` is where a picture of the
    result is, or will be. What is shown in no picture becomes an asset without one. Raises ExportError.
    """
    objects = [root, *root.children_recursive]
    collection = _alone_in_collection(root.name, objects)
    _pack(bpy.data.images)
    collection.asset_mark()
    _tell(collection.asset_data, asset)
    _give_preview(collection, root, preview)
    # Not compressed: appending a large one takes Blender half the time.
    save_blend(Path(asset["file"]), compress=False)


def _alone_in_collection(name: str, objects: Sequence[bpy.types.Object]) -> bpy.types.Collection:
    """The objects in a collection of the scene of their own; the others go."""
    scene = bpy.context.scene
    assert scene
    for each in list(scene.collection.children_recursive):
        bpy.data.collections.remove(each)
    made = bpy.data.collections.new(name)
    scene.collection.children.link(made)
    for each in objects:
        made.objects.link(each)
    others = [each for each in bpy.data.objects if each not in set(objects) and each.name in scene.objects]
    bpy.data.batch_remove(others)
    return made


def _pack(images: Sequence[bpy.types.Image]) -> None:
    """Results carry their textures; what an exporter may have loaded beside them is not saved."""
    for image in images:
        if image.users and image.source in ("FILE", "TILED") and not image.packed_files:
            try:
                image.pack()
            except RuntimeError as error:
                raise ExportError(f"The texture {image.name} is not there: it cannot be packed.") from error


def _tell(data: bpy.types.AssetMetaData, asset: Mapping[str, Any]) -> None:
    data.author = asset["author"]
    data.license = asset["licence"]
    data.copyright = asset["copyright"]
    data.description = asset["description"]
    data.catalog_id = asset["catalogue"]
    for tag in asset["tags"]:
        data.tags.new(tag, skip_if_exists=True)
    facts: Any = data
    for name, value in asset["facts"].items():
        facts[PREFIX + name] = value


def _give_preview(collection: bpy.types.Collection, root: bpy.types.Object, preview: Path | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = preview or Path(folder, "preview.png")
        if not path.exists():
            try:
                render_preview([root], path)
            except ExportError:
                return
        load_preview(collection, path)


def load_preview(collection: bpy.types.Collection, path: Path) -> None:
    """Blender makes it smaller, and keeps its colours as they are."""
    image = bpy.data.images.load(str(path), check_existing=False)
    try:
        image.colorspace_settings.is_data = True
        width, height = tuple(image.size)
        share = min(1.0, _PREVIEW_PX / max(width, height, 1))
        image.scale(max(1, round(width * share)), max(1, round(height * share)))
        pixels: Any = image.pixels
        kept: Any = collection.preview_ensure()
        kept.image_size = tuple(image.size)
        kept.image_pixels_float[:] = pixels[:]
    finally:
        bpy.data.images.remove(image)
