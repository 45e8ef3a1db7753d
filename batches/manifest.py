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
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from ..client import InputError, JsonValue, content_type
from ..jobs import as_text, cut, is_file, safe_name

MAX_BYTES = 64 << 20
MAX_ROWS = 100_000
MAX_COLUMNS = 200
MAX_CELL = 100_000
MAX_KEY = 200
MAX_STEM_BYTES = 219  # file systems take 255, and `changed-….` with an id stands before some names
_SEPARATOR = re.compile(r"\s*sep=([,;\t])\s*", re.IGNORECASE)
_GIVE = "Give a folder of pictures, a .csv or a .jsonl file."
OWN_COLUMNS = frozenset({"id", "file", "model", "size", "name", "outputs"})
FINISH_COLUMNS = frozenset({"finish", "faces"})  # are a model's own where it has inputs that are called so
INPUT_MARK = "input."  # before the name of a model's input that is called like one of those
_IN_ANY_CASE = OWN_COLUMNS | FINISH_COLUMNS | {"image", "prompt"}
# The endings of pictures: those that a service may take, and others, by which a file in a folder is known as
# one that was meant to be made a model of.
_PICTURE = re.compile(
    r"\.(png|jpe?g|jpe|jfif|webp|gif|tiff?|bmp|exr|hdr|hei[cf]|hif|avif|svg"
    r"|psd|psb|tga|jp2|j2k|jxl|jxr|dng|cr[23]|nef|arw|orf|rw2|raf|xcf|kra|ico|dds|ktx2?|pcx|ppm|pgm)",
    re.IGNORECASE,
)
_JOINERS = "\u200c\u200d"  # within words of some languages, and between the parts of some emoji


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


def json_values(values: Mapping[str, object]) -> dict[str, JsonValue]:
    """The values as a JSON file has them: a path is a text. Raises InputError."""
    try:
        return json.loads(json.dumps(dict(values), default=os.fspath))
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"give texts, numbers, paths, or lists of them: {error}.") from error


Read = Iterator[tuple[int, dict[str, JsonValue] | _RowError]]


def _pictures(folder: Path) -> Read:
    """A row for each picture, whatever its name; after them what has a picture's name alone."""
    files = sorted(each for each in folder.iterdir() if each.is_file() and not each.name.startswith("."))
    pictures = [each for each in files if _is_picture(each)]
    odd = [each for each in files if each not in pictures and _PICTURE.fullmatch(each.suffix)]
    if not pictures and not odd:
        raise InputError(f"There is no picture in {folder}. {_GIVE}")
    for each in pictures:
        name = as_text(each.name)
        if name == each.name:
            yield 0, {"id": _name_key(name), "file": [name]}
        else:
            yield 0, _RowError(f"{name} has a name that is no text. Give it another.")
    for each in odd:
        yield 0, _RowError(f"{as_text(each.name)} {_why_no_picture(each)}")


def _is_picture(path: Path) -> bool:
    try:
        return (content_type(path) or "").startswith("image/")
    except OSError:
        return False


def _why_no_picture(path: Path) -> str:
    try:
        if not path.stat().st_size:
            return "is empty. Take it out of the folder, or replace it."
        found = content_type(path)
    except OSError as error:
        return f"cannot be read: {error.strerror}. Take it out of the folder, or mend that."
    what = f"is of another type: {found}" if found else "is no picture that can be sent (PNG, JPEG, WebP, …)"
    return f"{what}. Take it out of the folder, or save it as one of those."


def _subfolders(folder: Path) -> list[str]:
    """Says which folders in it have pictures, too, which are not taken."""
    notes = list[str]()
    for each in sorted(folder.iterdir()):
        if each.is_dir() and not each.name.startswith(".") and os.access(each, os.R_OK | os.X_OK):
            count = sum(file.is_file() and _is_picture(file) for file in each.iterdir())
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
    """As a line `sep=;` says, which Excel understands; else what separates the names in the first line."""
    first = next(filter(str.strip, text.splitlines()), "")
    if found := _SEPARATOR.fullmatch(first):
        return found[1]
    return max(",;\t", key=first.count)


