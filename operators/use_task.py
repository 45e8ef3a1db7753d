# SPDX-License-Identifier: GPL-3.0-or-later
"""Chooses a model for what is to be done with the selected object.

For a new texture a dialog asks for words or a picture, and shows the price; else the sidebar shows it, beside
the settings that say what is to come.
"""

import bpy

from .. import properties
from ..client import Task
from ..window import begin, when_ready
from .generate_dialog import GenerateDialog

_TASKS = (
    ("TEXTURE", "Retexture…", "Describe a new texture of the selected object", "TEXTURE", 0),
    ("TOPOLOGY", "Remesh", "Choose a model that gives the selected object a new topology", "MOD_REMESH", 1),
    ("RIG", "Rig", "Choose a model that gives the selected object a rig", "ARMATURE_DATA", 2),
)


class MAQUETTE_OT_use_task(GenerateDialog, bpy.types.Operator):
    bl_idname = "maquette.use_task"
    bl_label = "Work on Object"
    bl_description = "Choose a model that changes the selected object. The price is shown before it is made"
    bl_options = {"UNDO"}

    task: bpy.props.EnumProperty(name="Task", items=_TASKS)

    @classmethod
    def description(cls, _context: bpy.types.Context, values: "MAQUETTE_OT_use_task") -> str:
        return next(item[2] for item in _TASKS if item[0] == values.task)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        problem = begin.why_not()
        if not problem and not context.selected_objects:
            problem = "Select an object"
        if problem:
            cls.poll_message_set(problem)
        return not problem

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        if self.task != "TEXTURE":
            return self.execute(context)
        before = begin.sidebar_choices(context)
        if not self._choose(context):
            return {"CANCELLED"}
        return self.open(
            context,
            "Retexture",
            before,
            lambda: bpy.ops.maquette.use_task("INVOKE_DEFAULT", task="TEXTURE", has_waited=True),
        )

    def execute(self, context: bpy.types.Context) -> set[str]:
        if not self._choose(context):
            return {"CANCELLED"}
        when_ready.go_on_when(context, when_ready.show_sidebar, lambda _: None)
        return {"FINISHED"}

    def _choose(self, context: bpy.types.Context) -> bool:
        if not begin.choose_for(context, "3d23d", Task[self.task]):
            self.report({"ERROR"}, "There is no model for this.")
            return False
        settings = properties.get(context.scene)
        if settings.mesh_place_mode != "ORIGINAL":  # a price that is known stays so
            settings.mesh_place_mode = "ORIGINAL"
        return True
