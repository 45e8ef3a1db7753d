# SPDX-License-Identifier: GPL-3.0-or-later
"""What an object of Maquette's was made from and with, where Blender shows an object's properties."""

import json

import bpy

from ..session_state import state
from ..window import in_scene, placeholders
from .job_text import faces_of, money_text
from .text import Ruler, draw_fact, draw_text, time_text

_PROMPTS = ("prompt", "text", "textPrompt")


class MAQUETTE_PT_result(bpy.types.Panel):
    bl_idname = "MAQUETTE_PT_result"
    bl_label = "Maquette Result"
    bl_space_type = "PROPERTIES"
    bl_region_type = "WINDOW"
    bl_context = "object"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bool(placeholders.job_id_of(context.object))

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        item = placeholders.result_of(context.object)
        if item is None:
            return
        job_id = placeholders.job_id_of(item)
        job = state.jobs.by_id.get(job_id) if state.jobs else None
        parameters = _parameters(item)
        ruler = Ruler.of(context)
        facts = [("Model", job.model_name if job else str(item.get("maquette_model", "")))]
        facts += [("Made From", str(item.get("maquette_source", "")))]
        facts += [("Seed", str(item.get("maquette_seed", "")))]
        if job:
            facts += [("Cost", money_text(job))]
            facts += [("Time", time_text(job.finished_at - job.created_at) if job.finished_at else "")]
        faces = len(item.data.polygons) if isinstance(item.data, bpy.types.Mesh) else job and faces_of(job)
        facts += [("Faces", f"{faces:,}" if faces else "")]
        facts += [("Dimensions", in_scene.dimensions_text(item, context.scene))]
        for title, text in facts:
            if text:
                draw_fact(layout, ruler, title, text)
        prompt = next((str(parameters[name]) for name in _PROMPTS if parameters.get(name)), "")
        if prompt:
            layout.label(text="Prompt")
            draw_text(layout.box(), ruler, prompt, inset=0.8)
        if job:
            row = layout.row(align=True)
            row.operator("maquette.use_settings").job_id = job_id
            row.operator("maquette.show_folder").job_id = job_id


def _parameters(item: bpy.types.Object) -> dict[str, object]:
    """What the object says of the inputs; a file from elsewhere may say anything."""
    text = item.get("maquette_parameters")
    try:
        found = json.loads(text) if isinstance(text, str) and len(text) < 100_000 else {}
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
