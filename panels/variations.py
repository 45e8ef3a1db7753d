# SPDX-License-Identifier: GPL-3.0-or-later
"""What was made of one input, where one of it is shown: how many, and what can be done with the others."""

import bpy

from .. import properties
from ..jobs import JobCache, JobRecord, is_seed
from ..session_state import state
from ..window import variations
from .thumbnails import icon_of_job


def place_in_group(jobs: JobCache, job: JobRecord) -> str:
    """Which of its group the job is: "2/3"; "" for one alone."""
    found = jobs.group(job)
    return f"{found.index(job) + 1}/{len(found)}" if len(found) > 1 else ""


def label_of(jobs: JobCache, job: JobRecord) -> str:
    """By what one is told from another of its group: its number, model and seed."""
    given = [value for name, value in job.inputs.items() if is_seed(name)]
    seeds = [f"seed {value:.0f}" for value in given if isinstance(value, int | float)]
    return " · ".join([place_in_group(jobs, job), job.model_name or job.model_id, *seeds[:1]])


class MAQUETTE_MT_swap(bpy.types.Menu):
    """The others of the group of the job that the panel or menu names."""

    bl_idname = "MAQUETTE_MT_swap"
    bl_label = "Swap"
    bl_description = "Choose another 3D model of this input to be put in its place"

    def draw(self, context: bpy.types.Context) -> None:
        layout, jobs = self.layout, state.jobs
        job_id = getattr(context, "maquette_job", "") or properties.active_job_id(context.window_manager)
        job = jobs.by_id.get(job_id) if jobs else None
        found = variations.others(jobs, job) if jobs and job else []
        if jobs is None or job is None or not found:
            layout.label(text="No other 3D model of this input is ready")
            return
        layout.context_string_set("maquette_job", job.id)
        for each in found:
            icon = icon_of_job(jobs, each)
            text = label_of(jobs, each)
            if icon:
                action = layout.operator("maquette.swap_job", text=text, translate=False, icon_value=icon)
            else:
                action = layout.operator("maquette.swap_job", text=text, translate=False, icon="MESH_CUBE")
            action.job_id, action.to = job.id, each.id


def draw_variations(
    layout: bpy.types.UILayout, context: bpy.types.Context, jobs: JobCache, job: JobRecord
) -> None:
    """Of a job that others were run again from or with."""
    count = len(jobs.group(job))
    if count < 2:
        return
    column = layout.column(align=True)
    column.context_string_set("maquette_job", job.id)
    text = f"Same Input: {place_in_group(jobs, job).replace('/', ' of ')}"
    column.prop_enum(properties.lists(context.window_manager), "filter", "GROUP", text=text)
    row = column.row(align=True)
    for step, icon in (("PREVIOUS", "TRIA_LEFT"), ("NEXT", "TRIA_RIGHT")):
        action = row.operator("maquette.swap_job", text="", icon=icon)
        action.job_id, action.step = job.id, step
        if step == "PREVIOUS":
            row.menu("MAQUETTE_MT_swap", text="Swap")
    row = column.row(align=True)
    for name in ("compare_job", "keep_job"):
        row.operator(f"maquette.{name}").job_id = job.id
