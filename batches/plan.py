# SPDX-License-Identifier: GPL-3.0-or-later
"""From rows to items: inputs checked against each model's table, and the id that pays for an item once.

The id follows from the key, the model, the values given and the files' content: the same row is the same job,
a changed row another. Size, name, outputs and finishing are not in it: they change what is written, not what
is paid.
"""

import difflib
import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from ..client import InputError, JsonValue, Model, NotAllowedError, NotFoundError
from ..jobs import (
    AS_DELIVERED,
    DEFAULT_IMAGE_MODEL,
    DEFAULT_TEXT_MODEL,
    Gathered,
    InputFile,
    InputValue,
    Profile,
    gather_inputs,
    leaves,
    mapped,
    name_of,
    named_profile,
    placeholder_inputs,
    read_size,
    sha256_of,
    source_of,
)
from .manifest import FINISH_COLUMNS, INPUT_MARK, OWN_COLUMNS, Manifest, Problem, Row, file_names, named

T = TypeVar("T")
_CLEARER = "Write it without that mark, or with one digit behind a comma."
OUTPUTS = (".glb", ".blend", ".fbx", ".usd", ".usdz", ".png")


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds for rows that say nothing else."""

    model: str = ""
    parameters: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    size_m: float | None = 1.0
    outputs: str = "glb,png"
    finish: str | None = None  # a profile's name, or a .toml file
    faces: int | None = None  # its budget


@dataclass(frozen=True, slots=True)
class Item:
    """A row that can be made. `size_m` None: as delivered; `price_cu` None: not known before the upload."""

    row: Row
    model: Model
    inputs: Mapping[str, InputValue]
    name: str
    source: str
    size_m: float | None
    outputs: tuple[str, ...]  # endings
    id: str
    price_cu: float | None = None
    profile: Profile = AS_DELIVERED  # that the result is finished by
    content: str = ""  # the same for rows that differ in their keys alone
    former_id: str = ""  # that the same key had in another Unicode form, before these were one

    @property
    def key(self) -> str:
        return self.row.key

    @property
    def picture(self) -> Path | None:
        """The first image among the inputs."""
        files = (leaf for leaf in leaves(self.inputs) if isinstance(leaf, InputFile))
        return next((file.path for file in files if file.kind == "image"), None)


def make_items(
    manifest: Manifest, defaults: Defaults, service: str, get_model: Callable[[str], Model]
) -> list[Item]:
    """The rows that can be made; what is wrong with the others joins the manifest's problems."""
    items = list[Item]()
    models = _Models(get_model)
    for row in manifest.rows:
        if manifest.has_decimal_commas and "size" in row.cells:
            row = replace(row, cells={**row.cells, "size": _with_point(row.cells["size"])})
        try:
            items.append(_item(row, defaults, models, manifest, service))
        except InputError as error:
            manifest.refuse(row, str(error))
    known = {spec.name for model in models.found() for spec in model.inputs}
    for name in sorted(defaults.parameters.keys() - known if known else ()):
        manifest.problems.insert(0, Problem(0, "", f"{name}: none of the models has such an input."))
    return items


class _Models:
    """Each model is asked for once, also one that does not exist."""

    def __init__(self, get_model: Callable[[str], Model]) -> None:
        self._get, self._found = get_model, dict[str, Model | Exception]()

    def found(self) -> list[Model]:
        return [model for model in self._found.values() if isinstance(model, Model)]

    def get(self, model_id: str) -> Model:
        if model_id not in self._found:
            try:
                self._found[model_id] = self._get(model_id)
            except NotFoundError:
                text = f"There is no model {model_id}. `maquette models` lists them."
                self._found[model_id] = InputError(text)
            except (InputError, NotAllowedError) as error:
                self._found[model_id] = error
        found = self._found[model_id]
        if isinstance(found, Exception):
            raise found
        return found


