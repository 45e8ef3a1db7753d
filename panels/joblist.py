# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of jobs, and what can be seen and done about the one that is chosen."""

import time
from typing import ClassVar

import bpy

from .. import properties
from ..jobs import DONE, JobCache, JobRecord, State, date_text, is_seed
from ..session_state import state
from ..window import placeholders, repeats
from .job_report import draw_report, draw_sentence
from .job_text import facts_of, progress_of, row_facts, state_of
from .text import Ruler, draw_text, time_text
from .thumbnails import icon_of_job, icon_of_result
from .variations import draw_variations, place_in_group

_TROUBLE = (State.FAILED, State.EXPIRED, State.UNCERTAIN)
_DOUBT = "The service's answer was lost. Which of these jobs is it?"
_PICTURE_UNITS = 5.0  # how large the picture of a result is in its details
_ROW_UNITS = 5.2  # what a row's edges, the list's scroll bar and two icons take


class MAQUETTE_UL_jobs(bpy.types.UIList):
    ruler: ClassVar[Ruler | None] = None  # of the sidebar that is being drawn

    def draw_item(
        self, _context, layout, _data, item, _icon, _active_data, _active_property, _index=0, _flag=0
    ) -> None:
        jobs = state.jobs
        job = jobs.by_id.get(item.job_id) if jobs else None
        if job is None:
            return
        name = state.in_scene.get(job.id, job.name)
        share = progress_of(jobs, job)
        row = layout.split(factor=0.6) if share is not None else layout.row(align=True)
        if icon_value := icon_of_job(jobs, job):
            row.label(text=name, translate=False, icon_value=icon_value)
        else:
            row.label(text=name, translate=False, icon="MESH_CUBE")
        text, icon = state_of(job)
        if share is not None:
            elapsed = time_text(time.time() - job.created_at)
            row.progress(text=elapsed if job.state is State.RUNNING else text, factor=share)
            return
        side = row.row(align=True)
        side.alignment = "RIGHT"
        side.label(text=_side_text(jobs, job, name, text), translate=False, icon=icon)


def _side_text(jobs: JobCache, job: JobRecord, name: str, text: str) -> str:
    """What stands at the end of a row: as much as there is room for beside the name."""
    ruler = MAQUETTE_UL_jobs.ruler
    facts = row_facts(job) if job.state in DONE else [text]
    facts += [place] if (place := place_in_group(jobs, job)) else []
    if ruler is None:
        return " · ".join(facts)
    # The most useful are last, the name's end first.
    tries = (" · ".join(facts[first:]) for first in range(len(facts)))
    return next((each for each in tries if ruler.fits(f"{name}{each}", taken=_ROW_UNITS)), "")


class MAQUETTE_PT_jobs(bpy.types.Panel):
    bl_label = "Jobs"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Maquette"
    bl_order = 1

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return state.backend is not None

    def draw(self, context: bpy.types.Context) -> None:
        state.drawn_at = time.monotonic()
        jobs = state.jobs
        layout = self.layout
        shown = properties.lists(context.window_manager)
        if jobs is None or not jobs.by_id:
            draw_text(layout, Ruler.of(context), "What you generate appears here")
            return
        row = layout.row(align=True)
        row.prop(shown, "filter", text="")
        row.prop(shown, "job_search", text="", icon="VIEWZOOM", placeholder="Search")
        row.operator("maquette.clear_jobs", text="", icon="TRASH")
        ruler = MAQUETTE_UL_jobs.ruler = Ruler.of(context)
        state.without_picture.clear()
        layout.template_list("MAQUETTE_UL_jobs", "", shown, "jobs", shown, "active_job", rows=4)
        job = jobs.by_id.get(properties.active_job_id(context.window_manager))
        if job:
            box = layout.box().column()
            _draw_details(box, ruler, jobs, job)
            draw_variations(box, context, jobs, job)
            draw_report(layout, ruler, job)


def _draw_details(layout: bpy.types.UILayout, ruler: Ruler, jobs: JobCache, job: JobRecord) -> None:
    if icon_value := icon_of_result(jobs, job):
        layout.template_icon(icon_value, scale=_PICTURE_UNITS)
    beside = placeholders.is_beside(bpy.context, job.id)
    _draw_facts(layout, ruler, jobs, job, beside)
    if job.is_working:
        if beside:
            layout.operator("maquette.put_at_cursor", icon="PIVOT_CURSOR").job_id = job.id
        row = layout.row()
        row.enabled = not job.cancel
        text = "Cancel Requested" if job.cancel else "Cancel"
        row.operator("maquette.cancel_job", text=text, icon="X").job_id = job.id
        return
    if job.state is State.UNCERTAIN:
        _draw_doubts(layout, ruler, job)
    _draw_actions(layout.column(align=True), job, is_beside=bool(beside))


