# SPDX-License-Identifier: GPL-3.0-or-later
"""Image files dropped onto a 3D view: they become the model's input, and the point under them its place."""

from pathlib import Path

import bpy
from bpy_extras import view3d_utils
from mathutils import Vector

from .. import properties
from ..jobs import Model, holder, view_in


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
        if context.region.type == "WINDOW":
            settings = properties.get(context.scene)
            settings.drop_point = _point_under(context, event.mouse_region_x, event.mouse_region_y)
            settings.place_mode = "POINT"
        return self.execute(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = properties.get(context.scene)
        model = properties.model_of(settings, holder.current())
        paths = [Path(self.directory, each.name) for each in self.files]
        if model is None or not paths:
            self.report({"ERROR"}, "Open the Maquette tab in the sidebar first.")
            return {"CANCELLED"}
        left = []
        for path in paths:
            try:
                image = bpy.data.images.load(str(path), check_existing=True)
            except RuntimeError as error:
                self.report({"ERROR"}, str(error).strip())
                return {"CANCELLED"}
            if not _give(settings, model, image, path, len(paths)):
                left.append(path.name)
        if left:
            self.report({"WARNING"}, f"{model.name} has no place for {', '.join(left)}.")
        return {"FINISHED"}


def _give(
    settings: properties.MaquetteSettings, model: Model, image: bpy.types.Image, path: Path, count: int
) -> str:
    """Several files go to the views that they are named after; where, or "" if there is no place."""
    view = view_in(path.stem) if count > 1 else None
    named = [
        spec.name for spec in model.inputs if spec.type == "file" and view and view_in(spec.name) == view
    ]
    return properties.set_picture(settings, model, image, named[0] if named else "")


def _point_under(context: bpy.types.Context, x: float, y: float) -> Vector:
    """The point on the surface under the mouse, else on the ground, else at the cursor's depth."""
    region, view = context.region, context.space_data.region_3d
    origin = view3d_utils.region_2d_to_origin_3d(region, view, (x, y))
    direction = view3d_utils.region_2d_to_vector_3d(region, view, (x, y))
    is_hit, point, *_ = context.scene.ray_cast(context.evaluated_depsgraph_get(), origin, direction)
    if is_hit:
        return point
    distance = -origin.z / direction.z if direction.z else -1.0
    if distance > 0:
        return origin + direction * distance
    return view3d_utils.region_2d_to_location_3d(region, view, (x, y), context.scene.cursor.location)


class MAQUETTE_FH_image(bpy.types.FileHandler):
    bl_idname = "MAQUETTE_FH_image"
    bl_label = "Image for Maquette"
    bl_import_operator = "maquette.drop_image"
    bl_file_extensions = ".png;.jpg;.jpeg;.webp;.tif;.tiff;.bmp"

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        """Only for those who have Maquette open: others keep their drop without a question."""
        return context.area is not None and context.area.type == "VIEW_3D" and holder.current() is not None
