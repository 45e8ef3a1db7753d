# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of jobs, and what can be seen and done about the one that is chosen."""

import time

import bpy

from .. import properties
from ..jobs import DONE, JobCache, JobRecord, State, cost_text, date_text
from ..session_state import state
from ..window import placeholders
from .text import Ruler, draw_text, time_text
from .thumbnails import icon_of_job

# What a person reads, and an icon.
STATES = {
    State.PREPARED: ("Starting", "SORTTIME"),
    State.UPLOADING: ("Sending", "SORTTIME"),
    State.SUBMITTING: ("Sending", "SORTTIME"),
    State.UNCERTAIN: ("Checking", "QUESTION"),
    State.QUEUED: ("Queued", "SORTTIME"),
    State.RUNNING: ("Working", "SORTTIME"),
    State.DOWNLOADING: ("Fetching", "IMPORT"),
    State.CONVERTING: ("Preparing", "IMPORT"),
    State.READY: ("Ready", "CHECKMARK"),
    State.PLACED: ("Placed", "OUTLINER_OB_MESH"),
    State.FAILED: ("Failed", "ERROR"),
    State.CANCELED: ("Canceled", "CANCEL"),
    State.EXPIRED: ("Expired", "ERROR"),
}
_TROUBLE = (State.FAILED, State.EXPIRED, State.UNCERTAIN)


class MAQUETTE_UL_jobs(bpy.types.UIList):
    def draw_item(
        self, context, layout, _data, item, _icon, _active_data, _active_property, _index=0, _flag=0
    ) -> None:
        jobs = state.jobs
        job = jobs.by_id.get(item.job_id) if jobs else None
        if job is None:
            return
        split = layout.split(factor=0.6)
        if icon_value := icon_of_job(jobs, job):
            split.label(text=job.name, translate=False, icon_value=icon_value)
        else:
            split.label(text=job.name, translate=False, icon="MESH_CUBE")
        text, icon = STATES[job.state]
        if job.doubts:
            text = "In Doubt"  # nobody looks any more: a person decides
        share = progress_of(jobs, job)
        if share is None:
            is_room = Ruler.of(context).fits(text, 0.4, -2.5)  # a word cut off says less than its icon
            split.label(text=text if is_room else "", icon=icon)
        else:
            elapsed = time_text(time.time() - job.created_at)
            split.progress(text=elapsed if job.state is State.RUNNING else text, factor=share)


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
        shown = properties.window(context.window_manager)
        if jobs is None or not jobs.by_id:
            draw_text(layout, Ruler.of(context), "What you generate appears here")
            return
        row = layout.row(align=True)
        row.prop(shown, "filter", text="")
        row.operator("maquette.clear_jobs", text="", icon="TRASH")
        layout.template_list("MAQUETTE_UL_jobs", "", shown, "jobs", shown, "active_job", rows=4)
        job = jobs.by_id.get(properties.active_job_id(context.window_manager))
        if job:
            _draw_details(layout.box().column(), Ruler.of(context), jobs, job)


def progress_of(jobs: JobCache, job: JobRecord) -> float | None:
    """How far a job is, 0..1: by the service's word, else by the time that this model usually takes."""
    if not job.is_working:
        return None
    if job.state in (State.DOWNLOADING, State.CONVERTING):
        return 0.95
    if job.state is not State.RUNNING:
        return 0.0
    expected_s = jobs.expected_s(job.model_id)
    guess = (time.time() - job.created_at) / expected_s if expected_s else 0.0
    return min(0.9, max(job.progress or 0.0, guess))


