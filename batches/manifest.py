# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a manifest: a folder of pictures, a CSV or JSON Lines file, or rows in Python; each item has a key.

Nothing here knows models. Whatever is wrong becomes a `Problem` that names its row; sizes are bounded.
"""

import codecs
import csv
import hashlib
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from ..client import InputError, JsonValue
from ..client.content import content_type
from ..jobs import safe_name

MAX_BYTES = 64 << 20
MAX_ROWS = 100_000
MAX_COLUMNS = 200
MAX_CELL = 100_000
MAX_KEY = 200
_GIVE = "Give a folder of pictures, a .csv or a .jsonl file."
OWN_COLUMNS = frozenset({"id", "file", "model", "size", "name", "outputs"})
INPUT_MARK = "input."  # before the name of a model's input that is called like one of those


@dataclass(frozen=True, slots=True)
class Row:
    """One item: `number` counts rows from 1, as `--row` does, `line` the file's lines, as editors do (0: no
    file); `stem` is the key as a file's name; no cell is empty.
    """

    number: int
    key: str
    stem: str
    cells: Mapping[str, JsonValue]
    line: int = 0


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a row (0: with the manifest), and what to do."""

    number: int
    key: str
    text: str
    line: int = 0

    def __str__(self) -> str:
        if not self.number:
            return f"manifest: {self.text}"
        line = f"line {self.line}" if self.line not in (0, self.number) else ""
        known_by = ", ".join(filter(None, (self.key, line)))
        return f"row {self.number}{known_by and f' ({known_by})'}: {self.text}"


@dataclass(slots=True)
class Manifest:
    """The good rows, and what is wrong with the others. Files are relative to `base`."""

    base: Path
    rows: list[Row] = field(default_factory=list[Row])
    problems: list[Problem] = field(default_factory=list[Problem])
    notes: list[str] = field(default_factory=list[str])  # how it was read, for a person
    has_decimal_commas: bool = False  # as a table whose cells are separated by semicolons

    def refuse(self, row: Row, text: str) -> None:
        self.problems.append(Problem(row.number, row.key, text, row.line))
        self.problems.sort(key=lambda problem: problem.number)


class _RowError(Exception):
    """What is wrong with the row that is being read."""


def read_manifest(path: Path) -> Manifest:
    """Raises InputError if the manifest as a whole cannot be used."""
    if path.is_dir():
        manifest = _with_keys(path, _pictures(path))
        manifest.notes += _subfolders(path)
        return manifest
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path.name} is larger than {MAX_BYTES >> 20} MB. Split it.")
        data = path.read_bytes()
        text, notes = _decoded(data, path)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file. {_GIVE}") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise InputError(f"{path.name} cannot be read: {why}. Save it as UTF-8.") from error
    match path.suffix.lower():
        case ".csv" | ".tsv":
            delimiter = _delimiter(text)
            manifest = _with_keys(path.parent, _table(text, delimiter))
            manifest.notes, manifest.has_decimal_commas = notes, delimiter == ";"
            return manifest
        case ".jsonl" | ".ndjson":
            return _with_keys(path.parent, _lines(text))
        case _:
            raise InputError(f"{path.name} is no manifest. {_GIVE}")


def read_rows(rows: Iterable[Mapping[str, object]], base: Path) -> Manifest:
    """The same from rows in Python, counted from 1. Raises InputError if there is none."""
    return _with_keys(base, _given(rows))


def plain(values: Mapping[str, object]) -> dict[str, JsonValue]:
    """The values as a JSON file has them: a path is a text. Raises InputError."""
    try:
        return json.loads(json.dumps(dict(values), default=os.fspath))
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"give texts, numbers, paths, or lists of them: {error}.") from error


Read = Iterator[tuple[int, dict[str, JsonValue] | _RowError]]


def _pictures(folder: Path) -> Read:
    files = sorted(each for each in folder.iterdir() if each.is_file() and not each.name.startswith("."))
    pictures = [each for each in files if (content_type(each) or "").startswith("image/")]
    if not pictures:
        raise InputError(f"There is no picture in {folder}. {_GIVE}")
    for number, each in enumerate(pictures, 1):
        yield number, {"file": each.name}


def _subfolders(folder: Path) -> list[str]:
    """Says which folders in it have pictures, too, which are not taken."""
    notes = list[str]()
    for each in sorted(folder.iterdir()):
        if each.is_dir() and not each.name.startswith(".") and os.access(each, os.R_OK | os.X_OK):
            files = (file for file in each.iterdir() if file.is_file())
            count = sum((content_type(file) or "").startswith("image/") for file in files)
            words = f"{count} picture{'' if count == 1 else 's'}"
            if count:
                notes.append(f"{each.name}/ with {words} is left out: a folder's own pictures are the batch.")
    return notes