def _model_of(row: Row, defaults: Defaults) -> str:
    model_id = row.cells.get("model") or defaults.model
    if not isinstance(model_id, str) or not re.fullmatch(r"[\w.:-]{1,200}", model_id or "x"):
        raise InputError(f"model: give a model's id, not {model_id!r:.60}.")
    if model_id:
        return model_id
    has_only_words = "prompt" in row.cells and "file" not in row.cells and "image" not in row.cells
    return DEFAULT_TEXT_MODEL if has_only_words else DEFAULT_IMAGE_MODEL


def _item(row: Row, defaults: Defaults, models: "_Models", manifest: Manifest, service: str) -> Item:
    """Raises InputError with everything that is wrong with the row."""
    wrong = list[str]()

    def checked(read: Callable[[], T]) -> T | None:
        try:
            return read()
        except (InputError, NotAllowedError) as error:
            wrong.append(str(error))
            return None

    size = checked(lambda: read_size(row.cells["size"])) if "size" in row.cells else defaults.size_m
    outputs = checked(lambda: read_outputs(row.cells.get("outputs") or defaults.outputs))
    model = checked(lambda: models.get(_model_of(row, defaults)))
    profile = checked(lambda: _profile_of(row, model, defaults, manifest)) if model else None
    asked = checked(lambda: _inputs(row, model, manifest, defaults)) if model else None
    plain = checked(lambda: content_of({name: asked.values[name] for name in asked.given})) if asked else None
    if not (model and asked and profile and plain is not None and outputs is not None) or wrong:
        raise InputError(" ".join(wrong))
    source = source_of(asked.values)
    former = unicodedata.normalize("NFD", row.key)
    name = str(row.cells.get("name") or row.key)[:60]
    return Item(
        row=row,
        model=model,
        inputs=asked.values,
        name=name if name.isprintable() else name_of(source, model),
        source=source,
        size_m=size,
        outputs=outputs,
        profile=profile,
        id=_job_id(row.key, service, model.id, plain),
        content=_job_id("", service, model.id, plain),
        former_id="" if former == row.key else _job_id(former, service, model.id, plain),
    )


def under_known_id(item: Item, is_known: Callable[[str], bool]) -> Item:
    """The item under its former id, where that was paid for and its id is new."""
    is_former = bool(item.former_id) and not is_known(item.id) and is_known(item.former_id)
    return replace(item, id=item.former_id) if is_former else item


def _own_columns(model: Model) -> frozenset[str]:
    """Those that are no inputs of the model."""
    return OWN_COLUMNS | (FINISH_COLUMNS - {spec.name.lower() for spec in model.inputs})


def _profile_of(row: Row, model: Model, defaults: Defaults, manifest: Manifest) -> Profile:
    """The row's own, its .toml file relative to the manifest, else the option's with its budget, relative to
    where the command is run.
    """
    cells = {name: row.cells.get(name) for name in FINISH_COLUMNS & _own_columns(model)}
    own, faces = cells.get("finish"), cells.get("faces")
    if own:
        return named_profile(own, faces, manifest.base)
    return named_profile(defaults.finish, defaults.faces if faces is None else faces)


def _inputs(row: Row, model: Model, manifest: Manifest, defaults: Defaults) -> Gathered:
    inputs_of_model = {spec.name for spec in model.inputs}
    numbers = {spec.name for spec in model.inputs if spec.type == "number"}
    usual = {name: value for name, value in defaults.parameters.items() if name in inputs_of_model}
    own_columns = _own_columns(model)
    own = _of_model({name: value for name, value in row.cells.items() if name not in own_columns}, model)
    wrong = list[str]()
    for name in own.keys() - inputs_of_model:
        near = difflib.get_close_matches(name.lower(), {*own_columns, *map(str.lower, inputs_of_model)}, 1)
        if near and near[0] in own_columns:
            wrong.append(f"{name}: there is no such column; did you mean {near[0]}?")
            del own[name]
    if manifest.has_decimal_commas:
        unclear = [name for name in sorted(numbers & own.keys()) if _is_unclear(own[name])]
        wrong += [f"{name}: {own[name]} may be decimals or thousands. {_CLEARER}" for name in unclear]
        own |= {name: _with_point(own[name]) for name in numbers & own.keys()}
    parameters = usual | own
    prompt = None
    if "prompt" not in inputs_of_model and isinstance(parameters.get("prompt"), str):
        prompt = str(parameters.pop("prompt"))
    names = file_names(row.cells.get("file", []), manifest.base)
    if not all(isinstance(name, str) for name in names):
        wrong.append("file: give the path of a file, or a list of them.")
        names = []
    try:
        asked = gather_inputs(model, [str(name) for name in names], prompt, parameters, base=manifest.base)
    except InputError as error:
        raise InputError(" ".join([*wrong, str(error)])) from error
    if wrong:
        raise InputError(" ".join(wrong))
    return asked


