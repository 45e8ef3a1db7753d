# SPDX-License-Identifier: GPL-3.0-or-later
"""A job's inputs once more: with another seed, by another model, several times. Nothing is written down here.

What is made of one input is a group: each new job's `placement` names the first of them.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from ..client import Input, InputError, Model, check_inputs
from .input_files import InputFileError, path_in
from .record import ASSETS, InputFile, InputValue, JobRecord, NewJob, StoredFile, StoredValue, mapped, new_id

TIMES_MAX = 10
_SEED_MAX = 2**31 - 1


def repeat(
    job: JobRecord, folder: Path, model: Model | None, *, times: int = 1, keeps_seed: bool = False
) -> tuple[list[NewJob], list[str]]:
    """So many jobs of this one's inputs, and the names of those that another `model` has no place for.

    `folder` is the job's. Each has a seed of its own, unless the first's is kept. Raises InputFileError, and
    InputError where another model cannot do with these inputs.
    """
    new, left_out = again(job, folder), list[str]()
    if model and model.id != job.model_id:
        new, left_out = for_model(new, model)
    drawn = [new if keeps_seed else with_new_seed(new, model) for _ in range(times)]
    return [replace(each, id=new_id()) for each in drawn], left_out


def again(job: JobRecord, folder: Path) -> NewJob:
    """Another job like this one, not written down yet. Raises InputFileError."""
    if not all(path_in(folder, file.path).exists() for file in job.input_files):
        raise InputFileError(f"The files of {job.name} are not there. Use its settings for a new job.")

    is_own = bool(job.placement.get("own"))

    def given(leaf: StoredValue) -> StoredValue:
        if not isinstance(leaf, StoredFile):
            return leaf
        blend = path_in(folder, leaf.source) if is_own and leaf.objects else None
        if blend and blend.exists():  # what comes goes onto the object in it
            return cast("StoredValue", InputFile(blend, leaf.kind, objects=leaf.objects))
        return cast("StoredValue", InputFile(path_in(folder, leaf.path), leaf.kind))

    return NewJob(
        name=job.name,
        model_id=job.model_id,
        model_name=job.model_name,
        inputs=cast("dict[str, InputValue]", mapped(job.inputs, given)),
        service=job.service,
        estimate_cu=job.price_cu,
        source=job.source,
        placement={name: value for name, value in job.placement.items() if name != ASSETS}
        | {"group": job.group},
        profile=job.profile,
    )


def is_seed(name: str) -> bool:
    """Whether the input of this name is a seed: of the shape, or of the texture alone."""
    return name.lower().endswith("seed")


def with_new_seed(new: NewJob, model: Model | None) -> NewJob:
    """The job without the seeds that it was given, so that the service draws others.

    Where it would not, since the model must be given one or has a usual one, one is drawn here. The same seed
    would be the same result, paid again.
    """
    inputs = {name: value for name, value in new.inputs.items() if not is_seed(name)}
    for spec in model.inputs if model else ():
        if is_seed(spec.name) and (spec.required.is_always or spec.default is not None):
            inputs[spec.name] = secrets.randbelow(min(int(spec.max or _SEED_MAX), _SEED_MAX)) + 1
    placement = dict(new.placement)
    settings = placement.get("settings")
    if isinstance(settings, dict):
        placement["settings"] = {name: value for name, value in settings.items() if not is_seed(name)}
    return replace(new, inputs=inputs, placement=placement)


@dataclass(frozen=True, slots=True)
class _Source:
    """One of the files or texts that a result is made from, and the input that it was given as."""

    name: str
    kind: str  # the API's of a file; "text" of words
    value: InputValue


def takes(model: Model, inputs: Mapping[str, object]) -> bool:
    """Whether the model has an input for the first file of a job's, or for its words if it has no file."""
    sources = _sources(inputs)
    return bool(sources) and any(
        _kind_of(spec) == sources[0].kind for spec in model.inputs if spec.is_primary
    )


def for_model(new: NewJob, model: Model) -> tuple[NewJob, list[str]]:
    """The same for another model, and the names of the inputs that it has no place for.

    Files and words go where an input has the same name, else to what the model makes its results from;
    settings of the same name are kept where they fit. Raises InputError, which names what is missing.
    """
    values, used = _placed(_sources(new.inputs), model)
    known = {spec.name for spec in model.inputs}
    settings = {
        name: value
        for name, value in new.inputs.items()
        if name in known - used and not _sources({name: value}) and not is_seed(name)
    }
    try:
        checked = check_inputs(model, values | settings)
    except InputError as error:
        odd = {name.split("[")[0].split(".")[0] for name, _ in error.problems}
        settings = {name: value for name, value in settings.items() if name not in odd}
        checked = _checked(model, values | settings)
    left_out = [name for name in new.inputs if name not in used | settings.keys() and not is_seed(name)]
    first = next(iter(_sources(new.inputs)), None)
    if first and first.name not in used:
        raise InputError(f"{model.name} has no place for {first.name}. Choose another model.")
    # What was set in the panel was for the other model.
    placement = {name: value for name, value in new.placement.items() if name != "settings"}
    inputs = cast("dict[str, InputValue]", checked)
    changed = replace(new, model_id=model.id, model_name=model.name, inputs=inputs, placement=placement)
    return replace(changed, estimate_cu=None), left_out


def _checked(model: Model, values: Mapping[str, Any]) -> dict[str, Any]:
    """Raises InputError in words for a person."""
    titles = {spec.name: spec.title for spec in model.inputs}
    try:
        return check_inputs(model, values)
    except InputError as error:
        wrong = ", ".join(f"{titles.get(name, name)} {text}" for name, text in error.problems)
        raise InputError(f"{model.name} cannot do with these inputs: {wrong}.") from error


def _sources(inputs: Mapping[str, object]) -> list[_Source]:
    """The files, each by itself, and then the prompts."""
    found: list[_Source] = []
    for name, value in inputs.items():
        items = cast("list[object]", value) if isinstance(value, list) else [value]
        for item in items:
            if isinstance(item, InputFile | StoredFile):
                found.append(_Source(name, item.kind, cast("InputValue", item)))
            elif isinstance(item, str) and "prompt" in name.lower():
                found.append(_Source(name, "text", item))
    return sorted(found, key=lambda each: each.kind == "text")


def _kind_of(spec: Input) -> str:
    """What kind of source the input takes; "" for a setting."""
    return spec.kind if spec.is_file else "text" if spec.is_prompt else ""


def _placed(sources: list[_Source], model: Model) -> tuple[dict[str, InputValue], set[str]]:
    """The model's inputs that take them, and the names that these were given as before."""
    names = {spec.name for spec in model.inputs}
    values: dict[str, InputValue] = {}
    used: set[str] = set()
    for spec in sorted(model.inputs, key=lambda spec: not spec.is_primary):
        fitting = [each for each in sources if each.kind == _kind_of(spec)]
        found = [each for each in fitting if each.name == spec.name]
        if not found and _takes_any(spec):
            found = [each for each in fitting if each.name not in names]
        found = found[: spec.max_length] if spec.type.endswith("_array") else found[:1]
        if found:
            taken = [each.value for each in found]
            values[spec.name] = taken if spec.type.endswith("_array") else taken[0]
            used |= {each.name for each in found}
            sources = [each for each in sources if each not in found]
    return values, used


def _takes_any(spec: Input) -> bool:
    """Whether it takes what had another name: a view from the left, say, is not whatever is left over."""
    is_needed = spec.is_parent or spec.required.is_always or bool(spec.required.if_not_defined)
    return spec.is_primary and (is_needed or spec.type.endswith("_array") or spec.is_prompt)
