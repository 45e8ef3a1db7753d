# SPDX-License-Identifier: GPL-3.0-or-later
"""Small pictures of image files. A draw only asks; a timer has Blender read them, in a thread of its own.

`UILayout.icon` would read the whole image at once: measured 43 ms for 2048 pixels.
"""

import os
import re
from typing import Any

import bpy
from bpy.utils import previews

from ..jobs import JobCache, JobRecord

_loaded: Any = None  # the collection of previews, by path, while there is one
_wanted: set[str] = set()


_PICTURES = (".png", ".jpg", ".jpeg", ".webp")
_PREVIEW = re.compile(
    "preview|thumb|render", re.IGNORECASE
)  # names of pictures of a result, not of its textures


def icon_of_job(jobs: JobCache, job: JobRecord) -> int:
    """The number of an icon of what came, where a picture of it did, else of what the job was made from.

    0 if there is none (yet).
    """
    for entry in job.files:
        name = str(entry["name"]) if isinstance(entry, dict) else ""
        if isinstance(entry, dict) and _PREVIEW.search(name) and name.lower().endswith(_PICTURES):
            return _icon_of_file(os.path.join(jobs.store.folder, "jobs", job.id, str(entry["path"])))
    for file in job.input_files:
        if file.kind == "image":
            name = file.source or file.path  # large files are copied a little later
            return _icon_of_file(os.path.join(jobs.store.folder, "jobs", job.id, name))
    return 0


def icon_of_image(layout: bpy.types.UILayout, image: bpy.types.Image) -> int:
    """The number of an icon of an image of the file, 0 if it is still being read."""
    if image.source == "FILE" and image.filepath and not image.packed_file:
        return _icon_of_file(bpy.path.abspath(image.filepath, library=image.library))
    return layout.icon(image)


def _icon_of_file(path: str) -> int:
    if _loaded is not None and path in _loaded:
        return _loaded[path].icon_id
    _wanted.add(path)
    if not bpy.app.timers.is_registered(_load):
        bpy.app.timers.register(_load, first_interval=0.0)
    return 0


def _load() -> None:
    global _loaded
    if _loaded is None:
        _loaded = previews.new()
    for path in _wanted - _loaded.keys():
        _loaded.load(path, path, "IMAGE")
    _wanted.clear()
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                next(region for region in area.regions if region.type == "UI").tag_redraw()


def unregister() -> None:
    global _loaded
    if bpy.app.timers.is_registered(_load):
        bpy.app.timers.unregister(_load)
    if _loaded is not None:
        previews.remove(_loaded)
        _loaded = None
