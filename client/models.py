# SPDX-License-Identifier: GPL-3.0-or-later
"""A model of the service and the table of inputs that it takes, as frozen records."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from .errors import AnswerError, plan_name
from .fields import Fields, JsonValue, Record, has_reserved_name, json_field, without_controls, words
from .labels import readable_name

ASSET_ID = re.compile(r"asset_[A-Za-z0-9_-]+")
_SECONDARY = re.compile("texture|style|mask|reference|negative|.prompt$", re.IGNORECASE)
_DEPRECATED = "deprecated:"  # so begins a tag; the model that replaces it comes after
CAPABILITIES = ("img23d", "txt23d", "3d23d", "video23d")  # of the models that make 3D


@dataclass(frozen=True)
class Condition:
    """Holds when the inputs named have one of the values listed: all of them, or any if `is_any`."""

    values: Mapping[str, tuple[JsonValue, ...]]
    is_any: bool = False


def _table(value: JsonValue) -> Mapping[str, JsonValue]:
    """What only decorates: where it is not understood, it is left out."""
    return value if isinstance(value, dict) else {}


def _words(rule: Fields, name: str) -> dict[str, str]:
    """Both spellings: {other: message} as the API's types have it, {other: {message}} as it was seen."""
    said = {other: _table(value).get("message", value) for other, value in rule.nested(name).raw.items()}
    return {other: words(text) if isinstance(text, str) else "" for other, text in said.items()}


def _condition(rule: Fields, name: str) -> Condition | None:
    values = {
        other: tuple(allowed) if isinstance(allowed, list) else (allowed,)
        for other, allowed in rule.nested(name).nested("values").raw.items()
    }
    return Condition(values, is_any=rule.nested(name).optional_text("operator") == "or") if values else None


@dataclass(frozen=True, kw_only=True)
class Required(Record):
    """When an input must be given: always, if another is given, if none of others is, or under a condition.

    The maps go from the other input's name to the service's words for it (which may be empty).
    """

    is_always: bool = json_field(Fields.boolean, "always", default=False)
    if_defined: Mapping[str, str] = json_field(_words, default_factory=dict)
    if_not_defined: Mapping[str, str] = json_field(_words, default_factory=dict)
    conditional: Condition | None = json_field(_condition, default=None)

    @classmethod
    def from_json(cls, value: object) -> Self:
        return super().from_json({"always": value} if value is None or isinstance(value, bool) else value)


def _default(spec: Fields, name: str) -> JsonValue:
    """The default, if it is of the input's type; no model names a file other than one at the service."""
    value, kind = spec.any(name), spec.optional_text("type")
    if kind.endswith("_array"):
        kind = kind.removesuffix("_array")
        items = value if isinstance(value, list) else [None]
        return value if all(_is_of_type(item, kind) for item in items) else None
    return value if _is_of_type(value, kind) else None


def _is_of_type(value: JsonValue, kind: str) -> bool:
    match kind:
        case "boolean":
            return isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "string" | "model":
            return isinstance(value, str)
        case "file":
            return isinstance(value, str) and ASSET_ID.fullmatch(value) is not None
        case "inputs":
            return isinstance(value, dict) and not has_reserved_name(value)
        case _:  # a type that this version does not know
            return not has_reserved_name(value)


@dataclass(frozen=True, kw_only=True)
class Input(Record):
    """One input of a model; `name` is its key on the wire, `inputs` the fields of an inputs_array's items.

    For lists, `min_length` and `max_length` count items. `allowed_values` is empty where anything goes.
    `choice_labels` goes from a choice as text to the service's words for it.
    """

    name: str = json_field(Fields.optional_text)
    type: str = json_field(Fields.text)
    kind: str = json_field(lambda it, name: it.optional_text(name) or "image")
    required: Required = json_field(lambda it, name: Required.from_json(it.any(name)))
    default: JsonValue = json_field(_default)
    min: float | None = json_field(Fields.number)
    max: float | None = json_field(Fields.number)
    step: float | None = json_field(Fields.number)
    min_length: int | None = json_field(Fields.whole_number)
    max_length: int | None = json_field(Fields.whole_number)
    allowed_values: tuple[JsonValue, ...] = json_field(Fields.array)
    label: str = json_field(Fields.words)
    description: str = json_field(Fields.words)
    hint: str = json_field(Fields.words)
    group: str = json_field(Fields.words)
    placeholder: str = json_field(Fields.words)
    is_prompt: bool = json_field(Fields.boolean, "prompt")
    is_color: bool = json_field(Fields.boolean, "color")
    is_parent: bool = json_field(Fields.boolean, "parent")
    has_cost_impact: bool = json_field(Fields.boolean, "costImpact")
    inputs: "tuple[Input, ...]" = json_field(lambda it, name: _named(it, name))
    choice_labels: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def is_file(self) -> bool:
        return self.type in ("file", "file_array")

    @property
    def is_primary(self) -> bool:
        """Whether it is what the model makes its result from, rather than a guide for the surface."""
        return self.is_parent or self.required.is_always or not _SECONDARY.search(self.name)

    @property
    def title(self) -> str:
        return self.label or readable_name(self.name)

    def choice_label(self, value: JsonValue) -> str:
        """What one of `allowed_values` is called."""
        text = f"{value:.10g}" if isinstance(value, float) else str(value)
        return self.choice_labels.get(text) or without_controls(readable_name(text))


