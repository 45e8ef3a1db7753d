# SPDX-License-Identifier: GPL-3.0-or-later
"""What the sandbox remembers: JSON records and files in one folder.

A change is committed before it is answered, so a killed sandbox started again on the same folder knows it.
"""

import json
import secrets
import sqlite3
import string
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Record = dict[str, Any]
ALPHABET = string.ascii_letters + string.digits
SCHEMA = """
PRAGMA journal_mode=WAL;
CREATE TABLE IF NOT EXISTS records (
    kind TEXT, id TEXT, created INTEGER, updated INTEGER, body TEXT, PRIMARY KEY (kind, id));
CREATE INDEX IF NOT EXISTS by_update ON records (kind, updated, id);
"""


def new_id(prefix: str) -> str:
    """Return an id in the service's form, such as `job_` and 24 letters and digits."""
    return f"{prefix}_" + "".join(secrets.choice(ALPHABET) for _ in range(24))


def iso(moment: float) -> str:
    """Return Unix seconds as the service writes dates: ISO 8601, UTC, milliseconds."""
    text = datetime.fromtimestamp(round(moment * 1000) / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def unix_ms(text: str) -> int:
    """Return an ISO date as Unix milliseconds; ValueError if it is none."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


class State:
    """Records by kind and id; a key that starts with `_` is the sandbox's own and never sent."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self.folder = folder
        self.clock = clock
        self.lock = threading.RLock()
        self.files.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / "sandbox.db", check_same_thread=False, isolation_level=None)
        self._db.executescript(SCHEMA)

    @property
    def files(self) -> Path:
        return self.folder / "files"

    def close(self) -> None:
        with self.lock:
            self._db.close()

    def get(self, kind: str, record_id: str) -> Record | None:
        with self.lock:
            row = self._db.execute(
                "SELECT body FROM records WHERE kind=? AND id=?", (kind, record_id)
            ).fetchone()
        return json.loads(row[0]) if row else None

    def put(self, kind: str, record_id: str, record: Record) -> Record:
        """Write the record, dated: `createdAt` once, `updatedAt` each time."""
        now = round(self.clock() * 1000)
        record["updatedAt"] = iso(now / 1000)
        record.setdefault("createdAt", record["updatedAt"])
        with self.lock:
            self._db.execute(
                "INSERT INTO records VALUES (?,?,?,?,?) ON CONFLICT (kind, id)"
                " DO UPDATE SET updated=excluded.updated, body=excluded.body",
                (kind, record_id, now, now, json.dumps(record)),
            )
        return record

    def all(self, kind: str) -> list[Record]:
        with self.lock:
            rows = self._db.execute("SELECT body FROM records WHERE kind=? ORDER BY created, id", (kind,))
            return [json.loads(row[0]) for row in rows]

    def page(
        self, kind: str, order: str, size: int, after_ms: int, cursor: tuple[int, str] | None
    ) -> list[tuple[int, str, Record]]:
        """Return up to `size` rows (date in ms, id, record), newest first, later than `after_ms`.

        `order` is `created` or `updated`; `cursor` is the (date, id) of the row before the page.
        """
        assert order in ("created", "updated")
        date, last = cursor or (2**62, "")
        with self.lock:
            rows = self._db.execute(
                f"SELECT {order}, id, body FROM records WHERE kind=? AND {order}>? AND ({order}, id)<(?, ?)"
                f" ORDER BY {order} DESC, id DESC LIMIT ?",
                (kind, after_ms, date, last, size),
            ).fetchall()
        return [(date, record_id, json.loads(body)) for date, record_id, body in rows]

    def setting(self, name: str, make: Callable[[], Any]) -> Any:
        """Return a value that is made once and kept with the state."""
        record = self.get("setting", name) or self.put("setting", name, {"value": make()})
        return record["value"]


def public(record: Record) -> Record:
    """Return what of a record is meant for the wire."""
    return {key: value for key, value in record.items() if not key.startswith("_")}
