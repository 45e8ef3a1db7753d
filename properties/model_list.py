# SPDX-License-Identifier: GPL-3.0-or-later
"""The list to choose a model from: by what it is for, by words, by use or price; and a double click in it."""

import time
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import bpy

from .. import preferences
from ..client import Model, Task, makes_splats, tasks_of
from ..session_state import state
from .job_filter import is_clicked, no_click

if TYPE_CHECKING:
    from .settings import MaquetteLists

_TIPS = {
    Task.FROM_IMAGE: "Models that make a 3D model of one image",
    Task.FROM_VIEWS: "Models that make a 3D model of several views of a thing",
    Task.FROM_TEXT: "Models that make a 3D model of a description in words",
    Task.TEXTURE: "Models that give a mesh a new texture, or UVs for one",
    Task.TOPOLOGY: "Models that give a mesh other faces or another shape",
    Task.PARTS: "Models that take a thing apart",
    Task.RIG: "Models that give a character bones",
    Task.MOTION: "Models that move a character",
    Task.WORLDS: "Models that make whole places, or what is drawn as a cloud of splats",
}
TASKS = (
    ("ALL", "Any Task", "All models"),
    ("MESH", "For the Selected Mesh", "Models that work on a mesh"),
    *((task.name, task.value, tip) for task, tip in _TIPS.items()),
)
SORTS = (
    ("USE", "By Use", "Favourites first, then what was used last and most"),
    ("PRICE", "By Price", "The cheapest first"),
)


@dataclass
class _Click:
    """The last click on a row: whose, and when (time.monotonic())."""

    model_id: str = ""
    at: float = float("-inf")


_click = _Click()


def list_models(shown: "MaquetteLists") -> None:
    """Fill the list with what fits task and search. The chosen row stays, if it fits."""
    catalogue = state.catalogue
    chosen = active_model_id(shown)
    models = [catalogue.schema(each.id) or each for each in catalogue.models.values()] if catalogue else []
    words = shown.search.lower().split()
    found = [model for model in models if _is_for(model, shown.task) and _has_words(model, words)]
    with no_click():
        shown.models.clear()
        for model in sorted(found, key=_by_price if shown.model_sort == "PRICE" else _by_use()):
            item = shown.models.add()
            item.name, item.model_id = model.name, model.id
        ids = [item.model_id for item in shown.models]
        shown.active_model = ids.index(chosen) if chosen in ids else 0


def active_model_id(shown: "MaquetteLists") -> str:
    """The model whose row is chosen; "" if the list is empty."""
    return shown.models[shown.active_model].model_id if shown.active_model < len(shown.models) else ""


def is_for_meshes(model: Model) -> bool:
    """Whether the model works on a mesh."""
    takes_mesh = any(spec.is_file and spec.kind == "3d" for spec in model.inputs)
    return takes_mesh or "3d23d" in model.capabilities


def can_show(model: Model) -> bool:
    """Whether this Blender has an importer for what the model makes."""
    return not makes_splats(model) or _has_splats()


@cache
def _has_splats() -> bool:
    return "spz_import" in dir(bpy.ops.wm)


def _is_for(model: Model, task: str) -> bool:
    if task == "MESH":
        return is_for_meshes(model)
    return task == "ALL" or Task[task] in tasks_of(model)


def _has_words(model: Model, words: list[str]) -> bool:
    text = f"{model.name} {model.short_description} {' '.join(model.tags)}".lower()
    return all(word in text for word in words)


def _by_use() -> Any:
    """Favourites first, then those last used, then those most used in the list of jobs."""
    favourites, recent = favourite_ids(), recent_ids()
    jobs = state.jobs
    uses = Counter(job.model_id for job in jobs.by_id.values()) if jobs else Counter[str]()

    def rank(model: Model) -> tuple[bool, int, int]:
        place = recent.index(model.id) if model.id in recent else len(recent)
        return model.id not in favourites, place, -uses[model.id]

    return rank


def _by_price(model: Model) -> tuple[bool, float]:
    """Those without a known price are last."""
    price_cu = state.catalogue.typical_cost_cu(model.id) if state.catalogue else None
    return price_cu is None, price_cu or 0.0


def favourite_ids() -> list[str]:
    prefs = preferences.get()
    return prefs.favourites.split() if prefs else []


def recent_ids() -> list[str]:
    prefs = preferences.get()
    return prefs.recent.split() if prefs else []


def note_click(shown: "MaquetteLists", context: bpy.types.Context) -> None:
    """Have the timer choose a model whose row was clicked twice."""
    model_id = active_model_id(shown)
    if not is_clicked() or not model_id:
        return
    now = time.monotonic()
    allowed_s = context.preferences.inputs.mouse_double_click_time / 1000
    is_double = model_id == _click.model_id and now - _click.at <= allowed_s
    _click.model_id = "" if is_double else model_id
    _click.at = now
    if is_double:
        state.clicked_model = model_id
