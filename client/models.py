# SPDX-License-Identifier: GPL-3.0-or-later
"""A model of the service and the table of inputs that it takes, as frozen records."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .errors import AnswerError, plan_name
from .fields import Fields, JsonValue


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
    is_prompt: bool = False
    has_cost_impact: bool = False
    inputs: "tuple[Input, ...]" = ()

    @property
    def is_file(self) -> bool:
        return self.type in ("file", "file_array")

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
            is_prompt=spec.flag("prompt"),
            has_cost_impact=spec.flag("costImpact"),
            inputs=spec.items("inputs", cls.from_json),
        )


@dataclass(frozen=True)
class Model:
    """A model; lists leave `inputs` empty, `get_model` fills them."""

    id: str
    name: str
    short_description: str
    capabilities: tuple[str, ...]
    tags: tuple[str, ...]
    required_plan: int
    inputs: tuple[Input, ...]
    thumbnail_asset_id: str | None

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
            inputs=inputs,
            thumbnail_asset_id=model.section("thumbnail").text_or_none("assetId"),
        )


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
