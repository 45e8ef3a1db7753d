# SPDX-License-Identifier: GPL-3.0-or-later
"""What a store knows of the damaged one that it stands for, and how it takes the service's jobs over.

Clock in Unix seconds.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .database import DATABASE, next_change, transaction
from .record import new_id

if TYPE_CHECKING:
    import sqlite3

DAMAGED = (
    "The job store was damaged and lies in {} now. The new one is filled from the service's list of jobs."
    " Nothing is submitted, and nothing is paid."
)


class DamagedStore:
    """The tables `aside` and `rebuilt` of the store in `folder`."""

    def __init__(self, database: "sqlite3.Connection", folder: Path, clock: Callable[[], float]) -> None:
        self._db = database
        self._folder = folder
        self._clock = clock
        self._file = (folder / DATABASE).stat().st_ino

    def is_replaced(self) -> bool:
        """Whether another process has set this database aside as damaged, and made a new one."""
        try:
            return (self._folder / DATABASE).stat().st_ino != self._file
        except OSError:
            return False  # a share that does not answer just now

    def place(self) -> str:
        """The folder where the damaged store lies; empty if there was none."""
        row = self._db.execute("SELECT folder FROM aside ORDER BY at DESC LIMIT 1").fetchone()
        return "" if row is None else str(row[0])

    def needs_rebuild(self, service: str) -> bool:
        """Whether the service's jobs have yet to be taken over."""
        found = self._db.execute(
            "SELECT 1 FROM aside WHERE NOT EXISTS (SELECT 1 FROM rebuilt WHERE service = ?) LIMIT 1",
            (service,),
        )
        return found.fetchone() is not None

    def rebuild(self, service: str, session: str, rows: Sequence[Mapping[str, Any]]) -> int:
        """Write down the service's jobs that are not here yet, once for each service; returns how many."""
        known = "SELECT 1 FROM jobs WHERE service = ? AND remote_id = ?"
        usual = {"service": service, "session": session, "source": "", "model_name": "", "inputs": "{}"}
        count = 0
        with transaction(self._db):
            for row in rows:
                if self._db.execute(known, (service, row["remote_id"])).fetchone():
                    continue
                values = {**usual, "id": new_id(), "updated_at": self._clock(), **row}
                values["change"] = next_change(self._db)
                (self._folder / "jobs" / str(values["id"])).mkdir(parents=True)
                places = ", ".join("?" * len(values))
                self._db.execute(
                    f"INSERT INTO jobs ({', '.join(values)}) VALUES ({places})", (*values.values(),)
                )
                count += 1
            self._db.execute("INSERT OR IGNORE INTO rebuilt VALUES (?)", (service,))
        return count
