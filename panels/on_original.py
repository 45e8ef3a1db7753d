# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws what becomes of the artist's own object: its result, the shape that is sent, and the way back."""

import bpy

from .. import properties, scene
from .text import Ruler, draw_text

_TOLD = {
    "MATERIAL": "Its mesh and UVs stay. Its material slots get the new texture.",
    "MESH": "It gets the new mesh. Its modifiers stay, the old mesh is kept.",
    "OBJECT": "A new object stands in its place. The original stays.",
}


def draw_on_original(layout: bpy.types.UILayout, ruler: Ruler, settings: properties.MaquetteSettings) -> None:
    for name in ("result", "shape"):
        column = layout.column(align=True)
        column.label(text="Result" if name == "result" else "Send")
        column.row(align=True).prop(settings, name, expand=True)
    draw_text(layout, ruler, _TOLD[settings.result])


def draw_restore(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The way back, where an object that is selected has one."""
    if any(scene.has_original(each) for each in context.selected_objects):
        layout.operator("maquette.restore_original", icon="LOOP_BACK")