def _table(text: str, delimiter: str) -> Read:
    """Columns without a name and rows without a word are left out, as spreadsheets leave some behind."""
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    before = 0  # the lines that have been read whole
    try:
        heads = (cells for cells in lines if any(map(str.strip, cells)) and not _is_separator_line(cells))
        names = [_column(name) for name in next(heads, list[str]())]
        named = [name for name in names if name]
        if twice := [name for name in named if named.count(name) > 1]:
            raise InputError(f"The first line names {twice[0]} twice. Give each column a name of its own.")
        if not named or len(named) > MAX_COLUMNS:
            raise InputError(f"The first line has to name the columns ({MAX_COLUMNS} at most). Correct it.")
        before = lines.line_num
        while not names[-1]:
            names.pop()
        for cells in lines:
            before = lines.line_num
            if not any(map(str.strip, cells)):
                continue
            while len(cells) > len(names) and not cells[-1].strip():
                cells.pop()
            named_cells = list(zip(names, cells, strict=False))
            nameless = [at for at, (name, cell) in enumerate(named_cells, 1) if not name and cell.strip()]
            if len(cells) > len(names):
                why = f"it has {len(cells)} cells for {len(names)} columns. Put quotes round commas."
                yield lines.line_num, _RowError(why)
            elif nameless:
                yield lines.line_num, _RowError(f"its cell in column {nameless[0]} has no name. Give it one.")
            else:
                yield lines.line_num, {name: _cell(name, cell) for name, cell in named_cells if name}
    except csv.Error as error:
        if "end of data" in str(error):
            why = "has a quotation mark that is never closed. Close it, or double one that belongs to a word."
            raise InputError(f"Line {before + 1} {why}") from error
        raise InputError(f"Line {lines.line_num} is no CSV: {error}. Correct it.") from error


def _is_separator_line(cells: list[str]) -> bool:
    return bool(cells) and cells[0].lower() == "sep=" and not any(cells[1:])


def _column(name: str) -> str:
    """Our own columns are known in any case; a model's inputs are looked for when the model is known."""
    name = name.strip()
    return name.lower() if name.lower() in _IN_ANY_CASE else name


def _cell(name: str, cell: str) -> str:
    """Without the spaces round it; words for a model stand as they are, as they count among what is paid."""
    return cell.strip() if name in OWN_COLUMNS else cell


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
            yield number, json_values(row)
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
            key = _key_of(given, base)
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


def file_names(cell: JsonValue, base: Path) -> list[JsonValue]:
    """The files that a cell of the column `file` names: one whose name has commas in it, or several."""
    if isinstance(cell, list):
        return cell
    text = str(cell)
    return [text] if "," not in text or is_file(text, base) else [*text.split(",")]


def _key_of(cells: Mapping[str, JsonValue], base: Path) -> str:
    """The id, else the name of the first file without its ending."""
    key = cells.get("id")
    if key is None:
        file = cells.get("file")
        names = file_names(file, base) if isinstance(file, str) else file or cells.get("image")
        first = names[0] if isinstance(names, list) and names else names
        if not isinstance(first, str):
            raise _RowError("it needs a key: fill in its id.")
        # A name that was given by itself is cut at its comma, as it always was: its key is paid for.
        key = _name_key(first if isinstance(file, str) else first.split(",")[0])
    key = str(key).strip() if isinstance(key, str | int) and not isinstance(key, bool) else ""
    if not key or len(key) > MAX_KEY or not all(map(_is_harmless, key)):
        raise _RowError(f"its id has to be a text of 1 to {MAX_KEY} characters in one line.")
    return unicodedata.normalize("NFC", key)  # systems write the letter ä in two forms: it is one key


def _name_key(name: str) -> str:
    name = name.replace("\\", "/").rpartition("/")[2]
    return (name.rpartition(".")[0] or name).strip()


def _is_harmless(letter: str) -> bool:
    """Whether it may stand in a key: also the spaces that systems put into the names of screenshots."""
    return letter.isprintable() or letter in _JOINERS or unicodedata.category(letter) == "Zs"


def named(key: str) -> str:
    """A name for the key: itself where file systems mind nothing in it, else with a digest."""
    name = safe_name(key, max_bytes=sys.maxsize)
    return name if name == key else f"{name[:60]}-{_digest(key)}"


def stem_of(key: str) -> str:
    """The same as a file's name, which file systems do not take at any length."""
    name = named(key)
    if len(name.encode()) <= MAX_STEM_BYTES:
        return name
    digest = _digest(key)
    return f"{cut(name[:60], MAX_STEM_BYTES - len(digest) - 1)}-{digest}"


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:10]
