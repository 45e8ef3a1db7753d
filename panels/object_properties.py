# SPDX-License-Identifier: GPL-3.0-or-later
"""Object Properties › Maquette: the prompt, image and seed that an object has of its own."""

import bpy

from .. import properties
from ..session_state import state
from .text import Ruler, draw_text


class MAQUETTE_PT_object(bpy.types.Panel):
    bl_label = "Maquette"
    bl_space_type = "PROPERTIES"
    bl_region_type = "WINDOW"
    bl_context = "object"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        item = context.object
        return item is not None and item.type in (*properties.MESH_TYPES, "EMPTY")

    def draw(self, context: bpy.types.Context) -> None:
        item, layout = context.object, self.layout
        own = properties.own_of(item)
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.label(text="For Place › Replace Selected")
        layout.prop(own, "prompt", placeholder="As in the sidebar")
        layout.template_ID(own, "image", open="image.open", text="Image")
        image = properties.image_of(item)
        if image and not own.image:
            layout.label(text=f"{image.name}, which it shows", icon="IMAGE_DATA", translate=False)
        row = layout.row(heading="Seed")
        row.prop(own, "has_seed", text="")
        value = row.row()
        value.active = own.has_seed
        value.prop(own, "seed", text="")
        settings = properties.get(context.scene)
        model = properties.model_of(settings, state.catalogue)
        if model:
            given = properties.values_of(settings, model)
            spec = properties.prompt_input(model)
            (values,) = properties.own_values(settings, model, given, [item])
            text = values.get(spec.name, "") if spec else ""
            if text:
                draw_text(layout, Ruler.of(context), f"Becomes: {text}")
            elif not spec and own.prompt:
                layout.label(text=f"{model.name} takes no prompt", icon="INFO", translate=False)
            if image and not properties.image_inputs(model):
                layout.label(text=f"{model.name} takes no image", icon="INFO", translate=False)
