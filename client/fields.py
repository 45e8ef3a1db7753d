# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the service's JSON field by field into plain types: here untyped data ends.

A field that is missing or null gives its default; one of another type raises AnswerError with its name.
"""

import json
import re
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NoReturn, TypeAlias, TypeVar, cast

from .errors import AnswerError

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
T = TypeVar("T")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Fields:
    """The fields of the JSON object `value`, which came from the service as `where`."""

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            _fail(where, "an object", value)
        self.raw = cast(dict[str, JsonValue], value)
        self._where = where

    def text(self, name: str) -> str:
        """A text that must be there and not be empty."""
        return self._typed(name, str, "a text") or _fail(f"{self._where}.{name}", "a text", None)

    def text_or_none(self, name: str) -> str | None:
        """A text without control characters, which would reach terminals; None if nothing is left of it."""
        return _CONTROLS.sub("", self._typed(name, str, "a text") or "") or None

    def number_or_none(self, name: str) -> float | None:
        value = self._typed(name, (int, float), "a number")
        if value is not None and (isinstance(value, bool) or not abs(value) < 1e300):
            _fail(f"{self._where}.{name}", "a number of usual size", value)
        return None if value is None else float(value)

    def count_or_none(self, name: str) -> int | None:
        """A whole number from 0."""
        number = self.number_or_none(name)
        if number is not None and (number < 0 or number != int(number)):
            _fail(f"{self._where}.{name}", "a whole number from 0", number)
        return None if number is None else int(number)

    def flag(self, name: str) -> bool:
        return bool(self._typed(name, bool, "true or false"))

    def array(self, name: str) -> list[JsonValue]:
        return cast(list[JsonValue], self._typed(name, list, "a list") or [])

    def texts(self, name: str) -> tuple[str, ...]:
        values = self.array(name)
        if not all(isinstance(value, str) for value in values):
            _fail(f"{self._where}.{name}", "a list of texts", values)
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
        try:
            moment = datetime.fromisoformat(text) if text else datetime.fromtimestamp(0, UTC)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            _fail(f"{self._where}.{name}", "a date", text)

    def _typed(self, name: str, wanted: type[T] | tuple[type[T], ...], what: str) -> T | None:
        value = self.raw.get(name)
        if value is not None and not isinstance(value, wanted):
            _fail(f"{self._where}.{name}", what, value)
        return cast(T | None, value)


def parsed(content: bytes) -> object:
    """The JSON value in `content`; raises ValueError or RecursionError."""
    text = content.decode("utf-8-sig")
    value: object = json.loads(text, parse_constant=int)  # for which NaN and Infinity are a ValueError
    if "\\ud" in text.lower():  # half characters can be neither stored nor shown: replaced
        value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    return value


def unpacked(content: bytes, encoding: str, most: int) -> bytes:
    """`content` without its gzip coating; `most` holds before and after. Raises ValueError or zlib.error."""
    if encoding.strip().lower() in ("gzip", "x-gzip"):
        content = zlib.decompressobj(wbits=31).decompress(content, most + 1)
    elif encoding.strip().lower() not in ("", "identity"):
        raise ValueError(encoding)
    if len(content) > most:
        raise ValueError(len(content))
    return content


def _fail(where: str, what: str, value: object) -> NoReturn:
    kinds: dict[type, str] = {dict: "an object", list: "a list", type(None): "nothing"}
    shown = kinds.get(type(value)) or repr(value)[:60]
    raise AnswerError(f"The service's answer is not understood: {where} should be {what}, not {shown}.")
