# SPDX-License-Identifier: GPL-3.0-or-later
"""A row of the store that is not understood stops no other: it becomes a failed job, the rest of it is kept.

What it was paid for can be fetched still, and nothing says that it was not.
"""

import json
from typing import TYPE_CHECKING

from .database import next_change
from .record import ErrorKind, JobRecord, record_of
from .states import State

if TYPE_CHECKING:
    import sqlite3

_EMPTY = {
    **dict.fromkeys(("input_files", "candidates", "files"), "[]"),
    **dict.fromkeys(("inputs", "sent", "result", "placement", "profile"), "{}"),
}
_KINDS = {name: list if empty == "[]" else dict for name, empty in _EMPTY.items()}
_ODD = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)


def job_of(row: "sqlite3.Row", database: "sqlite3.Connection", now: float) -> JobRecord:
    """The row's job; an odd row is mended for good before."""
    job = _job_or_none(row)
    if job is not None:
        return job
    values = {**_mended(row), "updated_at": now, "change": next_change(database)}
    changes = ", ".join(f"{name} = ?" for name in values)
    database.execute(f"UPDATE jobs SET {changes} WHERE id = ?", (*values.values(), row["id"]))
    return record_of(database.execute("SELECT * FROM jobs WHERE id = ?", (row["id"],)).fetchone())


def _job_or_none(row: "sqlite3.Row") -> JobRecord | None:
    """None where the row is odd."""
    try:
        job = record_of(row)
    except _ODD:
        return None
    return job if all(type(getattr(job, name)) is kind for name, kind in _KINDS.items()) else None


def _mended(row: "sqlite3.Row") -> dict[str, str | None]:
    # The inputs and the files among them are understood together or not at all, and a delivery is made anew.
    lost = {name: _EMPTY[name] for name in ("inputs", "input_files", "files")}
    values = {name: row[name] if _is_of(_KINDS[name], row[name]) else empty for name, empty in _EMPTY.items()}
    text = f"What the store says of this job is damaged; it was {row['state']}."
    is_paid = row["remote_id"] is not None
    if is_paid:
        text += " Resume it to fetch its result, which costs nothing."
    elif row["submitted_at"] is not None:
        text += " It may be paid for: look at the service's list of jobs."
    resume_state = State.QUEUED if is_paid else None
    failure = {"message": text, "error_kind": ErrorKind.ODD_ROW, "cancel": ""}
    return {**values, **lost, **failure, "state": State.FAILED, "resume_state": resume_state}


def _is_of(kind: type, text: object) -> bool:
    """Whether the text is JSON of this kind."""
    try:
        return isinstance(text, str) and type(json.loads(text)) is kind
    except (ValueError, RecursionError):
        return False
