# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the service took for past jobs, by model and settings: what a job like them may take."""

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, cast

from .database import transaction
from .poll_schedule import MOST_PAST
from .record import StoredFile, StoredValue, mapped

if TYPE_CHECKING:
    import sqlite3

_ENOUGH = 3  # runs with the same settings; with fewer, runs of the model with any settings count
_KEPT = 5 * MOST_PAST  # of a model


class Run(NamedTuple):
    """The service's own seconds; `waited_s` is 0 where it did not tell when it began."""

    waited_s: float
    took_s: float


class RunTable:
    """The table in a store's database."""

    def __init__(self, database: "sqlite3.Connection") -> None:
        self._db = database

    def add(self, service: str, model_id: str, settings: str, run: Run) -> None:
        """Note a run; the oldest ones of the model are forgotten."""
        newest = "SELECT rowid FROM runs WHERE service = ?1 AND model_id = ?2 ORDER BY rowid DESC LIMIT ?3"
        with transaction(self._db):
            self._db.execute(
                "INSERT INTO runs (service, model_id, settings, waited_s, took_s) VALUES (?, ?, ?, ?, ?)",
                (service, model_id, settings, *run),
            )
            self._db.execute(
                f"DELETE FROM runs WHERE service = ?1 AND model_id = ?2 AND rowid NOT IN ({newest})",
                (service, model_id, _KEPT),
            )

    def find(self, service: str, model_id: str, settings: str | None = None) -> list[Run]:
        """MOST_PAST runs at most, newest first; of the model with any settings if none are given."""
        alike = [] if settings is None else self._find("AND settings = ?3", service, model_id, settings)
        return alike if len(alike) >= _ENOUGH else self._find("", service, model_id)

    def _find(self, where: str, *values: str) -> list[Run]:
        rows = self._db.execute(
            f"SELECT waited_s, took_s FROM runs WHERE service = ?1 AND model_id = ?2 {where}"
            f" ORDER BY rowid DESC LIMIT {MOST_PAST}",
            values,
        )
        return [Run(float(waited_s), float(took_s)) for waited_s, took_s in rows]


def settings_of(inputs: Mapping[str, StoredValue]) -> str:
    """The same text for jobs that differ in their files, words and seeds alone: what does not change how long
    a model takes as its settings do.
    """
    words = [name for name in inputs if "prompt" in name.lower()]
    chosen = {name: value for name, value in inputs.items() if name not in ("seed", *words)}

    def told(leaf: object) -> object:
        return "a file" if isinstance(leaf, StoredFile) else leaf

    plain = mapped(cast("Mapping[str, object]", chosen), told)
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]
