# SPDX-License-Identifier: GPL-3.0-or-later
"""Has results kept as assets: makes a folder for them, and lists it among Blender's asset libraries."""

from pathlib import Path

import bpy

from ..window import library


class MAQUETTE_OT_add_library(bpy.types.Operator):
    bl_idname = "maquette.add_library"
    bl_label = "Add Asset Library"
    bl_description = "Save every new 3D model as an asset, in a library that is added to the Asset Browser"

    directory: bpy.props.StringProperty(
        name="Folder",
        description="Where the library is to be. Empty: beside Blender's own",
        subtype="DIR_PATH",
        options={"SKIP_SAVE"},
    )
    asks: bpy.props.BoolProperty(
        name="Choose", description="Choose the folder first", options={"HIDDEN", "SKIP_SAVE"}
    )

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        if not self.asks:
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, _context: bpy.types.Context) -> set[str]:
        folder = Path(bpy.path.abspath(self.directory)) if self.directory else library.default_folder()
        try:
            library.switch_on(folder)
        except OSError as error:
            why = error.strerror or error
            self.report({"ERROR"}, f"{folder} cannot be made: {why}. Choose another folder.")
            return {"CANCELLED"}
        self.report({"INFO"}, f"New 3D models are kept in {folder}")
        return {"FINISHED"}
