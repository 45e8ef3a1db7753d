# SPDX-License-Identifier: GPL-3.0-or-later
"""Image Editor › Image › Make 3D Model: of the image that is seen there."""

import bpy

from ..window import begin


class MAQUETTE_OT_use_editor_image(bpy.types.Operator):
    bl_idname = "maquette.use_editor_image"
    bl_label = "Make 3D Model"
    bl_description = "Make a 3D model of this image. A question shows the price first"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        problem = begin.why_not()
        if not problem and not getattr(context.space_data, "image", None):
            problem = "Open an image in an Image Editor"
        if problem:
            cls.poll_message_set(problem)
        return not problem

    def execute(self, context: bpy.types.Context) -> set[str]:
        if problem := begin.with_images(context, [context.space_data.image.name]):
            self.report({"ERROR"}, problem)
            return {"CANCELLED"}
        return {"FINISHED"}