def _decoded(data: bytes, path: Path) -> tuple[str, list[str]]:
    """As UTF-8 or UTF-16; a table also as what spreadsheets on Windows call ANSI. Raises ValueError."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16"), []
    try:
        return data.decode("utf-8-sig"), []
    except UnicodeDecodeError:
        if path.suffix.lower() not in (".csv", ".tsv") or b"\0" in data:
            raise
        how = "it was read as ANSI (Windows-1252). If letters are wrong, save it as UTF-8."
        note = f"{path.name} is no UTF-8: {how}"
        return data.decode("cp1252"), [note]


def _delimiter(text: str) -> str:
    return max(",;\t", key=text.partition("\n")[0].count)


def _table(text: str, delimiter: str) -> Read:
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        names = [_column(name) for name in next(lines, list[str]())]
        if not any(names) or "" in names or len({*names}) < len(names) or len(names) > MAX_COLUMNS:
            raise InputError(
                f"The first line has to name each column, once ({MAX_COLUMNS} at most). Correct it."
            )
        for cells in lines:
            if len(cells) > len(names):
                why = f"it has {len(cells)} cells for {len(names)} columns. Put quotes round commas."
                yield lines.line_num, _RowError(why)
            elif any(cells):
                yield lines.line_num, dict[str, JsonValue](zip(names, cells, strict=False))
    except csv.Error as error:
        raise InputError(f"Line {lines.line_num} is no CSV: {error}. Correct it.") from error


def _column(name: str) -> str:
    """Our own columns are known in any case; a model's inputs are taken as they stand."""
    name = name.strip()
    return name.lower() if name.lower() in OWN_COLUMNS | {"image"} else name


def _lines(text: str) -> Read:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value: object = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield number, _RowError(f"it is no JSON: {error}. Correct it.")
            continue
        if isinstance(value, dict):
            yield number, cast("dict[str, JsonValue]", value)
        else:
            yield number, _RowError('write it as {"name": value, …}.')


def _given(rows: Iterable[Mapping[str, object]]) -> Read:
    for number, row in enumerate(rows, 1):
        try:
            yield number, plain(row)
        except InputError as error:
            yield number, _RowError(str(error))


def _with_keys(base: Path, read: Read) -> Manifest:
    manifest, seen = Manifest(base.resolve()), dict[str, int]()
    for number, (line, cells) in enumerate(read, 1):
        if number > MAX_ROWS:
            raise InputError(f"The manifest has more than {MAX_ROWS:,} rows. Split it.")
        if isinstance(cells, _RowError):
            manifest.problems.append(Problem(number, "", str(cells), line))
            continue
        given = {name: value for name, value in cells.items() if value not in (None, "")}
        key, wrong = "", list[str]()
        try:
            _check_sizes(given)
        except _RowError as error:
            wrong.append(str(error))
        try:
            key = _key_of(given)
            if (first := seen.setdefault(stem_of(key).casefold(), number)) != number:
                wrong.append(f"row {first} has this key already. Give each row an id of its own.")
        except _RowError as error:
            wrong.append(str(error))
        if wrong:
            manifest.problems.append(Problem(number, key, " ".join(wrong), line))
        else:
            cells = {name: value for name, value in given.items() if name != "id"}
            manifest.rows.append(Row(number, key, stem_of(key), cells, line))
    if not manifest.rows and not manifest.problems:
        raise InputError("The manifest has no rows.")
    return manifest


def _check_sizes(cells: Mapping[str, JsonValue]) -> None:
    if len(cells) > MAX_COLUMNS:
        raise _RowError(f"it has more than {MAX_COLUMNS} values.")
    for name, value in cells.items():
        if len(name) > MAX_KEY or len(value if isinstance(value, str) else json.dumps(value)) > MAX_CELL:
            raise _RowError(f"{name[:40]} is too long ({MAX_CELL:,} characters at most).")


def _key_of(cells: Mapping[str, JsonValue]) -> str:
    """The id, else the name of the first file without its ending."""
    key = cells.get("id")
    if key is None:
        file = cells.get("file") or cells.get("image")
        first = file[0] if isinstance(file, list) and file else file
        if not isinstance(first, str):
            raise _RowError("it needs a key: fill in its id.")
        key = first.split(",")[0].replace("\\", "/").rpartition("/")[2]
        key = key.rpartition(".")[0] or key
    key = str(key).strip() if isinstance(key, str | int) and not isinstance(key, bool) else ""
    if not key or len(key) > MAX_KEY or not key.isprintable():
        raise _RowError(f"its id has to be a text of 1 to {MAX_KEY} characters in one line.")
    return key


def stem_of(key: str) -> str:
    """A file's name for the key: itself where file systems mind nothing in it, else with a mark."""
    name = safe_name(key)
    return name if name == key else f"{name[:60]}-{hashlib.sha256(key.encode()).hexdigest()[:10]}"
