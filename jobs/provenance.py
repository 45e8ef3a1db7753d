# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and words: of a job and its object, of the view in a picture, of how a placed object was made."""

import json
import re
from collections.abc import Collection, Mapping

from ..client import Model
from .record import InputFile, InputValue, JobRecord, StoredFile, StoredValue, leaves, mapped
from .repeats import is_seed

DEFAULT_IMAGE_MODEL = "model_hunyuan-3d-v2-1"  # for those who have chosen none yet
_WORDS_MAX, _NAME_MAX = 5, 40  # of a name
_ARTICLES = ("a", "an", "the")
_LEADING_ON = re.compile(
    "an?|the|and|or|of|on|in|at|to|for|from|with|without|by|as|into|over|under|its|his|her|their|that|which",
    re.IGNORECASE,
)
_VIEWS = ("leftfront", "rightfront", "front", "left", "right", "back", "top", "bottom")


def source_of(values: Mapping[str, InputValue]) -> str:
    """What the job is made from, for people: the first file's name, else the words."""
    found = leaves(values)
    files = [leaf.path.name for leaf in found if isinstance(leaf, InputFile)]
    return next(iter([*files, *(leaf for leaf in found if isinstance(leaf, str))]), "")


def name_of(source: str, model: Model) -> str:
    """A short object name from the source: `horse.png` gives horse, words give the first few.

    Without an article before them, and what is cut off leaves no beginning of a phrase at their end.
    """
    stem = re.sub(r"\.[A-Za-z0-9]{2,5}$", "", source)
    clause = re.split(r"[,.;:!?\n]", stem.strip(), maxsplit=1)[0]
    words = re.findall(r"[\w'-]+", clause) or re.findall(r"[\w'-]+", stem)
    while len(words) > 1 and words[0].lower() in _ARTICLES:
        del words[0]
    short = words[:_WORDS_MAX]
    while len(short) > 1 and len(" ".join(short)) > _NAME_MAX:
        del short[-1]
    is_cut = len(short) < len(words)
    while is_cut and len(short) > 1 and any(map(_LEADING_ON.fullmatch, short[1:][-2:])):
        del short[-1]
    return " ".join(short)[:_NAME_MAX] or model.name


def cost_text(cost_cu: float) -> str:
    return f"{cost_cu:,.2f}".rstrip("0").rstrip(".") + " CU"


def view_in(name: str) -> str | None:
    """The view that a file or an input is named after: front, left, …"""
    plain = re.sub(r"[^a-z]", "", name.lower())
    return next((view for view in _VIEWS if view in plain), None)


def provenance_of(job: JobRecord, without: Collection[str] = ()) -> dict[str, str | int | float]:
    """What the placed object tells about its making, also in files for others: no path, no key, no price.

    What is named in `without` is not told, and is not among the parameters either.
    """
    inputs = {name: value for name, value in job.inputs.items() if not _tells(name, value, job, without)}
    values: dict[str, str | int | float] = {
        "job": job.id,
        "remote_job": job.remote_id or "",
        "model": job.model_id,
        "source": job.source,
        "parameters": json.dumps(mapped(inputs, _plain), sort_keys=True),
    }
    seed = job.inputs.get("seed")
    if isinstance(seed, int | float):
        values["seed"] = str(int(seed))  # seeds exceed what a custom property's integer holds
    return {name: value for name, value in values.items() if name not in without}


def _tells(name: str, value: StoredValue, job: JobRecord, without: Collection[str]) -> bool:
    """Whether an input would tell what is not to be told."""
    if "seed" in without and is_seed(name):
        return True
    is_source = any(isinstance(leaf, StoredFile) or leaf == job.source for leaf in leaves({name: value}))
    return "source" in without and is_source


def _plain(value: StoredValue) -> StoredValue:
    return value.name if isinstance(value, StoredFile) else value
