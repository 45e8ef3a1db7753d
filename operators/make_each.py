# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a 3D model of each of several images, on a grid. This spends."""

import bpy

from ..window import begin, blocker, confirm, credits_blocker, start_jobs, wanted_now


class MAQUETTE_OT_make_each(bpy.types.Operator):
    bl_idname = "maquette.make_each"
    bl_label = "Make Each"
    bl_description = "Make a 3D model of each image, side by side. The price on the button is what all cost"
    bl_options = {"UNDO", "INTERNAL"}

    names: bpy.props.StringProperty(options={"HIDDEN", "SKIP_SAVE"})
    shown_cu: bpy.props.FloatProperty(default=-1.0, options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        begin.have_own_place(context)
        if found := blocker(context):
            self.report({"ERROR"}, found.text)
            return {"CANCELLED"}
        names = self.names.split("\n")
        cost_cu = wanted_now(context, images=names).cost_cu
        if short := credits_blocker(cost_cu):
            self.report({"ERROR"}, short.text)
            return {"CANCELLED"}
        return confirm.invoke(
            self,
            context,
            event,
            question=f"Make {len(names)} 3D Models?",
            cost_cu=cost_cu,
            is_shown=cost_cu is not None and abs(cost_cu - self.shown_cu) < 0.005,
            request=start_jobs.request_key(context, images=names),
        )

    def execute(self, context: bpy.types.Context) -> set[str]:
        job_ids, problem = start_jobs.start_jobs(context, images=self.names.split("\n"))
        if problem:
            self.report({"ERROR"}, problem)
        return {"FINISHED"} if job_ids else {"CANCELLED"}
