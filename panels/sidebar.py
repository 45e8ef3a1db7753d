# SPDX-License-Identifier: GPL-3.0-or-later
"""The sidebar's tab: sign in or try the sandbox, choose what to make, where it will stand, and what it costs.

Draws from memory alone: no file, no database, no network.
"""

import time
from functools import lru_cache

import bpy

from .. import properties, scene
from ..client import Model
from ..jobs import Backend, cost_text, requires_mesh
from ..session_state import state
from ..window import notices, wanted_now
from . import thumbnails
from .asset import MAQUETTE_PT_asset
from .inputs import draw_inputs
from .joblist import MAQUETTE_PT_jobs, MAQUETTE_UL_jobs
from .models import MAQUETTE_UL_models, draw_model
from .object_properties import MAQUETTE_PT_object
from .on_original import draw_on_original, draw_restore
from .result import MAQUETTE_PT_result
from .text import Ruler, draw_text
from .variations import MAQUETTE_MT_swap


class MAQUETTE_PT_make(bpy.types.Panel):
    bl_label = "Make"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Maquette"
    bl_order = 0

    def draw(self, context: bpy.types.Context) -> None:
        catalogue = state.catalogue
        layout = self.layout
        state.drawn_at = time.monotonic()
        layout.use_property_decorate = False
        settings, ruler = properties.get(context.scene), Ruler.of(context)
        if state.account == "signed_out":
            _draw_ways_in(layout, ruler, state.problem)
            return
        if state.account == "sandbox":
            _draw_sandbox(layout, ruler)
        model = properties.model_of(settings, catalogue)
        if catalogue and model:
            draw_model(layout, ruler, catalogue, model)
            if catalogue.schema(model.id):
                draw_inputs(layout, ruler, settings, model)
            _draw_place(layout, ruler, context, settings, model)
        _draw_generate(layout, context, ruler, settings)


def _draw_ways_in(layout: bpy.types.UILayout, ruler: Ruler, problem: str) -> None:
    if problem:
        draw_text(layout, ruler, problem, icon="ERROR")
    draw_text(layout, ruler, "Turn images and words into 3D models that stand where you want them.")
    box = layout.box().column()
    draw_text(box, ruler, "Have a Scenario account? Enter its API key once.", inset=0.8)
    box.operator("maquette.open_preferences", text="Sign In…", icon="KEYINGSET")
    box = layout.box().column()
    draw_text(
        box, ruler, "Just looking? The sandbox makes simple stand-ins on this computer, for free.", inset=0.8
    )
    box.operator("maquette.use_sandbox", text="Try the Sandbox", icon="EXPERIMENTAL")


def _draw_sandbox(layout: bpy.types.UILayout, ruler: Ruler) -> None:
    row = layout.box().row()
    draw_text(row, ruler, "Sandbox: a stand-in, not the real models", icon="EXPERIMENTAL", inset=2.8)
    row.operator("maquette.leave_sandbox", text="", icon="X", emboss=False)


def _draw_place(
    layout: bpy.types.UILayout,
    ruler: Ruler,
    context: bpy.types.Context,
    settings: properties.MaquetteSettings,
    model: Model,
) -> None:
    header, body = layout.panel("maquette_place")
    header.label(text="Place")
    if body:
        column = body.column()
        column.prop(settings, "mesh_place_mode" if requires_mesh(model) else "place_mode", text="")
        mode = properties.place_mode_of(settings, model)
        if mode == "ORIGINAL":
            draw_on_original(column, ruler, settings)
        elif mode == "SELECTED":
            draw_text(column, ruler, "Each keeps its name, place and size.")
        else:
            column.use_property_split = True
            column.prop(settings, "size")
        is_replaced = mode in ("ORIGINAL", "SELECTED")
        if is_replaced and properties.has_names_itself(settings, model):
            draw_text(column, ruler, f"{properties.NAME} stands for each one's name.")
        elif is_replaced and properties.prompt_input(model):
            column.prop(settings, "use_object_names")
        if not (mode == "ORIGINAL" and settings.result in scene.ONTO):
            _draw_finish(column, settings)
        draw_restore(column, context)


def _draw_finish(column: bpy.types.UILayout, settings: properties.MaquetteSettings) -> None:
    """The profile, and its budget if it has one, on one line."""
    row = column.row(align=True)
    row.use_property_split = True
    row.prop(settings, "finish")
    if properties.budget_of(settings.finish_name):
        budget = row.row(align=True)
        budget.use_property_split = False
        budget.prop(settings, "finish_faces", text="")


def _draw_generate(
    layout: bpy.types.UILayout,
    context: bpy.types.Context,
    ruler: Ruler,
    settings: properties.MaquetteSettings,
) -> None:
    layout.separator()
    wanted = wanted_now(context)
    shown = notices(context, wanted)
    is_blocked = any(notice.is_blocking for notice in shown)
    backend = state.backend
    row = layout.row()
    row.scale_y = 1.6
    row.enabled = not is_blocked
    row.operator("maquette.generate", text=wanted.action(has_price=not is_blocked), icon="PLAY")
    for notice in shown:
        draw_text(layout, ruler, notice.text, icon=notice.icon)
        if notice.operator:
            layout.operator(notice.operator, **notice.button)
    if backend:
        _draw_account(layout, ruler, backend)


def _draw_account(layout: bpy.types.UILayout, ruler: Ruler, backend: Backend) -> None:
    """What is left, and what today's jobs have cost."""
    left_cu, spent_cu = backend.catalogue.balance_cu, backend.jobs.spent_cu(_midnight(time.time() // 60))
    facts = [f"{cost_text(left_cu)} left"] if left_cu is not None else []
    facts += [f"{cost_text(spent_cu)} spent today"] if spent_cu else []
    if facts:
        row = layout.row()
        row.active = False
        draw_text(row, ruler, " · ".join(facts))


@lru_cache(maxsize=1)
def _midnight(_minute: float) -> float:
    """When today began here (Unix seconds)."""
    return time.mktime((*time.localtime()[:3], 0, 0, 0, 0, 0, -1))


CLASSES = (
    MAQUETTE_UL_jobs,
    MAQUETTE_UL_models,
    MAQUETTE_PT_make,
    MAQUETTE_PT_jobs,
    MAQUETTE_PT_result,
    MAQUETTE_PT_object,
    MAQUETTE_PT_asset,
    MAQUETTE_MT_swap,
)


def register() -> None:
    for cls in CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    thumbnails.unregister()
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
