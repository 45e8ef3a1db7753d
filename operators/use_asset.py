# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts what an asset was made with back into the panel, also where another computer has made it."""

import bpy

from ..window import asset_facts


class MAQUETTE_OT_use_asset(bpy.types.Operator):
    bl_idname = "maquette.use_asset"
    bl_label = "Use Settings"
    bl_description = "Put the model and the settings that this asset was made with into Maquette's sidebar"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return asset_facts.chosen_facts(context) is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        facts = asset_facts.chosen_facts(context)
        if facts and facts.job:
            return bpy.ops.maquette.use_settings(job_id=facts.job_id)
        if facts is None:
            return {"CANCELLED"}
        problem, files = asset_facts.use_settings(context, facts)
        if problem:
            self.report({"ERROR"}, problem)
            return {"CANCELLED"}
        left = f". Choose its files: {', '.join(files)}" if files else ""
        self.report({"INFO"}, f"The settings are in the sidebar{left}")
        return {"FINISHED"}
