# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads one JSON object field by field into plain types: here untyped data ends.

A field that is missing or null gives its default; one of another type raises AnswerError with its name.
"""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TypeAlias, TypeVar, cast

from .errors import AnswerError

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
T = TypeVar("T")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Fields:
    """The fields of the JSON object `value`, which came from the service as `where`."""

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise _wrong(where, "an object", value)
        self.raw = cast(dict[str, JsonValue], value)
        self._where = where

    def text(self, name: str) -> str:
        """A text that must be there and not be empty."""
        value = self.raw.get(name)
        if not isinstance(value, str) or not value:
            raise _wrong(f"{self._where}.{name}", "a text", value)
        return value

    def text_or_none(self, name: str) -> str | None:
        """A text without control characters, which would reach terminals; None if nothing is left of it."""
        return _CONTROLS.sub("", self._typed(name, str, "a text") or "") or None

    def number_or_none(self, name: str) -> float | None:
        value = self.raw.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _wrong(f"{self._where}.{name}", "a number", value)
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise _wrong(f"{self._where}.{name}", "a number of usual size", value)
        return number

    def count_or_none(self, name: str) -> int | None:
        """A whole number from 0."""
        number = self.number_or_none(name)
        if number is not None and (number < 0 or number != int(number)):
            raise _wrong(f"{self._where}.{name}", "a whole number from 0", number)
        return None if number is None else int(number)

    def flag(self, name: str) -> bool:
        return bool(self._typed(name, bool, "true or false"))

    def array(self, name: str) -> list[JsonValue]:
        value = self.raw.get(name)
        if value is not None and not isinstance(value, list):
            raise _wrong(f"{self._where}.{name}", "a list", value)
        return value or []

    def texts(self, name: str) -> tuple[str, ...]:
        values = self.array(name)
        if not all(isinstance(value, str) for value in values):
            raise _wrong(f"{self._where}.{name}", "a list of texts", values)
        return tuple(cast(list[str], values))

    def items(self, name: str, parse: Callable[[object], T]) -> tuple[T, ...]:
        return tuple(parse(value) for value in self.array(name))

    def section(self, name: str) -> "Fields":
        """The object under `name`; an empty one if it is missing."""
        value = self.raw.get(name)
        return Fields({} if value is None else value, f"{self._where}.{name}")

    def time(self, name: str) -> float:
        """An ISO 8601 date as Unix seconds; 0 if it is missing."""
        text = self.text_or_none(name)
        if text is None:
            return 0.0
        try:
            moment = datetime.fromisoformat(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            raise _wrong(f"{self._where}.{name}", "a date", text) from None

    def _typed(self, name: str, wanted: type[T], what: str) -> T | None:
        value = self.raw.get(name)
        if value is not None and not isinstance(value, wanted):
            raise _wrong(f"{self._where}.{name}", what, value)
        return value


def texts_of(value: Mapping[str, object]) -> dict[str, str]:
    """The entries of `value` that are texts; for labels, where an odd entry is not worth an error."""
    return {name: text for name, text in value.items() if isinstance(text, str)}


def _wrong(where: str, what: str, value: object) -> AnswerError:
    kinds: dict[type, str] = {dict: "an object", list: "a list", type(None): "nothing"}
    shown = kinds.get(type(value)) or repr(value)[:60]
    return AnswerError(f"The service's answer is not understood: {where} should be {what}, not {shown}.")
