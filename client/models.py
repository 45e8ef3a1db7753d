# SPDX-License-Identifier: GPL-3.0-or-later
"""A model of the service and the table of inputs that it takes, as frozen records."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from .errors import AnswerError, plan_name
from .fields import Fields, JsonValue
from .titles import readable_name

CAPABILITIES = ("img23d", "txt23d", "3d23d", "video23d")  # of the models that make 3D


@dataclass(frozen=True)
class Condition:
    """Holds when the inputs named have one of the values listed: all of them, or any if `is_any`."""

    values: Mapping[str, tuple[JsonValue, ...]]
    is_any: bool = False


@dataclass(frozen=True)
class Required:
    """When an input must be given: always, if another is given, if none of others is, or under a condition.

    The maps go from the other input's name to the service's words for it (which may be empty).
    """

    is_always: bool = False
    if_defined: Mapping[str, str] = field(default_factory=dict[str, str])
    if_not_defined: Mapping[str, str] = field(default_factory=dict[str, str])
    conditional: Condition | None = None

    @classmethod
    def from_json(cls, value: object) -> "Required":
        if value is None or isinstance(value, bool):
            return cls(is_always=value is True)
        rule = Fields(value, "input.required")
        return cls(
            is_always=rule.flag("always"),
            if_defined=_words(rule.section("ifDefined")),
            if_not_defined=_words(rule.section("ifNotDefined")),
            conditional=_condition(rule.section("conditional")),
        )


@dataclass(frozen=True)
class Input:
    """One input of a model; `name` is its key on the wire, `inputs` the fields of an inputs_array's items.

    For lists, `min_length` and `max_length` count items. `allowed_values` is empty where anything goes.
    `choice_labels` goes from a choice as text to the service's words for it.
    """

    name: str
    type: str
    kind: str = "image"
    required: Required = Required()
    default: JsonValue = None
    min: float | None = None
    max: float | None = None
    step: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    allowed_values: tuple[JsonValue, ...] = ()
    label: str = ""
    description: str = ""
    hint: str = ""
    group: str = ""
    placeholder: str = ""
    is_prompt: bool = False
    is_color: bool = False
    is_parent: bool = False
    has_cost_impact: bool = False
    max_size_bytes: int | None = None
    choice_labels: Mapping[str, str] = field(default_factory=dict[str, str])
    inputs: "tuple[Input, ...]" = ()

    @property
    def is_file(self) -> bool:
        return self.type in ("file", "file_array")

    @property
    def title(self) -> str:
        return self.label or readable_name(self.name)

    def choice_label(self, value: JsonValue) -> str:
        """What one of `allowed_values` is called."""
        text = f"{value:.10g}" if isinstance(value, float) else str(value)
        return self.choice_labels.get(text) or readable_name(text)

    @classmethod
    def from_json(cls, value: object) -> "Input":
        spec = Fields(value, "input")
        name = spec.text("name")
        spec = Fields(value, f"input {name}")
        return cls(
            name=name,
            type=spec.text("type"),
            kind=spec.text_or_none("kind") or "image",
            required=Required.from_json(spec.raw.get("required")),
            default=spec.raw.get("default"),
            min=spec.number_or_none("min"),
            max=spec.number_or_none("max"),
            step=spec.number_or_none("step"),
            min_length=spec.count_or_none("minLength"),
            max_length=spec.count_or_none("maxLength"),
            allowed_values=tuple(spec.array("allowedValues")),
            label=spec.text_or_none("label") or "",
            description=spec.text_or_none("description") or "",
            hint=spec.text_or_none("hint") or "",
            group=spec.text_or_none("group") or "",
            placeholder=spec.text_or_none("placeholder") or "",
            is_prompt=spec.flag("prompt"),
            is_color=spec.flag("color"),
            is_parent=spec.flag("parent"),
            max_size_bytes=spec.count_or_none("maxSize"),
            has_cost_impact=spec.flag("costImpact"),
            inputs=spec.items("inputs", cls.from_json),
        )


@dataclass(frozen=True)
class Model:
    """A model; lists leave `inputs` empty, `get_model` fills them.

    `typical_cost_cu` is the service's own statistics, of all its users. `raw` is the JSON that `from_json`
    makes the same model of again.
    """

    id: str
    name: str
    short_description: str
    capabilities: tuple[str, ...]
    tags: tuple[str, ...]
    required_plan: int
    inputs: tuple[Input, ...]
    thumbnail_asset_id: str | None
    example_asset_ids: tuple[str, ...] = ()
    typical_cost_cu: float | None = None
    raw: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue], compare=False, repr=False)

    @property
    def required_plan_name(self) -> str:
        return plan_name(self.required_plan)

    @property
    def replaced_by(self) -> str | None:
        """The id of the model that replaces this one ("" if none is named); None if it is not deprecated."""
        return next((tag[11:] for tag in self.tags if tag.startswith("deprecated:")), None)

    @classmethod
    def from_json(cls, value: object) -> "Model":
        model = Fields(value, "model")
        try:
            inputs = model.items("inputs", Input.from_json)
        except RecursionError:
            raise AnswerError(
                "The service's answer is not understood: a model's inputs are nested too deep."
            ) from None
        return cls(
            id=model.text("id"),
            name=model.text_or_none("name") or model.text("id"),
            short_description=model.text_or_none("shortDescription") or "",
            capabilities=model.texts("capabilities"),
            tags=model.texts("tags"),
            required_plan=model.count_or_none("accessRestrictions") or 0,
            inputs=_with_choice_labels(inputs, model.raw.get("uiConfig")),
            thumbnail_asset_id=model.section("thumbnail").text_or_none("assetId"),
            example_asset_ids=model.texts("exampleAssetIds"),
            typical_cost_cu=next(_typical_costs(model.raw.get("performanceStats")), None),
            raw={name: model.raw[name] for name in _KEPT if name in model.raw},
        )


_KEPT = (
    *("id", "name", "shortDescription", "capabilities", "tags", "accessRestrictions", "inputs", "uiConfig"),
    *("thumbnail", "exampleAssetIds", "performanceStats"),
)


def _with_choice_labels(inputs: tuple[Input, ...], config: JsonValue) -> tuple[Input, ...]:
    """The inputs with the labels of `uiConfig`, which are decoration: what is not understood is left out."""
    selects = _table(_table(config).get("selects"))
    return tuple(
        replace(spec, choice_labels={key: text for key, text in labels.items() if isinstance(text, str)})
        if (labels := _table(selects.get(spec.name)))
        else spec
        for spec in inputs
    )


def _typical_costs(stats: JsonValue) -> Iterator[float]:
    """The prices told in `performanceStats`, the default variant's first, medians before bounds."""
    default, variants = _table(stats).get("default"), _table(stats).get("variants")
    tables = [_table(entry) for entry in variants] if isinstance(variants, list) else []
    for table in sorted(tables, key=lambda entry: entry.get("variantKey") != default):
        for name in ("costPerAssetP50CU", "costPerAssetMinCU", "costPerAssetMaxCU"):
            value = table.get(name)
            if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9:
                yield float(value)


def _table(value: JsonValue) -> Mapping[str, JsonValue]:
    return value if isinstance(value, dict) else {}


def _words(rule: Fields) -> dict[str, str]:
    """Both spellings: {other: message} as the API's types have it, {other: {message}} as it was seen."""
    found: dict[str, str] = {}
    for name, value in rule.raw.items():
        said = value.get("message") if isinstance(value, dict) else value
        found[name] = said if isinstance(said, str) else ""
    return found


def _condition(rule: Fields) -> Condition | None:
    if not rule.raw:
        return None
    values = {
        name: tuple(allowed) if isinstance(allowed, list) else (allowed,)
        for name, allowed in rule.section("values").raw.items()
    }
    return Condition(values, is_any=rule.text_or_none("operator") == "or") if values else None