def _of_model(cells: Mapping[str, JsonValue], model: Model) -> dict[str, JsonValue]:
    """The cells by the model's own names for them, which a table may have in other capitals; less those with
    spaces alone, except where words are sent as they are. Raises InputError.
    """
    types = {spec.name: spec.type for spec in model.inputs}
    names = {name.lower(): name for name in types}
    found = dict[str, JsonValue]()
    for column, value in cells.items():
        bare = column.removeprefix(INPUT_MARK)
        name = bare if bare in types else names.get(bare.lower(), column)
        if name in found:
            raise InputError(f"{column}: {name} is given twice. Leave one of them out.")
        if not isinstance(value, str) or value.strip() or types.get(name) == "string":
            found[name] = value
    return found


def _is_unclear(value: JsonValue) -> bool:
    """Whether 200.000 is two hundred thousand or two hundred, in a table with commas in its decimals."""
    return isinstance(value, str) and bool(re.fullmatch(r"\s*-?[1-9]\d{0,2}([.,]\d{3})+\s*", value))


def _with_point(value: JsonValue) -> JsonValue:
    """2,4 is 2.4 in a table whose cells are separated by semicolons."""
    is_number = isinstance(value, str) and re.fullmatch(r"\s*-?\d+,\d+\s*", value)
    return str(value).replace(",", ".") if is_number else value


def read_outputs(value: JsonValue) -> tuple[str, ...]:
    """The endings in a text such as "glb, .png"; raises InputError."""
    words = value if isinstance(value, list) else re.split(r"[,;\s]+", str(value))
    endings = [f".{str(word).lower().lstrip('.')}" for word in words if word]
    if wrong := [ending for ending in endings if ending not in OUTPUTS]:
        raise InputError(f"outputs: {wrong[0][:20]} is not one of {', '.join(OUTPUTS)}.")
    return tuple(dict.fromkeys(endings))


def content_of(given: Mapping[str, InputValue]) -> dict[str, InputValue]:
    """The values with each file as what is in it. Raises InputError."""
    return mapped(given, lambda leaf: _content(leaf) if isinstance(leaf, InputFile) else leaf)


def job_id(key: str, service: str, model_id: str, given: Mapping[str, InputValue]) -> str:
    """Names the one job that is paid for a row of this key as it is."""
    return _job_id(key, service, model_id, content_of(given))


def _job_id(key: str, service: str, model_id: str, plain: Mapping[str, InputValue]) -> str:
    identity = json.dumps([key, service, model_id, plain], sort_keys=True)
    readable = re.sub(r"[^A-Za-z0-9_]+", "-", named(key)).strip("-")[:32] or "row"
    return f"{readable}-{hashlib.sha256(identity.encode()).hexdigest()[:20]}"


def _content(file: InputFile) -> InputValue:
    try:
        return {"sha256": sha256_of(file.path), "kind": file.kind}
    except OSError as error:
        raise InputError(f"{file.path.name} cannot be read: {error.strerror}.") from error


def price_key(item: Item) -> str:
    """Items with the same key cost the same: they differ in files, and words that the model calls free."""
    free = {spec.name for spec in item.model.inputs if spec.is_prompt and not spec.has_cost_impact}
    sent = {name: value for name, value in placeholder_inputs(item.inputs).items() if name not in free}
    return json.dumps([item.model.id, sent, sorted(free & item.inputs.keys())], sort_keys=True)
