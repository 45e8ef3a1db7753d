# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the service's JSON field by field into plain types: here untyped data ends.

A field that is missing or null gives its default; one of another type raises AnswerError with its name.
"""

import dataclasses
import functools
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn, Self, TypeAlias, TypeVar, cast

from .errors import AnswerError

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
T = TypeVar("T")
log = logging.getLogger("maquette.client")
MAX_PROSE_CHARS = 2000  # of a text that people are to read
MAX_TEXT_CHARS = 16_384  # of any other: a signed address has two thousand or so
_ID = re.compile(r"\w[\w.:~+=@-]{0,199}", re.ASCII)
# What a terminal obeys, and what turns the direction of writing and so shows another text than is there.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def without_controls(text: str) -> str:
    """The text without control characters, those for the direction of writing among them."""
    return _CONTROLS.sub("", text)


def words(text: str) -> str:
    """A text for people: no longer than they would read, without control characters."""
    return without_controls(text if len(text) <= MAX_PROSE_CHARS else text[: MAX_PROSE_CHARS - 1] + "…")


def is_id(value: object) -> bool:
    """Whether it may be asked for: a word of usual length that is safe in an address and in a terminal."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


class Fields:
    """The fields of the JSON object `value`, which came from the service as `where`."""

    def __init__(self, value: object, where: str = "answer", *, size_bytes: int = 0) -> None:
        if not isinstance(value, dict):
            _fail(where, "an object", value)
        self.raw = cast("dict[str, JsonValue]", value)
        self._where = where
        self.size_bytes = size_bytes  # of a whole answer, as JSON

    def text(self, name: str) -> str:
        """A text that must be there and not be empty, without control characters."""
        return self.optional_text(name) or self._fail(name, "a text", None)

    def id(self, name: str) -> str:
        """What something can be asked for by."""
        value = self._typed(name, str, "an id") or ""
        return (
            value if is_id(value) else self._fail(name, "an id of 1 to 200 letters, digits and signs", value)
        )

    def optional_text(self, name: str) -> str:
        """A text without control characters, which would reach terminals; empty if there is none."""
        value = self._typed(name, str, "a text") or ""
        if len(value) > MAX_TEXT_CHARS:
            self._fail(name, f"a text of {MAX_TEXT_CHARS:,} characters at most", value)
        return without_controls(value)

    def words(self, name: str) -> str:
        """A text for people, cut where it is longer than they would read."""
        return words(self._typed(name, str, "a text") or "")

    def number(self, name: str) -> float | None:
        value = self._typed(name, (int, float), "a number")
        if value is not None and (isinstance(value, bool) or not abs(value) < 1e300):
            self._fail(name, "a number of usual size", value)
        return None if value is None else float(value)

    def whole_number(self, name: str) -> int | None:
        """A whole number from 0."""
        number = self.number(name)
        if number is not None and (number < 0 or number != int(number)):
            self._fail(name, "a whole number from 0", number)
        return None if number is None else int(number)

    def boolean(self, name: str) -> bool:
        return bool(self._typed(name, bool, "true or false"))

    def any(self, name: str) -> JsonValue:
        return self.raw.get(name)

    def array(self, name: str) -> tuple[JsonValue, ...]:
        return tuple(cast("list[JsonValue]", self._typed(name, list, "a list") or []))

    def texts(self, name: str) -> tuple[str, ...]:
        values = self.array(name)
        if not all(isinstance(value, str) for value in values):
            self._fail(name, "a list of texts", values)
        return tuple(without_controls(value) for value in cast("tuple[str, ...]", values))

    def items(self, name: str, parse: Callable[[object], T]) -> tuple[T, ...]:
        return tuple(parse(value) for value in self.array(name))

    def understood(self, name: str, parse: Callable[[object], T]) -> list[T]:
        """Those that are understood; the others are left out and said in the log. Raises if none is."""
        found: list[T] = []
        errors: list[AnswerError] = []
        for value in self.array(name):
            try:
                found.append(parse(value))
            except AnswerError as error:
                errors.append(error)
        if errors and not found:
            raise errors[0]
        if errors:
            total = len(errors) + len(found)
            log.warning("Left out of the service's %s: %d of %d. %s", name, len(errors), total, errors[0])
        return found

    def nested_list(self, name: str) -> tuple["Fields", ...]:
        return self.items(name, lambda value: Fields(value, f"{self._where}.{name}"))

    def nested(self, name: str) -> "Fields":
        """The object under `name`; an empty one if it is missing."""
        value = self.raw.get(name)
        return Fields({} if value is None else value, f"{self._where}.{name}")

    def time(self, name: str) -> float:
        """An ISO 8601 date as Unix seconds; 0 if it is missing."""
        text = self.optional_text(name)
        try:
            moment = datetime.fromisoformat(text) if text else datetime.fromtimestamp(0, UTC)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            self._fail(name, "a date", text)

    def _typed(self, name: str, wanted: type[T] | tuple[type[T], ...], what: str) -> T | None:
        value = self.raw.get(name)
        if value is not None and not isinstance(value, wanted):
            self._fail(name, what, value)
        return cast("T | None", value)  # quoted: a union takes as long to make as all else here

    def _fail(self, name: str, what: str, value: object) -> NoReturn:
        _fail(f"{self._where}.{name}", what, value)


