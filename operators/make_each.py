# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a 3D model of each of several images, on a grid. This spends."""

import bpy

from ..window import begin, blocker, confirm, start_jobs, wanted_now
from .paid_operator import PaidOperator


class MAQUETTE_OT_make_each(PaidOperator, bpy.types.Operator):
    bl_idname = "maquette.make_each"
    bl_label = "Make Each"
    bl_description = "Make a 3D model of each image, side by side. The price on the button is what all cost"
    bl_options = {"UNDO", "INTERNAL"}

    names: bpy.props.StringProperty(options={"HIDDEN", "SKIP_SAVE"})
    shown_cu: bpy.props.FloatProperty(default=-1.0, options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        begin.have_own_place(context)
        names = self.names.split("\n")
        wanted = wanted_now(context, images=names)
        if found := blocker(context, wanted=wanted):
            self.report({"ERROR"}, found.text)
            return {"CANCELLED"}
        cost_cu = wanted.cost_cu
        return confirm.invoke(
            self,
            context,
            event,
            question=f"Make {len(names)} 3D Models?",
            cost_cu=cost_cu,
            is_shown=cost_cu is not None and abs(cost_cu - self.shown_cu) < 0.005,
            request=start_jobs.request_key(context, images=names),
        )

    def start(self, context: bpy.types.Context) -> tuple[list[str], str]:
        return start_jobs.start_jobs(context, images=self.names.split("\n"))
