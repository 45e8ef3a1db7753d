# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens image files for an input; more than it takes go to the free ones after it."""

from pathlib import Path

import bpy

from .. import properties
from ..session_state import state


class MAQUETTE_OT_open_images(bpy.types.Operator):
    bl_idname = "maquette.open_images"
    bl_label = "Open Images"
    bl_description = "Choose image files for this input; several at once fill the next ones, too"
    bl_options = {"UNDO", "INTERNAL"}

    input_name: bpy.props.StringProperty(options={"HIDDEN", "SKIP_SAVE"})
    directory: bpy.props.StringProperty(subtype="DIR_PATH", options={"HIDDEN", "SKIP_SAVE"})
    files: bpy.props.CollectionProperty(
        type=bpy.types.OperatorFileListElement, options={"HIDDEN", "SKIP_SAVE"}
    )
    filter_image: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = properties.get(context.scene)
        model = properties.model_of(settings, state.catalogue)
        if model is None:
            return {"CANCELLED"}
        is_list = properties.items_of(settings, state.catalogue, self.input_name) is not None
        for number, file in enumerate(self.files):
            try:
                image = bpy.data.images.load(str(Path(self.directory, file.name)), check_existing=True)
            except RuntimeError as error:
                self.report({"ERROR"}, str(error).strip())
                continue
            place = self.input_name if is_list or not number else ""
            if not properties.set_picture(settings, model, image, place, can_replace=False):
                self.report({"WARNING"}, f"{model.name} has no place for {file.name}")
        return {"FINISHED"}
