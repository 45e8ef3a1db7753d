# SPDX-License-Identifier: GPL-3.0-or-later
"""Chooses a model for what is to be done with the selected object, and shows the sidebar, with its price."""

import bpy

from .. import properties
from ..client import Task
from ..window import begin, when_ready

_TASKS = (
    ("TEXTURE", "Retexture", "Choose a model that gives the selected object a new texture", "TEXTURE", 0),
    ("TOPOLOGY", "Remesh", "Choose a model that gives the selected object a new topology", "MOD_REMESH", 1),
    ("RIG", "Rig", "Choose a model that gives the selected object a rig", "ARMATURE_DATA", 2),
)


class MAQUETTE_OT_use_task(bpy.types.Operator):
    bl_idname = "maquette.use_task"
    bl_label = "Work on Object"
    bl_description = "Choose a model that changes the selected object. The sidebar shows what it costs"
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

    def execute(self, context: bpy.types.Context) -> set[str]:
        if not begin.choose_for(context, "3d23d", Task[self.task]):
            self.report({"ERROR"}, "There is no model for this.")
            return {"CANCELLED"}
        properties.get(context.scene).mesh_place_mode = "ORIGINAL"
        when_ready.go_on_when(context, when_ready.show_sidebar, lambda _: None)
        return {"FINISHED"}
