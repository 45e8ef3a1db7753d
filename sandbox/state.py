# SPDX-License-Identifier: GPL-3.0-or-later
"""What the sandbox remembers: JSON records and files in one folder.

A change is committed before it is answered, so a killed sandbox started again on the same folder knows it.
"""

import json
import os
import secrets
import sqlite3
import stat
import string
import threading  # the sandbox is a process of its own, never inside Blender
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .web import ApiError

Record = dict[str, Any]
WAIT_S = 30.0  # for other sandboxes on the same folder
SCHEMA = "CREATE TABLE IF NOT EXISTS records (kind TEXT, id TEXT, body TEXT, PRIMARY KEY (kind, id))"


def new_id(prefix: str) -> str:
    """Return an id in the service's form, such as `job_` and 24 letters and digits."""
    return f"{prefix}_" + "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(24))


def iso(moment: float) -> str:
    """Return Unix seconds as the service writes dates: ISO 8601, UTC, milliseconds."""
    text = datetime.fromtimestamp(round(moment * 1000) / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def public(record: Record) -> Record:
    """Return what of a record is meant for the wire."""
    return {key: value for key, value in record.items() if not key.startswith("_")}


def make_private(*paths: Path) -> None:
    """Keep other users of the machine out of these folders and files, which are made if they are missing.

    What is not ours, and what is everybody's as /tmp is, stays as it is. On Windows the user's own folders
    are private as they are.
    """
    if os.name == "nt":
        return
    for path in paths:
        if not path.is_dir():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        facts = path.stat()
        if facts.st_uid == os.geteuid() and facts.st_mode & 0o077 and not facts.st_mode & stat.S_ISVTX:
            path.chmod(0o700 if path.is_dir() else 0o600)


class State:
    """Records by kind and id; a key that starts with `_` is the sandbox's own and never sent."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self.folder = folder
        self.files = folder / "files"
        self.clock = clock
        self.lock = threading.RLock()
        self.files.mkdir(parents=True, exist_ok=True)
        make_private(folder, self.files, folder / "sandbox.db")
        self._db = sqlite3.connect(
            folder / "sandbox.db", timeout=WAIT_S, check_same_thread=False, isolation_level=None
        )
        self._use_write_ahead_log()
        self._db.execute(SCHEMA)
        self._version = 0

    def close(self) -> None:
        with self.lock:
            self._db.close()

    def _use_write_ahead_log(self) -> None:
        """Wait for others, which SQLite itself does not do here: some may begin on a new folder at once."""
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                self._db.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            time.sleep(0.01)

    def _rows(self, sql: str, *values: object) -> list[Any]:
        with self.lock:
            return self._db.execute(sql, values).fetchall()

    def was_written_by_another(self) -> bool:
        """Whether another sandbox on the folder has written since the last call."""
        before = self._version
        self._version = self._rows("PRAGMA data_version")[0][0]
        return self._version != before

    def get(self, kind: str, record_id: object) -> Record | None:
        rows = self._rows("SELECT body FROM records WHERE kind=? AND id=?", kind, str(record_id))
        return json.loads(rows[0][0]) if rows else None

    def find(self, kind: str, record_id: str) -> Record:
        """Return a record, or raise the service's 404."""
        record = self.get(kind, record_id)
        if record is None:
            raise ApiError(404, f"{kind.title()} {record_id} not found")
        return record

    def put(self, kind: str, record_id: str, record: Record) -> Record:
        """Write the record, dated: `createdAt` once, `updatedAt` each time."""
        record["updatedAt"] = iso(self.clock())
        record.setdefault("createdAt", record["updatedAt"])
        sql = "INSERT INTO records VALUES (?,?,?) ON CONFLICT DO UPDATE SET body=excluded.body"
        self._rows(sql, kind, record_id, json.dumps(record))
        return record

    def all(self, kind: str) -> list[Record]:
        rows = self._rows("SELECT body FROM records WHERE kind=? ORDER BY rowid", kind)
        return [json.loads(row[0]) for row in rows]

    def setting(self, name: str, make: Callable[[], str]) -> str:
        """Return a text that is made once and kept with the state."""
        body = json.dumps({"value": make()})
        self._rows("INSERT OR IGNORE INTO records VALUES ('setting', ?, ?)", name, body)
        return self.find("setting", name)["value"]
