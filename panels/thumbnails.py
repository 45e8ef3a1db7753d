# SPDX-License-Identifier: GPL-3.0-or-later
"""Small pictures of image files. A draw only asks; a timer has Blender read them, in a thread of its own.

`UILayout.icon` would read the whole image at once: measured 43 ms for 2048 pixels.
"""

import os
from typing import Any

import bpy
from bpy.utils import previews

from ..jobs import JobCache, JobRecord, lacks_picture, picture_of
from ..session_state import state
from ..window import redraw_sidebars

_loaded: Any = None  # the collection of previews, by name, while there is one
_wanted: dict[str, str] = {}  # paths by name


def icon_of_job(jobs: JobCache, job: JobRecord) -> int:
    """The number of an icon of what came, where there is a picture of it, else of what the job was made from.

    0 if there is none (yet). The timer has a picture made of a result that lacks one.
    """
    if lacks_picture(job):
        state.without_picture[job.id] = None
    if icon := icon_of_result(jobs, job):
        return icon
    for file in job.input_files:
        if file.kind == "image":
            return _icon_of_file(_place(jobs, job), file.source or file.path)  # large ones are copied later
    return 0


def icon_of_result(jobs: JobCache, job: JobRecord) -> int:
    """The number of an icon of what came, 0 if there is no picture of it, or while it is still being read."""
    path = picture_of(job)
    # A result that was made anew has another picture in the same place.
    return _icon_of_file(_place(jobs, job), path, f" {job.finished_at}") if path else 0


def _place(jobs: JobCache, job: JobRecord) -> str:
    return f"{jobs.store.folder}/jobs/{job.id}"


def icon_of_image(layout: bpy.types.UILayout, image: bpy.types.Image) -> int:
    """The number of an icon of an image of the file, 0 if it is still being read."""
    if image.source == "FILE" and image.filepath and not image.packed_file:
        return _icon_of_file("", bpy.path.abspath(image.filepath, library=image.library))
    return layout.icon(image)


def _icon_of_file(folder: str, path: str, version: str = "") -> int:
    """Of a file whose path may be relative to `folder`."""
    name = f"{folder}/{path}{version}"
    if _loaded is not None and name in _loaded:
        return _loaded[name].icon_id
    _wanted[name] = os.path.join(folder, path)
    if not bpy.app.timers.is_registered(_load):
        bpy.app.timers.register(_load, first_interval=0.0)
    return 0


def _load() -> None:
    global _loaded
    if _loaded is None:
        _loaded = previews.new()
    for name in _wanted.keys() - _loaded.keys():
        _loaded.load(name, _wanted[name], "IMAGE")
    _wanted.clear()
    redraw_sidebars()


def unregister() -> None:
    global _loaded
    if bpy.app.timers.is_registered(_load):
        bpy.app.timers.unregister(_load)
    if _loaded is not None:
        previews.remove(_loaded)
        _loaded = None
