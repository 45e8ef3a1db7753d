# SPDX-License-Identifier: GPL-3.0-or-later
"""Image files dropped onto a 3D view: they become the model's input, and the point under them its place."""

from pathlib import Path

import bpy
from bpy_extras import view3d_utils
from mathutils import Vector

from .. import properties
from ..client import Model, content_type
from ..jobs import view_in
from ..session_state import state


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
        done = self.execute(context)
        if "FINISHED" in done and context.region.type == "WINDOW":
            settings = properties.get(context.scene)
            settings.drop_point = _point_under(context, event.mouse_region_x, event.mouse_region_y)
            settings.place_mode = "POINT"
        return done

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = properties.get(context.scene)
        model = properties.model_of(settings, state.catalogue)
        paths = [Path(self.directory, each.name) for each in self.files]
        if model is None or not paths:
            self.report({"ERROR"}, "Open the Maquette tab in the sidebar first.")
            return {"CANCELLED"}
        try:
            if wrong := [path.name for path in paths if not (content_type(path) or "").startswith("image/")]:
                raise RuntimeError(f"No image: {', '.join(wrong)}")
            images = [bpy.data.images.load(str(path), check_existing=True) for path in paths]
        except (OSError, RuntimeError) as error:
            self.report({"ERROR"}, str(error).strip())
            return {"CANCELLED"}
        views = _views(model) if len(paths) > 1 else {}
        left = []
        for path, image in zip(paths, images, strict=True):
            view = view_in(path.stem) if views else None
            name = views.get(view or "", "")
            # A side that the model does not take is better left out than taken for another.
            if (view and not name) or not properties.set_picture(settings, model, image, name):
                left.append(path.name)
        if left:
            self.report({"WARNING"}, f"{model.name} has no place for {', '.join(left)}.")
        return {"FINISHED"}


def _views(model: Model) -> dict[str, str]:
    """The model's inputs by the view that they are named after."""
    inputs = [spec.name for spec in properties.image_inputs(model) if spec.type == "file"]
    return {view: name for name in reversed(inputs) if (view := view_in(name))}


def _point_under(context: bpy.types.Context, x: float, y: float) -> Vector:
    """The point on the surface under the mouse, else on the ground, else at the cursor's depth."""
    region, view = context.region, context.region_data
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
        return context.area is not None and context.area.type == "VIEW_3D" and state.backend is not None
