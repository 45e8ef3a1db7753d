# SPDX-License-Identifier: GPL-3.0-or-later
"""Add › 3D Model from Image: chooses image files, and asks with the price."""

from pathlib import Path

import bpy

from ..window import begin


class MAQUETTE_OT_add_from_images(bpy.types.Operator):
    bl_idname = "maquette.add_from_images"
    bl_label = "3D Model from Image"
    bl_description = "Choose an image to make a 3D model of, or several. A question shows the price first"
    bl_options = {"UNDO"}

    directory: bpy.props.StringProperty(subtype="DIR_PATH", options={"HIDDEN", "SKIP_SAVE"})
    files: bpy.props.CollectionProperty(
        type=bpy.types.OperatorFileListElement, options={"HIDDEN", "SKIP_SAVE"}
    )
    filter_image: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if problem := begin.why_not():
            cls.poll_message_set(problem)
        return not problem

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        if self.files:  # chosen in a File Browser
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            images = begin.load_images([Path(self.directory, each.name) for each in self.files if each.name])
            problem = (
                begin.with_images(context, [each.name for each in images]) if images else "Choose an image."
            )
        except (OSError, RuntimeError) as error:
            problem = str(error).strip()
        if problem:
            self.report({"ERROR"}, problem)
            return {"CANCELLED"}
        return {"FINISHED"}
