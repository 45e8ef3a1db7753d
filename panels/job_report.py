# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a job's result: a light and a sentence, and all numbers where a person opens them."""

from dataclasses import dataclass
from functools import cache

import bpy

from ..jobs import (
    DONE,
    JobRecord,
    Light,
    Report,
    details_of,
    finish_of,
    finish_sentence,
    light_of,
    report_of,
    sentence_of,
)
from .text import Ruler, draw_text

_TITLES = 0.45  # of the width
_COLOURS = {Light.GREEN: "04", Light.YELLOW: "03", Light.RED: "01"}


@dataclass
class _LastRead:
    """The report of the job whose details are shown."""

    job: JobRecord | None = None
    report: Report | None = None
    sentence: str = ""
    finish: str = ""  # what finishing has made of it; of one that could not be, the job's message tells
    light: Light = Light.GREEN


_last = _LastRead()


def draw_sentence(layout: bpy.types.UILayout, ruler: Ruler, job: JobRecord) -> None:
    """Of a result that is there; one from before there were reports has none."""
    report = _read(job).report
    if job.state in DONE and _last.finish:
        draw_text(layout, ruler, _last.finish, icon="MOD_DECIM", inset=0.8)
    if job.state in DONE and report:
        draw_text(layout, ruler, _last.sentence, icon=_icon_of(_last.light), inset=0.8)


def draw_report(layout: bpy.types.UILayout, ruler: Ruler, job: JobRecord) -> None:
    """Folded. Blender takes it in a panel's own layout alone."""
    report = _read(job).report
    if job.state not in DONE or not report:
        return
    header, body = layout.panel("maquette_report", default_closed=True)
    header.label(text="Report")
    if body is None:
        return
    for title, text in details_of(report):
        split = body.split(factor=_TITLES)
        draw_text(split.column(), ruler.part(_TITLES), title)
        draw_text(split.column(), ruler.part(1 - _TITLES), text)


def _read(job: JobRecord) -> _LastRead:
    """Read once, not at each redraw: a job that changes is another record."""
    if _last.job is not job:
        report, finish = report_of(job.result), finish_of(job.result)
        _last.job, _last.report = job, report
        _last.finish = finish_sentence(finish, report) if finish and not finish.error else ""
        if report:
            _last.sentence, _last.light = sentence_of(report), light_of(report)
    return _last


@cache
def _icon_of(light: Light) -> str:
    """A disc of that colour, which Blender calls otherwise from 4.4 on."""
    icons = bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items
    name = f"STRIP_COLOR_{_COLOURS[light]}"
    return name if name in icons else f"SEQUENCE_COLOR_{_COLOURS[light]}"
