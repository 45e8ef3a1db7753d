# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes another result of what an asset was made of, with another seed, after a question with the price."""

import bpy

from ..window import asset_facts, when_ready


class MAQUETTE_OT_repeat_asset(bpy.types.Operator):
    bl_idname = "maquette.repeat_asset"
    bl_label = "Run Again…"
    bl_description = "Make another 3D model with the settings of this asset. A question shows the price first"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return asset_facts.chosen_facts(context) is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        facts = asset_facts.chosen_facts(context)
        if facts is None:
            return {"CANCELLED"}
        problem, files = asset_facts.use_settings(context, facts, has_seed=False)
        if files and not problem:
            problem = (
                f"The asset does not include its input files. Choose them in the sidebar: {', '.join(files)}."
            )
        if problem:
            self.report({"ERROR"}, problem)
            return {"CANCELLED"}
        when_ready.ask_to_generate(context)
        return {"FINISHED"}