def _draw_facts(
    layout: bpy.types.UILayout, ruler: Ruler, jobs: JobCache, job: JobRecord, beside: str
) -> None:
    """What is known of the job, and what it waits for."""
    name = state.in_scene.get(job.id, job.name)
    draw_text(layout, ruler, name, icon=state_of(job)[1], inset=0.8)
    draw_text(layout, ruler, " · ".join(facts_of(jobs, job)), inset=0.8)
    if job.is_working and not state.online:
        text = "It goes on when Blender's online access is on again"
        draw_text(layout, ruler, text, icon="INFO", inset=0.8)
    if job.message:
        is_bad = job.state in _TROUBLE
        text = layout.column()
        text.alert = is_bad
        message = _DOUBT if job.doubts else job.message
        draw_text(text, ruler, message, icon="ERROR" if is_bad else "INFO", inset=0.8)
    if job.state is State.READY and (mode := placeholders.mode_in_use(job.id)):
        draw_text(layout, ruler, f"It comes once you leave {mode}", icon="INFO", inset=0.8)
    draw_sentence(layout, ruler, job)
    if beside:
        text = f"Stands beside {beside}, which is at the 3D cursor"
        draw_text(layout, ruler, text, icon="INFO", inset=0.8)


def _draw_actions(column: bpy.types.UILayout, job: JobRecord, *, is_beside: bool) -> None:
    """The buttons of a job that is over: two in a row, but those with a price, and the last."""
    has_seed = any(map(is_seed, job.inputs))
    row = column
    room = 0  # for so many buttons more in this row
    for name, text in _actions(job, has_seed=has_seed, is_beside=is_beside):
        is_wide = " · " in text or name == "remove_job"
        if is_wide or not room:
            row = column.row(align=True)
            room = 2
        row.operator(f"maquette.{name}", text=text).job_id = job.id
        if name == "export_job":
            chosen = row.operator_menu_enum("maquette.export_job", "format", text="", icon="DOWNARROW_HLT")
            chosen.job_id = job.id
        if name == "repeat_job" and has_seed:
            same = row.operator("maquette.repeat_job", text="", icon="LOCKED")
            same.job_id, same.keeps_seed = job.id, True
        room = 0 if is_wide else room - 1


def _actions(job: JobRecord, *, has_seed: bool, is_beside: bool) -> list[tuple[str, str]]:
    """What can be done about a job that is over: the operator's name, and the button's text."""
    price = repeats.price_suffix(job)
    price_to_resume = price if job.resume_state is State.PREPARED else ""  # trying again submits it
    again = "Run Again, New Seed" if has_seed else "Run Again"
    actions = (
        ("place_job", "Place Again" if job.state is State.PLACED else "Place", job.state in DONE),
        ("select_job", "Select", job.state in DONE),
        ("finish_job", "Finish…", job.has_model),
        ("export_job", "Export…", job.id in state.in_scene),
        ("put_at_cursor", "Put at Cursor", is_beside),
        ("resume_job", f"Try Again{price_to_resume}", bool(job.resume_state) and not job.doubts),
        ("use_settings", "Use Settings", True),
        ("copy_message", "Copy Message", bool(job.message)),
        ("show_folder", "Show Folder", True),
        ("vary_job", "Run Again…", True),
        ("repeat_job", f"{again}{price}", True),
        ("remove_job", "Remove", True),
    )
    return [(name, text) for name, text, is_offered in actions if is_offered]


def _draw_doubts(layout: bpy.types.UILayout, ruler: Ruler, job: JobRecord) -> None:
    """The service's jobs that may be this one, each to be taken or refused."""
    for candidate in job.doubts:
        draw_text(layout, ruler, f"{candidate['id']}, {date_text(candidate)}", icon="QUESTION", inset=0.8)
        row = layout.row(align=True)
        for name, text in (("take_candidate", "It Is This One"), ("refuse_candidate", "It Is Not")):
            action = row.operator(f"maquette.{name}", text=text)
            action.job_id, action.remote_id = job.id, str(candidate["id"])
