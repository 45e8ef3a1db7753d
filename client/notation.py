# SPDX-License-Identifier: GPL-3.0-or-later
"""A model's inputs as text: values as people type them, and the line that describes an input."""

import json
from typing import cast

from .fields import JsonValue
from .models import Input, Required
from .schema import ITEM_TYPES, Problems, check_value, choices, input_error, shown, span

_TRUE, _FALSE = ("true", "on", "yes", "1"), ("false", "off", "no", "0")


def parse_value(spec: Input, text: str) -> JsonValue:
    """The value that `text` (from a command line or a table) means for this input.

    Booleans as true/false, on/off, yes/no, 1/0; lists as JSON or separated by commas; inputs_array as JSON.
    Raises InputError.
    """
    problems: Problems = []
    value = _parse(spec, text, problems)
    if not problems:
        value = check_value(spec, value, spec.name, problems)
    if problems:
        raise input_error(problems)
    return value


def describe_input(spec: Input) -> str:
    """One line with the type, range, choices, need and default of an input, for listings."""
    item = ITEM_TYPES.get(spec.type)
    kind = f"{spec.kind} file" if spec.is_file else spec.type if item is None else item
    if item is not None:
        most = f"up to {spec.max_length} " if spec.max_length else "list of "
        least = f", at least {spec.min_length}" if spec.min_length else ""
        parts = [f"{most}{kind}s{least}"]
    elif spec.type == "inputs_array":
        parts = ["list of {" + "; ".join(f"{sub.name}: {describe_input(sub)}" for sub in spec.inputs) + "}"]
    else:
        parts = [kind + (f" {range_text}" if (range_text := span(spec)) else "")]
    if spec.allowed_values:
        parts.append("one of " + choices(spec))
    if spec.default is not None:
        parts.append(f"default {shown(spec.default)}")
    elif spec.required.is_always:
        parts.append("required")
    elif rule := _rule_text(spec.required):
        parts.append(rule)
    return " ".join(", ".join(parts).split())


def _parse(spec: Input, text: str, problems: Problems) -> JsonValue:
    word = text.strip()
    if spec.type in ("string", "model", "file"):
        return text
    if spec.type == "boolean":
        return True if word.lower() in _TRUE else False if word.lower() in _FALSE else text
    if spec.type == "number":
        return _number(word)
    item_type = ITEM_TYPES.get(spec.type)
    if item_type and not word.startswith("["):
        words = [part.strip() for part in word.split(",") if part.strip()]
        return [_number(part) if item_type == "number" else part for part in words]
    try:
        return cast(JsonValue, json.loads(word))
    except (ValueError, RecursionError):
        if spec.type == "inputs_array" or item_type:
            problems.append((spec.name, f"must be a list written as JSON, not {shown(text)}"))
        return text


def _number(word: str) -> JsonValue:
    try:
        return int(word)
    except ValueError:
        try:
            return float(word)
        except ValueError:
            return word


def _rule_text(rule: Required) -> str:
    if rule.if_not_defined:
        return f"required unless {' or '.join(rule.if_not_defined)} is given"
    if rule.if_defined:
        return f"required with {' or '.join(rule.if_defined)}"
    return f"required depending on {', '.join(rule.conditional.values)}" if rule.conditional else ""
