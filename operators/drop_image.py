# SPDX-License-Identifier: GPL-3.0-or-later
"""Image files dropped onto a 3D view or an image editor: they become the model's input.

In a view the point under them becomes the place.
"""

from pathlib import Path

import bpy

from .. import properties
from ..session_state import state
from ..window import begin, spots


class MAQUETTE_OT_drop_image(bpy.types.Operator):
    bl_idname = "maquette.drop_image"
    bl_label = "Make a 3D Model Here"  # stands in the menu beside Blender's own choices for a dropped image
    bl_description = "Use the dropped images as Maquette's input, and the point under the mouse as the place"
    bl_options = {"UNDO", "INTERNAL"}

    directory: bpy.props.StringProperty(subtype="DIR_PATH", options={"HIDDEN", "SKIP_SAVE"})
    files: bpy.props.CollectionProperty(
        type=bpy.types.OperatorFileListElement, options={"HIDDEN", "SKIP_SAVE"}
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if context.area.type != "VIEW_3D":
            return self._begin(context)
        done = self.execute(context)
        if "FINISHED" in done and context.region.type == "WINDOW":
            settings = properties.get(context.scene)
            settings.drop_point = spots.point_under(context, event.mouse_region_x, event.mouse_region_y)
            settings.place_mode = "POINT"
        return done

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = properties.get(context.scene)
        model = properties.model_of(settings, state.catalogue)
        if model is None or not self.files:
            self.report({"ERROR"}, "Open the Maquette tab in the sidebar first.")
            return {"CANCELLED"}
        if not (images := self._images()):
            return {"CANCELLED"}
        begin.use_images(self, context, [each.name for each in images])
        return {"FINISHED"}

    def _begin(self, context: bpy.types.Context) -> set[str]:
        """Where no sidebar shows a price, a question does."""
        images = self._images()
        problem = begin.why_not() or (
            begin.with_images(context, [each.name for each in images]) if images else ""
        )
        if problem:
            self.report({"ERROR"}, problem)
        return {"FINISHED"} if images and not problem else {"CANCELLED"}

    def _images(self) -> list[bpy.types.Image]:
        """The files as images; none, with an error, if one of them is no image."""
        try:
            return begin.load_images([Path(self.directory, each.name) for each in self.files])
        except (OSError, RuntimeError) as error:
            self.report({"ERROR"}, str(error).strip())
            return []


class MAQUETTE_FH_image(bpy.types.FileHandler):
    bl_idname = "MAQUETTE_FH_image"
    bl_label = "Image for Maquette"
    bl_import_operator = "maquette.drop_image"
    bl_file_extensions = ".png;.jpg;.jpeg;.webp;.tif;.tiff;.bmp"

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        """Only for those who have Maquette open: others keep their drop without a question."""
        kinds = ("VIEW_3D", "IMAGE_EDITOR")
        return context.area is not None and context.area.type in kinds and state.backend is not None
