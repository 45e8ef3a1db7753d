# SPDX-License-Identifier: GPL-3.0-or-later
"""How the 3D model of an asset was made, as its metadata tells, and that put into the panel again.

A library may come from anybody: each value is checked for its kind and size, and the model's own table
decides what becomes an input. No file is opened that an asset names.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import bpy

from .. import properties, scene
from ..client import InputError, JsonValue, Model, check_inputs, without_controls
from ..jobs import JobRecord
from ..session_state import state

_ID = re.compile(r"[\w.:-]{1,200}", re.ASCII)
_TEXT_LENGTH = 4000
_PARAMETERS_LENGTH = 100_000


@dataclass(frozen=True, slots=True)
class AssetFacts:
    """What is not told, or makes no sense, is empty."""

    job_id: str
    model_id: str
    model_name: str
    prompt: str
    source: str
    seed: str
    made_at: str
    parameters: str  # JSON, not looked into yet

    @property
    def job(self) -> JobRecord | None:
        """The job, if it is one of this store's."""
        return state.jobs.by_id.get(self.job_id) if state.jobs else None


def facts_of(metadata: Any) -> AssetFacts | None:
    """What an asset's metadata (`AssetMetaData`, or a dict) tells; None if Maquette did not make it."""
    model_id = _text(metadata, "model")
    if not _ID.fullmatch(model_id):
        return None
    job_id = _text(metadata, "job")
    return AssetFacts(
        job_id=job_id if _ID.fullmatch(job_id) else "",
        model_id=model_id,
        model_name=_text(metadata, "model_name"),
        prompt=_text(metadata, "prompt"),
        source=_text(metadata, "source"),
        seed=_text(metadata, "seed"),
        made_at=_text(metadata, "made_at"),
        parameters=_text(metadata, "parameters", _PARAMETERS_LENGTH),
    )


def chosen_facts(context: bpy.types.Context) -> AssetFacts | None:
    """Of the asset that is chosen in the Asset Browser."""
    asset = getattr(context, "asset", None)
    return facts_of(asset.metadata) if asset and asset.metadata else None


def _text(metadata: Any, name: str, most: int = _TEXT_LENGTH) -> str:
    value = metadata.get(f"{scene.PREFIX}{name}")
    return without_controls(value) if isinstance(value, str) and len(value) <= most else ""


def use_settings(
    context: bpy.types.Context, facts: AssetFacts, *, has_seed: bool = True
) -> tuple[str, list[str]]:
    """Puts the asset's model and values into the panel; returns why it cannot, if so, and which files are
    for the person to choose: those of the asset stayed where it was made.
    """
    catalogue = state.catalogue
    model = catalogue.schema(facts.model_id) if catalogue else None
    if catalogue is None or model is None:
        if catalogue:
            catalogue.ask_model(facts.model_id)
        return f"{facts.model_name or facts.model_id} is being looked up. Try again in a moment.", []
    given = _parameters(facts.parameters)
    if not has_seed:
        given.pop("seed", None)
    settings = properties.get(context.scene)
    properties.choose_model(settings, model, catalogue)
    files = {spec.name for spec in model.inputs if spec.is_file}
    held = {name: value for name, value in properties.values_of(settings, model).items() if name in files}
    properties.set_values(settings, model, held | plain_values(model, given))
    return "", sorted(name for name in files & given.keys() if name not in held)


def plain_values(model: Model, given: Mapping[str, JsonValue]) -> dict[str, Any]:
    """Those of the values that are inputs of the model, no files, and as its table wants them."""
    plain = {spec.name for spec in model.inputs if not spec.is_file and spec.type != "inputs_array"}
    values = {name: value for name, value in given.items() if name in plain}
    try:
        check_inputs(model, values)
    except InputError as error:
        wrong = {name.partition("[")[0].partition(".")[0] for name, _ in error.problems}
        values = {name: value for name, value in values.items() if name not in wrong}
    return values


def _parameters(text: str) -> dict[str, JsonValue]:
    try:
        found: object = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, JsonValue]", found) if isinstance(found, dict) else {}
