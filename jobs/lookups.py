# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookups to the service: the window writes them down, the worker answers. None of them spends anything.

Kinds: "models" (the catalogue), "model" (one with its inputs and a typical price), "price" (of given inputs),
"balance", "picture" (what is wrong with a file on the disk: no service is asked), "preview" (have a result's
picture made: previews.py). An answer that is an error stays until somebody asks again.
"""

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..client import JsonValue
from .database import next_change, transaction

if TYPE_CHECKING:
    import sqlite3

ABANDONED_S = 600.0  # a lookup that nobody answered for so long is forgotten
_PRICE_S = 86_400.0
_MOST_PRICES = 300
_COLUMNS = "kind, key, request, is_background, is_open, answer, error, answered_at, change, error_kind"


@dataclass(frozen=True, slots=True)
class Lookup:
    """One row; `answer` is the last good one, also while `is_open` or after an error."""

    kind: str
    key: str
    request: JsonValue
    is_background: bool
    is_open: bool
    answer: JsonValue
    error: str
    answered_at: float | None
    change: int
    error_kind: str = ""  # class name of the error, empty if none


@dataclass(frozen=True, slots=True)
class Price:
    """The price of given inputs in creative units, or why it is not known."""

    cost_cu: float | None
    error: str = ""


class LookupTable:
    """The table in a store's database, which is called `questions`: lookups were, when it was made. Clock in
    Unix seconds.
    """

    def __init__(self, database: "sqlite3.Connection", clock: Callable[[], float]) -> None:
        self._db, self._clock = database, clock

    def ask(
        self,
        service: str,
        kind: str,
        keys: Collection[str] = ("",),
        *,
        request: JsonValue = None,
        is_background: bool = False,
    ) -> None:
        """Ask one lookup for each key (again, if it was asked before)."""
        with transaction(self._db):
            for key in keys:
                self._db.execute(
                    "INSERT INTO questions (service, kind, key, request, is_background, asked_at, change)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET request = excluded.request,"
                    " is_background = excluded.is_background, is_open = 1, asked_at = excluded.asked_at,"
                    " change = excluded.change",
                    (
                        service,
                        kind,
                        key,
                        json.dumps(request),
                        is_background,
                        self._clock(),
                        next_change(self._db),
                    ),
                )

    def list_open(self, service: str, limit: int) -> list[Lookup]:
        """Lookups that wait for an answer, but for previews: those of a person first, then the newest."""
        where = "WHERE service = ? AND is_open AND kind != 'preview'"
        return self._read(f"{where} ORDER BY is_background, asked_at DESC, rowid LIMIT ?", service, limit)

    def next_preview(self, service: str) -> Lookup | None:
        """The preview that was asked for last and waits."""
        where = "WHERE service = ? AND is_open AND kind = 'preview'"
        found = self._read(f"{where} ORDER BY asked_at DESC LIMIT 1", service)
        return found[0] if found else None

    def last_answer(self, service: str, kind: str, key: str) -> JsonValue:
        """The last good answer, however old; None if there is none."""
        found = self._read("WHERE service = ? AND kind = ? AND key = ?", service, kind, key)
        return found[0].answer if found else None

    def has_open(self, service: str) -> bool:
        found = self._db.execute("SELECT 1 FROM questions WHERE service = ? AND is_open LIMIT 1", (service,))
        return found.fetchone() is not None

    def answer(
        self, service: str, lookup: Lookup, answer: JsonValue, error: str = "", error_kind: str = ""
    ) -> None:
        """Write the answer down; with an error, the last good one is kept."""
        kept = "answer" if error else "?1"
        with transaction(self._db):
            self._db.execute(
                f"UPDATE questions SET answer = {kept}, error = ?2, answered_at = ?3,"
                " is_open = 0, change = ?4, error_kind = ?8 WHERE service = ?5 AND kind = ?6 AND key = ?7",
                (
                    json.dumps(answer),
                    error,
                    self._clock(),
                    next_change(self._db),
                    service,
                    lookup.kind,
                    lookup.key,
                    error_kind,
                ),
            )

    def answered_since(self, service: str, change: int, limit: int) -> list[Lookup]:
        """Lookups answered after the write numbered `change`, oldest write first."""
        return self._read(
            "WHERE service = ? AND change > ? AND answered_at IS NOT NULL ORDER BY change LIMIT ?",
            service,
            change,
            limit,
        )

    def prune(self, service: str) -> None:
        """Forget old prices, what was said or asked of pictures, and lookups that nobody has answered."""
        now = self._clock()
        prices = "SELECT rowid FROM questions WHERE service = ?1 AND kind = 'price' ORDER BY asked_at DESC"
        with transaction(self._db):
            self._db.execute(
                "DELETE FROM questions WHERE service = ?1 AND (kind IN ('picture', 'preview')"
                " OR is_open AND asked_at < ?2"
                f" OR kind = 'price' AND (asked_at < ?3 OR rowid NOT IN ({prices} LIMIT ?4)))",
                (service, now - ABANDONED_S, now - _PRICE_S, _MOST_PRICES),
            )

    def _read(self, where: str, *values: str | int) -> list[Lookup]:
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM questions {where}", values)
        return [_lookup(row) for row in rows]


def _lookup(row: "sqlite3.Row") -> Lookup:
    values = dict(row)
    for name in ("request", "answer"):
        values[name] = None if values[name] is None else json.loads(values[name])
    for name in ("is_background", "is_open"):
        values[name] = bool(values[name])
    return Lookup(**values)
