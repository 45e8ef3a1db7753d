# SPDX-License-Identifier: GPL-3.0-or-later
"""Which jobs the list shows, and which of its rows a person has clicked, and not Maquette chosen."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import bpy

from ..jobs import DONE, JobRecord
from ..session_state import state


@dataclass
class _Changing:
    """Whether Maquette itself is choosing a row."""

    is_ours: bool = False


_changing = _Changing()


def pin_group(kind: str, job: JobRecord | None) -> None:
    """Has *Same Input* list what was made of the input of the job that is chosen when it is set."""
    state.listed_group = job.group if job and kind == "GROUP" else ""


def filtered(
    jobs: Mapping[str, JobRecord], order: Sequence[str], kind: str, words: Sequence[str]
) -> list[str]:
    """Ids of the jobs of this kind, of `FILTERS`, in whose names or model all of the words are."""
    if kind == "ALL" and not words:
        return list(order)
    return [each for each in order if _is_of_kind(jobs[each], kind) and _has_words(jobs[each], words)]


def _is_of_kind(job: JobRecord, kind: str) -> bool:
    if kind == "SCENE":
        return job.id in state.in_scene
    if kind == "GROUP":
        return state.listed_group in ("", job.group)
    found = "DONE" if job.state in DONE else "ACTIVE" if job.is_working else "TROUBLE"
    return kind in ("ALL", found)


def _has_words(job: JobRecord, words: Sequence[str]) -> bool:
    text = f"{state.in_scene.get(job.id, '')} {job.name} {job.model_name} {job.source}".lower()
    return all(word in text for word in words)


@contextmanager
def no_click() -> Generator[None]:
    """What is chosen in here was not clicked."""
    before = _changing.is_ours
    _changing.is_ours = True
    try:
        yield
    finally:
        _changing.is_ours = before


def is_clicked() -> bool:
    """Whether a change of a row that is told now is a person's."""
    return not _changing.is_ours


def note_click(shown: Any, context: bpy.types.Context) -> None:
    """Have the timer select what the row is about."""
    if not is_clicked() or not 0 <= shown.active_job < len(shown.jobs):
        return
    state.clicked_job = shown.jobs[shown.active_job].job_id
    state.clicked_area = context.area.as_pointer() if context.area else 0
