# SPDX-License-Identifier: GPL-3.0-or-later
"""File Browser › Make 3D Model: of the image files that are selected there."""

import os

import bpy

from ..window import begin

_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")


class MAQUETTE_OT_use_files(bpy.types.Operator):
    bl_idname = "maquette.use_files"
    bl_label = "Make 3D Model"
    bl_description = "Make a 3D model of the selected image files. A question shows the price first"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        problem = begin.why_not()
        if not problem and not _names(context):
            problem = "Select image files in a File Browser"
        if problem:
            cls.poll_message_set(problem)
        return not problem

    def execute(self, context: bpy.types.Context) -> set[str]:
        folder = os.fsdecode(context.space_data.params.directory)
        files = [{"name": name} for name in _names(context)]
        return bpy.ops.maquette.add_from_images("EXEC_DEFAULT", directory=folder, files=files)


def _names(context: bpy.types.Context) -> list[str]:
    names = [each.name for each in getattr(context, "selected_files", None) or ()]
    return [name for name in names if name.lower().endswith(_ENDINGS)]