def _named(table: Fields, name: str) -> tuple[Input, ...]:
    """The inputs in a table; one whose name holds nothing readable cannot be asked for and is left out."""
    return tuple(spec for spec in table.items(name, Input.from_json) if spec.name)


def _inputs(model: Fields, name: str) -> tuple[Input, ...]:
    """The inputs with the labels that `uiConfig` has for their choices."""
    try:
        inputs = _named(model, name)
    except RecursionError:
        raise AnswerError("The answer is not understood: a model's inputs are nested too deep.") from None
    selects = _table(_table(model.any("uiConfig")).get("selects"))
    labels = {name: _table(table) for name, table in selects.items()}
    return tuple(
        replace(
            spec, choice_labels={key: words(text) for key, text in found.items() if isinstance(text, str)}
        )
        if (found := labels.get(spec.name))
        else spec
        for spec in inputs
    )


def _variants(model: Fields, name: str) -> list[Mapping[str, JsonValue]]:
    """The statistics of each variant, those of the default one first."""
    stats = _table(model.any(name))
    variants = stats.get("variants")
    tables = [_table(entry) for entry in variants] if isinstance(variants, list) else []
    return sorted(tables, key=lambda entry: entry.get("variantKey") != stats.get("default"))


def _figure(table: Mapping[str, JsonValue], name: str) -> float | None:
    value = table.get(name)
    return float(value) if isinstance(value, int | float) and 0 <= value < 1e9 else None


def _typical_cost_cu(model: Fields, name: str) -> float | None:
    """The median or the least price that the statistics tell, of the default variant if there is one."""
    names = ("costPerAssetP50CU", "costPerAssetMinCU")
    costs = [_figure(table, each) for table in _variants(model, name) for each in names]
    return next((cost for cost in costs if cost is not None), None)


def _typical_s(model: Fields, name: str) -> tuple[float, float] | None:
    """With the wait for a machine, where that is told; an upper quartile that is not told is guessed."""
    for table in _variants(model, name):
        for kind in ("total", "inference"):
            if median := _figure(table, f"{kind}LatencyP50Sec"):
                return median, max(median, _figure(table, f"{kind}LatencyP75Sec") or 1.5 * median)
    return None


_KEPT = (
    "id",
    "name",
    "shortDescription",
    "capabilities",
    "tags",
    "accessRestrictions",
    "inputs",
    "uiConfig",
    "performanceStats",
)


@dataclass(frozen=True, kw_only=True)
class Model(Record):
    """A model; lists leave `inputs` empty, `get_model` fills them.

    `typical_cost_cu` is the service's own statistics, of all its users, and so is `typical_s`: the median of
    the seconds that a run takes, and their upper quartile. `raw` is the JSON that `from_json` makes the same
    model of again.
    """

    id: str = json_field(Fields.id)
    name: str = json_field(lambda it, name: it.words(name) or it.text("id"))
    short_description: str = json_field(Fields.words)
    capabilities: tuple[str, ...] = json_field(Fields.texts)
    tags: tuple[str, ...] = json_field(Fields.texts)
    required_plan: int = json_field(lambda it, name: it.whole_number(name) or 0, "accessRestrictions")
    inputs: tuple[Input, ...] = json_field(_inputs)
    typical_cost_cu: float | None = json_field(_typical_cost_cu, "performanceStats")
    typical_s: tuple[float, float] | None = json_field(_typical_s, "performanceStats")
    raw: Mapping[str, JsonValue] = json_field(
        lambda it, _: {name: it.raw[name] for name in _KEPT if name in it.raw}, compare=False, repr=False
    )

    @property
    def required_plan_name(self) -> str:
        return plan_name(self.required_plan)

    @property
    def replaced_by(self) -> str | None:
        """The id of the model that replaces this one ("" if none is named); None if it is not deprecated."""
        return next((tag.removeprefix(_DEPRECATED) for tag in self.tags if tag.startswith(_DEPRECATED)), None)
