# SPDX-License-Identifier: GPL-3.0-or-later
"""How a chosen asset was made, in the sidebar of Blender's Asset Browser."""

import bpy
from bpy_extras.asset_utils import SpaceAssetInfo

from ..window import asset_facts
from .job_text import money_text
from .text import Ruler, draw_fact, draw_text


class MAQUETTE_PT_asset(bpy.types.Panel):
    bl_idname = "MAQUETTE_PT_asset"
    bl_label = "Maquette"
    bl_space_type = "FILE_BROWSER"
    bl_region_type = "TOOL_PROPS"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return SpaceAssetInfo.is_asset_browser_poll(context) and bool(asset_facts.chosen_facts(context))

    def draw(self, context: bpy.types.Context) -> None:
        facts = asset_facts.chosen_facts(context)
        if facts is None:
            return
        layout = self.layout
        ruler = Ruler.of(context)
        job = facts.job
        for title, text in (
            ("Model", facts.model_name or facts.model_id),
            ("Made From", facts.source if facts.source != facts.prompt else ""),
            ("Seed", facts.seed),
            ("Made", facts.made_at[:10]),
            ("Cost", money_text(job) if job else ""),
        ):
            if text:
                draw_fact(layout, ruler, title, text)
        if facts.prompt:
            layout.label(text="Prompt")
            draw_text(layout.box(), ruler, facts.prompt, inset=0.8)
        layout.menu_contents("MAQUETTE_MT_asset")