def _fail(where: str, what: str, value: object) -> NoReturn:
    kinds: dict[type, str] = {dict: "an object", list: "a list", tuple: "a list", type(None): "nothing"}
    shown = kinds.get(type(value)) or repr(value)[:60]
    raise AnswerError(
        f"The service's answer is not understood: {where} should be {what}, not {shown}."
        " Try again later; if it stays so, look for a newer version of Maquette."
    )


def has_reserved_name(value: object) -> bool:
    """Whether a table in it, however deep, has a name that begins with `$`: what is ours alone to write."""
    if isinstance(value, Mapping):
        table = cast("Mapping[object, object]", value)
        return any(str(name).startswith("$") or has_reserved_name(one) for name, one in table.items())
    return isinstance(value, list | tuple) and any(map(has_reserved_name, cast("Sequence[object]", value)))


Reader: TypeAlias = Callable[[Fields, str], object]


_NEEDED = object()


def json_field(read: Reader, path: str = "", *, if_odd: object = _NEEDED, **options: Any) -> Any:
    """A field of a record, read by `read` from `path`: names joined by dots, the field's own if not given.

    `if_odd` is its value where it is not understood; without one the whole record is not.
    """
    return dataclasses.field(metadata={"read": read, "path": path, "if_odd": if_odd}, **options)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Record:
    """A dataclass that is read from the service's JSON; one without `json_field` needs a default."""

    @classmethod
    def from_json(cls, value: object) -> Self:
        """As far as it is understood: another field has its `if_odd`; AnswerError where there is none."""
        whole = Fields(value, cls.__name__.lower())
        values: dict[str, object] = {}
        for field, sections, name, read, if_odd in _plan(cls):
            try:
                place = whole
                for section in sections:
                    place = place.nested(section)
                values[field] = read(place, name)
            except AnswerError:
                if if_odd is _NEEDED:
                    raise
                values[field] = if_odd
        return cls(**values)


@functools.cache
def _plan(record: type[Record]) -> list[tuple[str, list[str], str, Reader, object]]:
    """For each field of a kind of record: the sections to go through, the name there, how it is read,
    and what stands for one that is not understood.
    """
    plan: list[tuple[str, list[str], str, Reader, object]] = []
    for one in dataclasses.fields(record):
        if one.metadata:
            first, *others = one.name.split("_")
            path = one.metadata["path"] or first + "".join(word.capitalize() for word in others)
            *sections, name = path.split(".")
            plan.append((one.name, sections, name, one.metadata["read"], one.metadata["if_odd"]))
    return plan
