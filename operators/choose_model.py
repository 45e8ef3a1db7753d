# SPDX-License-Identifier: GPL-3.0-or-later
"""Choose the model that makes the 3D model, from a list that can be searched."""

import textwrap

import bpy

from .. import preferences, properties
from ..client import Model, tasks_of
from ..session_state import state

RECENT_MAX = 8
ROWS, LINES = 8, 5  # so that it fits on a small screen at interface scale 2
LETTERS = 72  # of a line


class MAQUETTE_OT_choose_model(bpy.types.Operator):
    bl_idname = "maquette.choose_model"
    bl_label = "Choose Model"
    bl_description = "Choose what makes the 3D model; pictures and words are kept"
    bl_options = {"UNDO"}

    model_id: bpy.props.StringProperty(options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        catalogue = state.catalogue
        return catalogue is not None and bool(catalogue.models)

    @classmethod
    def description(cls, context: bpy.types.Context, _properties: object) -> str:
        """The tooltip, with what the chosen model is."""
        model = properties.model_of(properties.get(context.scene), state.catalogue)
        if model is None or not model.short_description:
            return cls.bl_description
        return f"{cls.bl_description}.\n\n{model.name}: {model.short_description.rstrip('.')}"

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """With a mesh selected, what works on one is listed; prices that are known are refreshed behind."""
        shown = properties.lists(context.window_manager)
        if _is_mesh_selected(context):
            shown.task = "MESH"
        elif shown.task == "MESH":
            shown.task = "ALL"
        shown.search = ""  # fills the list, too
        if state.catalogue:
            state.catalogue.refresh_prices()
        chosen = properties.model_of(properties.get(context.scene), state.catalogue)
        ids = [item.model_id for item in shown.models]
        with properties.no_click():
            shown.active_model = ids.index(chosen.id) if chosen and chosen.id in ids else 0
        return context.window_manager.invoke_props_dialog(self, width=460, confirm_text="Choose")

    def draw(self, context: bpy.types.Context) -> None:
        layout, shown = self.layout, properties.lists(context.window_manager)
        row = layout.row()
        row.activate_init = True
        row.prop(shown, "search", text="", icon="VIEWZOOM", placeholder="Search")
        row = layout.row()
        row.prop(shown, "task", text="")
        row.row().prop(shown, "model_sort", expand=True)
        layout.template_list(
            "MAQUETTE_UL_models", "", shown, "models", shown, "active_model", rows=ROWS, sort_lock=True
        )
        catalogue = state.catalogue
        chosen = properties.active_model_id(shown)
        model = catalogue.model(chosen) if catalogue else None
        column = layout.column(align=True)
        column.scale_y = 0.8
        lines = about(model) if model else ["No model fits"]
        for line in [*lines, *[""] * (LINES - len(lines))]:
            column.label(text=line, translate=False)

    def execute(self, context: bpy.types.Context) -> set[str]:
        catalogue = state.catalogue
        chosen = self.model_id or _chosen_id(context)
        model = catalogue.model(chosen) if catalogue else None
        if catalogue is None or model is None:
            self.report({"ERROR"}, f"There is no model {chosen}")
            return {"CANCELLED"}
        properties.choose_model(properties.get(context.scene), model, catalogue)
        if prefs := preferences.get():
            recent = [model.id, *(known for known in properties.recent_ids() if known != model.id)]
            prefs.recent = "\n".join(recent[:RECENT_MAX])
        return {"FINISHED"}


def _chosen_id(context: bpy.types.Context) -> str:
    return properties.active_model_id(properties.lists(context.window_manager))


def _is_mesh_selected(context: bpy.types.Context) -> bool:
    """Whether the artist has selected one: the cube of Blender's new scene is selected by itself."""
    item = context.active_object
    if item is None or item.type not in properties.MESH_TYPES or item not in context.selected_objects:
        return False
    is_first_cube = item.name == "Cube" and item.data.name == "Cube" and len(item.data.vertices) == 8
    return bool(bpy.data.filepath) or not is_first_cube or not item.matrix_world.is_identity


def about(model: Model) -> list[str]:
    """What the model is for, what the service says it is good at, and what speaks against it."""
    notes = [" · ".join(tasks_of(model))]
    if model.required_plan:
        notes.append(f"Needs the {model.required_plan_name} plan")
    if not properties.can_show(model):
        notes.append("This Blender cannot show what it makes, which is kept as a file")
    room = LINES - len(notes)
    return [*notes[:1], *textwrap.wrap(model.short_description, LETTERS)[:room], *notes[1:]]
