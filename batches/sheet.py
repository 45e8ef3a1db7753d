# SPDX-License-Identifier: GPL-3.0-or-later
"""What came of a batch: results.csv for tables, index.html for eyes. Neither needs a network or a server.

All text comes from strangers: in the page it is data that the page's script shows as text, in the table no
cell can be taken for a formula.
"""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast
from urllib.parse import quote

from ..client import JsonValue
from ..jobs import (
    FINISH_COLUMNS,
    REPORT_COLUMNS,
    InputFile,
    details_of,
    finish_cells,
    finish_sentence,
    light_of,
    mapped,
    report_cells,
    sentence_of,
    write_whole,
)
from .manifest import Problem
from .outcome import Outcome
from .plan import Item
from .row_state import RowState

COLUMNS = (
    "id",
    "state",
    "name",
    "model",
    "parameters",
    "size_m",
    "cost_cu",
    "price_cu",
    "faces",
    "seconds",
    "outputs",
    "job",
    "message",
    "refunded_cu",
    "row",
    *REPORT_COLUMNS,
    *FINISH_COLUMNS,
)
_MEASURED = len(REPORT_COLUMNS) + len(FINISH_COLUMNS)


def write_table(path: Path, rows: Sequence[RowState], problems: Sequence[Problem]) -> None:
    """One line for each row of the manifest, those that are wrong last."""
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(COLUMNS)
    for row in rows:
        item, outcome = row.item, row.outcome or Outcome()
        cells = [
            item.key,
            row.shown_status,
            item.name,
            item.model.id,
            json.dumps(parameters_of(item)),
            item.size_m,
        ]
        cells += [outcome.cost_cu, item.price_cu, outcome.faces, outcome.seconds, ", ".join(outcome.outputs)]
        cells += [row.job_id, row.text, outcome.refunded_cu, item.row.number]
        measured = [*report_cells(row.report), *finish_cells(row.finish, row.report)]
        cells += measured if row.outcome else [""] * _MEASURED
        table.writerow(map(_cell, cells))
    for wrong in problems:
        cells = [wrong.key, "wrong", *[""] * 10, str(wrong), "", wrong.number]
        cells += [""] * _MEASURED
        table.writerow(map(_cell, cells))
    _replace(path, text.getvalue())


def write_sheet(path: Path, rows: Sequence[RowState], problems: Sequence[Problem]) -> None:
    shown = [_shown(row) for row in rows]
    for wrong in problems:
        empty: dict[str, JsonValue] = {
            **dict.fromkeys(_EMPTY),
            "words": "",
            "parameters": "",
            "model": "",
            "files": [],
            "report": "",
            "details": [],
        }
        shown.append({**empty, "key": wrong.key or "?", "state": "wrong", "message": str(wrong)})
    data = json.dumps(shown, ensure_ascii=False)
    # Within a script element, `<` alone could end it or begin a comment.
    for character in "<>&\u2028\u2029":
        data = data.replace(character, f"\\u{ord(character):04x}")
    template = Path(__file__).with_name("sheet.html").read_text(encoding="utf-8")
    _replace(path, template.replace("@ROWS@", data))


def parameters_of(item: Item) -> dict[str, JsonValue]:
    """The inputs with files by their names."""
    plain = mapped(item.inputs, lambda leaf: leaf.path.name if isinstance(leaf, InputFile) else leaf)
    return cast("dict[str, JsonValue]", plain)


_EMPTY = ("picture", "preview", "turntable", "cost", "faces", "size", "seconds", "light")


def _shown(row: RowState) -> dict[str, JsonValue]:
    item, outcome = row.item, row.outcome or Outcome()
    refunded_cu = outcome.refunded_cu or 0.0
    report, finish = row.report, row.finish
    lines = [("Finished", finish_sentence(finish, report))] if finish else []
    lines += details_of(report) if report else []
    files: list[JsonValue] = [
        {"name": Path(name).suffix.lstrip(".") or name, "url": _url(name)} for name in outcome.outputs
    ]
    return {
        "key": item.key,
        "state": row.shown_status,
        "model": item.model.name,
        "parameters": ", ".join(f"{name} {_short(value)}" for name, value in parameters_of(item).items()),
        "words": "" if item.picture else item.source,
        "message": row.text,
        "files": files,
        "cost": None if outcome.cost_cu is None else outcome.cost_cu - refunded_cu,
        "faces": outcome.faces,
        "size": item.size_m,
        "seconds": None if outcome.seconds is None else round(outcome.seconds),
        "picture": _url(outcome.picture),
        "preview": _url(outcome.preview),
        "turntable": _url(outcome.turntable),
        "light": report and str(light_of(report)),
        "report": sentence_of(report) if outcome.outputs and not outcome.is_unconverted else "",
        "details": [[*line] for line in lines],
    }


def _url(name: str | None) -> str | None:
    """A relative address: never another scheme or host, whatever the name is."""
    return "./" + quote(name.replace("\\", "/"), safe="/") if name else None


def _short(value: JsonValue) -> str:
    if isinstance(value, list):
        return ", ".join(map(_short, value))
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 120 else text[:119] + "…"


def _cell(value: object) -> object:
    """No table program takes it for a formula."""
    value = round(value, 6) if isinstance(value, float) else value
    text = "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str) and text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _replace(path: Path, text: str) -> None:
    encoding = "utf-8-sig" if path.suffix == ".csv" else "utf-8"  # Excel wants the byte order mark
    write_whole(path, text.encode(encoding, "replace"))  # JSON may hold what is no character