def _draw_details(layout: bpy.types.UILayout, ruler: Ruler, jobs: JobCache, job: JobRecord) -> None:
    draw_text(layout, ruler, job.name, icon=STATES[job.state][1], inset=0.8)
    draw_text(layout, ruler, " · ".join(_facts(jobs, job)), inset=0.8)
    if job.is_working and not state.online:
        text = "It goes on when Blender's online access is on again"
        draw_text(layout, ruler, text, icon="INFO", inset=0.8)
    if job.message:
        is_bad = job.state in _TROUBLE
        text = layout.column()
        text.alert = is_bad
        message = "Its answer was lost. Which of these is it?" if job.doubts else job.message
        draw_text(text, ruler, message, icon="ERROR" if is_bad else "INFO", inset=0.8)
    beside = placeholders.is_beside(bpy.context, job.id)
    if beside:
        text = f"Stands beside {beside}, which is at the 3D cursor"
        draw_text(layout, ruler, text, icon="INFO", inset=0.8)
    if job.is_working and beside:
        layout.operator("maquette.put_at_cursor", icon="PIVOT_CURSOR").job_id = job.id
    if job.is_working:
        row = layout.row()
        row.enabled = not job.cancel
        row.operator(
            "maquette.cancel_job", text="Cancel" if not job.cancel else "Cancel Asked For", icon="X"
        ).job_id = job.id
        return
    if job.state is State.UNCERTAIN:
        _draw_doubts(layout, ruler, job)
    price = "" if job.price_cu is None else f" · {cost_text(job.price_cu)}"
    is_to_pay = job.resume_state is State.PREPARED  # trying again submits it
    again = "Run Again, New Seed" if "seed" in job.inputs else "Run Again"
    actions = [
        ("place_job", "Place Again" if job.state is State.PLACED else "Place", job.state in DONE),
        ("select_job", "Select", job.state in DONE),
        ("put_at_cursor", "Put at Cursor", bool(beside)),
        ("resume_job", f"Try Again{price * is_to_pay}", bool(job.resume_state) and not job.doubts),
        ("use_settings", "Use Settings", True),
        ("copy_message", "Copy Message", bool(job.message)),
        ("show_folder", "Show Folder", True),
        ("repeat_job", f"{again}{price}", True),
        ("remove_job", "Remove", True),
    ]
    offered = [(name, text) for name, text, is_offered in actions if is_offered]
    column = layout.column(align=True)
    row = column
    room = 0  # for so many buttons more in this row
    for name, text in offered:
        is_wide = " · " in text or name == "remove_job"
        if is_wide or not room:
            row = column.row(align=True)
            room = 2
        row.operator(f"maquette.{name}", text=text).job_id = job.id
        if name == "repeat_job" and "seed" in job.inputs:
            same = row.operator("maquette.repeat_job", text="", icon="LOCKED")
            same.job_id, same.keeps_seed = job.id, True
        room = 0 if is_wide else room - 1


def _draw_doubts(layout: bpy.types.UILayout, ruler: Ruler, job: JobRecord) -> None:
    """The service's jobs that may be this one, each to be taken or refused."""
    for candidate in job.doubts:
        draw_text(layout, ruler, f"{candidate['id']}, {date_text(candidate)}", icon="QUESTION", inset=0.8)
        row = layout.row(align=True)
        for name, text in (("take_candidate", "It Is This One"), ("refuse_candidate", "It Is Not")):
            action = row.operator(f"maquette.{name}", text=text)
            action.job_id, action.remote_id = job.id, str(candidate["id"])


def _facts(jobs: JobCache, job: JobRecord) -> list[str]:
    facts = [job.model_name or job.model_id]
    if job.is_working:
        expected_s = jobs.expected_s(job.model_id)
        about = f" of about {time_text(expected_s)}" if expected_s else ""
        facts.append(f"{STATES[job.state][0]} {time_text(time.time() - job.created_at)}{about}")
    elif job.finished_at:
        facts.append(time_text(job.finished_at - job.created_at))
    facts += [cost_text(job.price_cu)] if job.price_cu is not None else []
    faces = job.result.get("faces")
    facts += [f"{faces:,} faces"] if isinstance(faces, int) else []
    return facts
