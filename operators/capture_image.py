# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes an image of what is on the screen, rendered or copied, and gives it to the model."""

import bpy

from .. import properties
from ..session_state import state
from ..window import RequestError, capture

_CAPTURES = {
    "RENDER": capture.capture_render,
    "VIEWPORT": capture.capture_viewport,
    "CAMERA": capture.capture_camera,
    "CLIPBOARD": capture.capture_clipboard,
}
_SOURCES = (
    ("RENDER", "Last Render", "What was rendered last", "RENDER_RESULT", 0),
    ("VIEWPORT", "Viewport", "The middle of this view, without grid and background", "VIEW3D", 1),
    ("CAMERA", "Camera View", "What the scene's camera sees, shaded like this view", "CAMERA_DATA", 2),
    ("CLIPBOARD", "Clipboard", "The image that was copied last", "PASTEDOWN", 3),
)


class MAQUETTE_OT_capture_image(bpy.types.Operator):
    bl_idname = "maquette.capture_image"
    bl_label = "Capture Image"
    bl_description = "Make an image of the render, the view or the clipboard, and use it as the input"
    bl_options = {"UNDO"}

    source: bpy.props.EnumProperty(name="Source", items=_SOURCES)
    input_name: bpy.props.StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        is_view = context.area is not None and context.area.type == "VIEW_3D" and not bpy.app.background
        return is_view and state.backend is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            image = _CAPTURES[self.source](context)
        except (RequestError, RuntimeError) as error:
            self.report({"ERROR"}, str(error).strip().splitlines()[-1])
            return {"CANCELLED"}
        settings = properties.get(context.scene)
        model = properties.model_of(settings, state.catalogue)
        if not model or not properties.set_picture(settings, model, image, self.input_name):
            self.report({"WARNING"}, f"The model takes no image. {image.name} is kept in this file.")
        return {"FINISHED"}
