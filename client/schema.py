# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks values against a model's table of inputs, before anything is uploaded or paid.

The service's own check comes after this one; so what the table leaves open is let through.
"""

import difflib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import cast

from .errors import InputError
from .fields import JsonValue
from .models import Input, Model

ITEM_TYPES = {
    "file_array": "file",
    "string_array": "string",
    "number_array": "number",
    "model_array": "model",
}
_HUGE = 1e300  # what no input means; keeps out infinities and what JSON readers cannot hold
Problems = list[tuple[str, str]]


def check_inputs(model: Model, values: Mapping[str, object]) -> dict[str, JsonValue]:
    """The values as the request's body has them, in the table's order.

    None means unset. Unset inputs are left out, except that required ones get their default, if any.
    Raises InputError with every problem at once.
    """
    problems: Problems = []
    checked = _check_table(model.inputs, values, "", problems)
    if problems:
        raise input_error(problems)
    return checked


def _check_table(
    specs: Sequence[Input], values: Mapping[str, object], prefix: str, problems: Problems
) -> dict[str, JsonValue]:
    known = {spec.name: spec for spec in specs}
    given = {name: value for name, value in values.items() if value is not None}
    for name in given.keys() - known.keys():
        near = difflib.get_close_matches(name, known, 1) or difflib.get_close_matches(
            name.lower(), {other.lower(): other for other in known}, 1
        )
        close = next((other for other in known if near and other.lower() == near[0].lower()), None)
        advice = f"did you mean {close}?" if close else f"it takes {', '.join(known) or 'none'}."
        problems.append((prefix + name, f"this model has no such input; {advice}"))
    checked: dict[str, JsonValue] = {}
    for name, spec in known.items():
        if name in given:
            checked[name] = check_value(spec, given[name], prefix + name, problems)
        if (why := _need(spec, specs, given)) and not _is_defined(spec, given.get(name)):
            if spec.default is None:
                problems.append((prefix + name, why))
            else:
                checked[name] = spec.default
    return checked


def _need(spec: Input, specs: Sequence[Input], given: Mapping[str, object]) -> str | None:
    """Why this input must be given, or None."""
    rule, known = spec.required, {other.name: other for other in specs}

    def is_given(name: str) -> bool:
        return name in known and _is_defined(known[name], given.get(name))

    if rule.is_always:
        return "is required"
    for name, message in rule.if_defined.items():
        if is_given(name):
            return f"is required together with {name}" + (f": {message}" if message else "")
    others = rule.if_not_defined
    # A default stands in for a missing value: the service uses it.
    if others and not any(
        is_given(name) or (name in known and known[name].default is not None) for name in others
    ):
        message = next(filter(None, others.values()), "")
        return f"is required unless {' or '.join(others)} is given" + (f": {message}" if message else "")
    if rule.conditional:
        met = [
            _among(given.get(name, known[name].default if name in known else None), allowed)
            for name, allowed in rule.conditional.values.items()
        ]
        if any(met) if rule.conditional.is_any else all(met):
            return f"is required with {', '.join(rule.conditional.values)} set so"
    return None


def _is_defined(spec: Input, value: object) -> bool:
    if isinstance(value, str) and not value:
        return "" in spec.allowed_values
    return not (value is None or (isinstance(value, list | tuple) and not value))


def check_value(spec: Input, value: object, name: str, problems: Problems) -> JsonValue:
    """The value as JSON has it; what is wrong with it goes to `problems`."""
    before = len(problems)
    item_type = ITEM_TYPES.get(spec.type)
    checked: JsonValue
    if item_type or spec.type == "inputs_array":
        return _check_list(spec, value, name, item_type, problems)
    check = _CHECKS.get(spec.type, _check_any)
    checked = check(spec, value, name, problems)
    is_choice = spec.allowed_values and spec.type not in ("file", "model")
    if is_choice and len(problems) == before and not _among(checked, spec.allowed_values):
        close = difflib.get_close_matches(str(checked), [str(choice) for choice in spec.allowed_values], 1)
        advice = f" (did you mean {close[0]}?)" if close else ""
        problems.append((name, f"{shown(checked)} is not one of {choices(spec)}{advice}"))
    return checked


def _check_list(
    spec: Input, value: object, name: str, item_type: str | None, problems: Problems
) -> JsonValue:
    if not isinstance(value, list | tuple):
        problems.append((name, f"must be a list, not {shown(value)}"))
        return None
    items = cast(Sequence[object], value)
    if spec.min_length is not None and len(items) < spec.min_length and items:
        problems.append((name, f"needs at least {spec.min_length} items, not {len(items)}"))
    if spec.max_length is not None and len(items) > spec.max_length:
        problems.append((name, f"takes at most {spec.max_length} items, not {len(items)}"))
    checked: list[JsonValue] = []
    for place, item in enumerate(items, 1):
        where = f"{name}[{place}]"
        if item_type:
            one = Input(spec.name, item_type, min=spec.min, max=spec.max, allowed_values=spec.allowed_values)
            checked.append(check_value(one, item, where, problems))
        elif isinstance(item, dict):
            checked.append(_check_table(spec.inputs, cast(dict[str, object], item), f"{where}.", problems))
        else:
            problems.append((where, f"must be an object with {', '.join(sub.name for sub in spec.inputs)}"))
    return checked


def _check_boolean(spec: Input, value: object, name: str, problems: Problems) -> JsonValue:
    if isinstance(value, bool):
        return value
    problems.append((name, f"must be true or false, not {shown(value)}"))
    return None


def _check_number(spec: Input, value: object, name: str, problems: Problems) -> JsonValue:
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_HUGE < value < _HUGE:
        problems.append((name, f"must be a number, not {shown(value)}"))
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if (spec.min is not None and value < spec.min) or (spec.max is not None and value > spec.max):
        problems.append((name, f"must be {span(spec)}, not {shown(value)}"))
    # Finer steps are a matter of sliders; a whole step says that the number counts something.
    if spec.step is not None and spec.step >= 1 and spec.step.is_integer() and not isinstance(value, int):
        problems.append((name, f"must be a whole number, not {shown(value)}"))
    return value


def _check_text(spec: Input, value: object, name: str, problems: Problems) -> JsonValue:
    if not isinstance(value, str):
        problems.append((name, f"must be a text, not {shown(value)}"))
        return None
    if spec.max_length is not None and len(value) > spec.max_length:
        problems.append((name, f"takes at most {spec.max_length} characters, not {len(value)}"))
    if spec.min_length is not None and len(value) < spec.min_length and value:
        problems.append((name, f"needs at least {spec.min_length} characters, not {len(value)}"))
    return value


def _check_file(spec: Input, value: object, name: str, problems: Problems) -> JsonValue:
    if isinstance(value, str) and value:
        return value
    problems.append((name, f"must be a file or an asset id, not {shown(value)}"))
    return None


def _check_any(spec: Input, value: object, name: str, problems: Problems) -> JsonValue:
    """A type that this version does not know: any JSON is left to the service's judgement."""
    try:
        return cast(JsonValue, json.loads(json.dumps(value, allow_nan=False)))
    except (ValueError, TypeError, RecursionError):
        problems.append((name, f"cannot be sent: {shown(value)}"))
        return None


_CHECKS: dict[str, Callable[[Input, object, str, Problems], JsonValue]] = {
    "boolean": _check_boolean,
    "number": _check_number,
    "string": _check_text,
    "model": _check_text,
    "file": _check_file,
}


def _among(value: object, choices: Iterable[JsonValue]) -> bool:
    """JSON equality: 5 is 5.0, but true is not 1."""
    return any(value == choice and isinstance(value, bool) is isinstance(choice, bool) for choice in choices)


def span(spec: Input) -> str:
    if spec.type not in ("number", "number_array"):
        return ""
    if spec.min is not None and spec.max is not None:
        return f"{spec.min:.10g} to {spec.max:.10g}"
    if spec.min is not None:
        return f"{spec.min:.10g} or more"
    return "" if spec.max is None else f"{spec.max:.10g} or less"


def choices(spec: Input) -> str:
    return ", ".join(shown(choice) for choice in spec.allowed_values)


def shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if isinstance(value, str) and value else '""' if value == "" else repr(value)
    return text if len(text) <= 60 else text[:59] + "…"


def input_error(problems: Problems) -> InputError:
    return InputError(
        " ".join(f"{name}: {text}{'' if text[-1] in '.?)' else '.'}" for name, text in problems),
        problems=problems,
    )
