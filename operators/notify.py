# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells something in the status bar, quietly. Blender shows an operator's report there only from `modal`."""

import bpy


class MAQUETTE_OT_notify(bpy.types.Operator):
    bl_idname = "maquette.notify"
    bl_label = "Notify"
    bl_options = {"INTERNAL"}

    message: bpy.props.StringProperty(options={"SKIP_SAVE"})

    def execute(self, _context: bpy.types.Context) -> set[str]:
        self.report({"INFO"}, self.message)
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        manager = context.window_manager
        self._timer = manager.event_timer_add(0.01, window=context.window)
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        context.window_manager.event_timer_remove(self._timer)
        return self.execute(context)
