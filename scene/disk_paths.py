# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender keeps in a file of the disk that it was made on: it is nobody's business elsewhere.

A data-block remembers the file that it was appended from. A path that was made shorter has the end of the
longer one behind it, which Blender saves along. The file browser has the home folder of who works there.
"""

import re

import bpy

_MOST = 1023  # bytes of a path in a file


def forget_disk() -> None:
    """Takes all of that out of the open file. Data-blocks that were appended become others: no reference to
    one outlives this.
    """
    for name, kind in bpy.data.bl_rna.properties.items():
        if kind.type == "COLLECTION":
            for each in [each for each in getattr(bpy.data, name) if each.library_weak_reference]:
                _forget_origin(each)
    for image in [each for each in bpy.data.images if each.packed_files]:
        name = re.split(r"[\\/]", image.filepath_raw)[-1]
        path = f"//textures/{name}" if name else ""
        for holder, field in ((image, "filepath_raw"), *((each, "filepath") for each in image.packed_files)):
            setattr(holder, field, "x" * _MOST)  # over all that was there
            setattr(holder, field, path)
    areas = [area for screen in bpy.data.screens for area in screen.areas]
    for space in [
        space for area in areas for space in area.spaces if isinstance(space, bpy.types.SpaceFileBrowser)
    ]:
        if space.params:
            space.params.directory = b"x" * _MOST
            space.params.directory = b"//"


def _forget_origin(item: bpy.types.ID) -> None:
    """A copy, which was appended from nowhere, takes its place and its name."""
    name = item.name
    copy = item.copy()
    copy.use_fake_user = item.use_fake_user
    item.user_remap(copy)
    bpy.data.batch_remove([item])
    copy.name = name
