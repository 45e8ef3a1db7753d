# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks values against a model's table of inputs, before anything is uploaded or paid; inputs as text.

The service's own check comes after this one; so what the table leaves open is let through.
"""

import difflib
import json
import os
from collections.abc import Iterable, Mapping, Sequence, Sized
from dataclasses import replace
from typing import TypeVar, cast

from .errors import InputError
from .fields import JsonValue, has_reserved_name
from .models import Input, Model

T = TypeVar("T")
ITEM_TYPES = {f"{item}_array": item for item in ("file", "string", "number", "model")}
_HUGE = 1e300  # what no input means; keeps out infinities and what JSON readers cannot hold
_TRUE, _FALSE = ("true", "on", "yes", "1"), ("false", "off", "no", "0")


def check_inputs(model: Model, values: Mapping[str, T]) -> dict[str, T | JsonValue]:
    """The values as the request's body has them, in the table's order; a path stands for the file to come.

    None means unset. Unset inputs are left out, except that required ones get their default, if any.
    Raises InputError with every problem at once.
    """
    return cast("dict[str, T | JsonValue]", _check_table(model.inputs, values, ""))


def parse_value(spec: Input, text: str) -> JsonValue:
    """The value that `text` (from a command line or a table) means for this input.

    Booleans as true/false, on/off, yes/no, 1/0; lists as JSON or separated by commas; inputs_array as JSON.
    Raises InputError.
    """
    if spec.type == "string" and spec.allowed_values and text.strip() in spec.allowed_values:
        text = text.strip()
    return _check_value(spec, _meant(spec.type, text), spec.name)


def _wrong(*problems: tuple[str, str]) -> InputError:
    sentences = (f"{name}: {text}{'' if text[-1] in '.?)' else '.'}" for name, text in problems)
    return InputError(" ".join(sentences), problems=problems)


def _check_table(specs: Sequence[Input], values: Mapping[str, object], prefix: str) -> dict[str, JsonValue]:
    known = {spec.name: spec for spec in specs}
    given = {name: value for name, value in values.items() if value is not None}
    problems: list[tuple[str, str]] = []
    for name in given.keys() - known.keys():
        lowered = {other.lower(): other for other in known}
        near = difflib.get_close_matches(name.lower(), lowered, 1)
        advice = f"did you mean {lowered[near[0]]}?" if near else f"it takes {', '.join(known) or 'none'}."
        problems.append((prefix + name, f"this model has no such input; {advice}"))
    checked: dict[str, JsonValue] = {}
    for name, spec in known.items():
        try:
            if name in given:
                checked[name] = _check_value(spec, given[name], prefix + name)
        except InputError as error:
            problems += error.problems
        if not _is_defined(spec, given.get(name)) and (why := _need(spec, known, given)):
            if spec.default is None:
                problems.append((prefix + name, why))
            else:
                checked[name] = spec.default
    if problems:
        raise _wrong(*problems)
    return checked


def _need(spec: Input, known: Mapping[str, Input], given: Mapping[str, object]) -> str | None:
    """Why this input must be given, or None."""
    rule = spec.required
    defined = {name for name, other in known.items() if _is_defined(other, given.get(name))}
    # A default stands in for a missing value: the service uses it.
    defaults = {name: other.default for name, other in known.items() if other.default is not None}
    if rule.is_always:
        return "is required"
    for name, message in rule.if_defined.items():
        if name in defined:
            return f"is required together with {name}" + (f": {message}" if message else "")
    if rule.if_not_defined and not rule.if_not_defined.keys() & (defined | defaults.keys()):
        message = next(filter(None, rule.if_not_defined.values()), "")
        others = " or ".join(rule.if_not_defined)
        return f"is required unless {others} is given" + (f": {message}" if message else "")
    if rule.conditional:
        used = {**defaults, **given}
        met = [_among(used.get(name), allowed) for name, allowed in rule.conditional.values.items()]
        if any(met) if rule.conditional.is_any else all(met):
            return f"is required with {', '.join(rule.conditional.values)} set so"
    return None


def _is_defined(spec: Input, value: object) -> bool:
    return value not in (None, "", [], ()) or (value == "" and "" in spec.allowed_values)


def _check_value(spec: Input, value: object, name: str) -> JsonValue:
    """The value as JSON has it; raises InputError."""
    wrong = ""
    match spec.type:
        case kind if kind in ITEM_TYPES or kind == "inputs_array":
            return _check_list(spec, value, name)
        case "boolean":
            wrong = "" if isinstance(value, bool) else "must be true or false"
        case "number":
            if isinstance(value, bool) or not isinstance(value, int | float) or not -_HUGE < value < _HUGE:
                wrong = "must be a number"
            elif (spec.min is not None and value < spec.min) or (spec.max is not None and value > spec.max):
                wrong = f"must be {_span(spec)}"
            # Finer steps are a matter of sliders; a whole step says that the number counts something.
            elif spec.step and spec.step >= 1 and spec.step.is_integer() and value != int(value):
                wrong = "must be a whole number"
            elif value == int(value):
                value = int(value)
        case "file":
            if isinstance(value, os.PathLike):
                return cast(JsonValue, value)
            wrong = "" if isinstance(value, str) and value else "must be a file or an asset id"
        case "string" | "model":
            wrong = "" if isinstance(value, str) else "must be a text"
            _check_length(spec, value, name, "characters")
        case _:  # a type that this version does not know: any JSON is left to the service's judgement
            try:
                value = json.loads(json.dumps(value, allow_nan=False))
                wrong = "has a name that begins with $" if has_reserved_name(value) else ""
            except (ValueError, TypeError, RecursionError):
                wrong = "must be what JSON can express"
    if wrong:
        raise _wrong((name, f"{wrong}, not {_shown(value)}"))
    if spec.allowed_values and spec.type not in ("file", "model") and not _among(value, spec.allowed_values):
        close = difflib.get_close_matches(str(value), [str(choice) for choice in spec.allowed_values], 1)
        advice = f" (did you mean {close[0]}?)" if close else ""
        choices = ", ".join(map(_shown, spec.allowed_values))
        raise _wrong((name, f"{_shown(value)} is not one of {choices}{advice}"))
    return cast(JsonValue, value)


def _check_list(spec: Input, value: object, name: str) -> JsonValue:
    if not isinstance(value, list | tuple):
        raise _wrong((name, f"must be a list, not {_shown(value)}"))
    items = cast(Sequence[object], value)
    _check_length(spec, items, name, "items")
    checked: list[JsonValue] = []
    problems: list[tuple[str, str]] = []
    for place, item in enumerate(items, 1):
        where = f"{name}[{place}]"
        try:
            if spec.type in ITEM_TYPES:
                one = replace(spec, type=ITEM_TYPES[spec.type], step=None, min_length=None, max_length=None)
                checked.append(_check_value(one, item, where))
            elif isinstance(item, dict):
                checked.append(_check_table(spec.inputs, cast(dict[str, object], item), f"{where}."))
            else:
                raise _wrong((where, f"must be an object with {', '.join(s.name for s in spec.inputs)}"))
        except InputError as error:
            problems += error.problems
    if problems:
        raise _wrong(*problems)
    return checked


def _check_length(spec: Input, value: object, name: str, what: str) -> None:
    length = len(value) if isinstance(value, Sized) else 0
    if spec.max_length is not None and length > spec.max_length:
        raise _wrong((name, f"takes at most {spec.max_length} {what}, not {length}"))
    if spec.min_length is not None and 0 < length < spec.min_length:
        raise _wrong((name, f"needs at least {spec.min_length} {what}, not {length}"))


def _among(value: object, choices: Iterable[JsonValue]) -> bool:
    """JSON equality: 5 is 5.0, but true is not 1."""
    return any(value == choice and isinstance(value, bool) is isinstance(choice, bool) for choice in choices)


def _span(spec: Input) -> str:
    if spec.min is None and spec.max is None:
        return ""
    if spec.min is None or spec.max is None:
        return f"{spec.max:.10g} or less" if spec.min is None else f"{spec.min:.10g} or more"
    return f"{spec.min:.10g} to {spec.max:.10g}"


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < _HUGE:
        value = int(value)
    text = value if isinstance(value, str) and value else '""' if value == "" else repr(value)
    return text if len(text) <= 60 else text[:59] + "…"


def _meant(kind: str, text: str) -> object:
    """Parses `text` for this type of input; returns it unchanged if it cannot, and the check says why."""
    word = text.strip()
    if kind in ("string", "model", "file"):
        return text
    if kind == "boolean":
        return True if word.lower() in _TRUE else False if word.lower() in _FALSE else text
    if kind in ITEM_TYPES and not word.startswith("["):
        return [_meant(ITEM_TYPES[kind], part.strip()) for part in word.split(",") if part.strip()]
    try:
        return float(word) if kind == "number" else json.loads(word)  # whole numbers go out as integers
    except (ValueError, RecursionError):
        return text


def describe_input(spec: Input) -> str:
    """One line with the type, range, choices, need and default of an input, for listings."""
    item = ITEM_TYPES.get(spec.type)
    kind = f"{spec.kind} file" if spec.is_file else item or spec.type
    if item:
        kind = f"up to {spec.max_length} {kind}s" if spec.max_length else f"list of {kind}s"
    parts = [" ".join([kind, *filter(None, [_span(spec)])])]
    if spec.inputs:
        parts.append("each with " + "; ".join(f"{sub.name}: {describe_input(sub)}" for sub in spec.inputs))
    if spec.allowed_values:
        parts.append("one of " + ", ".join(map(_shown, spec.allowed_values)))
    if spec.default is not None:
        parts.append(f"default {_shown(spec.default)}")
    elif spec.required.is_always:
        parts.append("required")
    elif others := spec.required.if_not_defined:
        parts.append(f"required unless {' or '.join(others)} is given")
    return " ".join(", ".join(parts).split())
