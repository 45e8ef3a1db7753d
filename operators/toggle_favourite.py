# SPDX-License-Identifier: GPL-3.0-or-later
"""Mark a model as a favourite, which stands first in the list, or take the mark away."""

import bpy

from .. import preferences, properties


class MAQUETTE_OT_toggle_favourite(bpy.types.Operator):
    bl_idname = "maquette.toggle_favourite"
    bl_label = "Toggle Favourite"
    bl_description = "Favourites stand first in the list of models"
    bl_options = {"INTERNAL"}

    model_id: bpy.props.StringProperty(options={"SKIP_SAVE"})

    def execute(self, _context: bpy.types.Context) -> set[str]:
        prefs, favourites = preferences.get(), properties.favourite_ids()
        if prefs is None or not self.model_id:
            return {"CANCELLED"}
        others = [known for known in favourites if known != self.model_id]
        prefs.favourites = "\n".join(others if self.model_id in favourites else [*others, self.model_id])
        return {"FINISHED"}
