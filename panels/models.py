# SPDX-License-Identifier: GPL-3.0-or-later
"""Models as they are shown: the chosen one in the sidebar, and the lines of the list to choose from."""

import bpy

from .. import properties
from ..client import Model
from ..jobs import Catalogue, cost_text
from ..session_state import state
from .text import Ruler


class MAQUETTE_UL_models(bpy.types.UIList):
    def draw_item(
        self, _context, layout, _data, item, _icon, _active_data, _active_property, _index=0, _flag=0
    ) -> None:
        catalogue = state.catalogue
        model = catalogue.models.get(item.model_id) if catalogue else None
        if catalogue is None or model is None:
            return
        row = layout.row(align=True)
        star = "SOLO_ON" if model.id in properties.favourite_ids() else "SOLO_OFF"
        row.operator("maquette.toggle_favourite", text="", icon=star, emboss=False).model_id = model.id
        row.label(text=model.name, translate=False)
        side = row.row(align=True)
        side.alignment = "RIGHT"
        if (typical_cu := catalogue.typical_cost_cu(model.id)) is not None:
            side.label(text=cost_text(typical_cu))
        if not properties.can_show(model):
            side.label(icon="HIDE_ON")
        for source in properties.sources_of(model):
            side.label(icon=source.icon)


def draw_model(layout: bpy.types.UILayout, ruler: Ruler, catalogue: Catalogue, model: Model) -> None:
    column = layout.column(align=True)
    row = column.row(align=True)
    icon = "DOWNARROW_HLT" if ruler.fits(model.name, taken=2.7) else "NONE"
    row.operator("maquette.choose_model", text=model.name, translate=False, icon=icon)
    row.operator("maquette.reset_parameters", text="", icon="LOOP_BACK")
    facts = [" or ".join(source.label for source in properties.sources_of(model))]
    typical_cu = catalogue.typical_cost_cu(model.id)
    facts += [f"about {cost_text(typical_cu)}"] if typical_cu is not None else []
    row = column.row()
    row.active = False
    row.label(text=" · ".join(filter(None, facts)))
