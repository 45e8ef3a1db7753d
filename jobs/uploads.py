# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files a service has: the same file is sent to it once."""

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3


class UploadTable:
    """The table in a store's database: a service's asset id by SHA-256 and kind of the file."""

    def __init__(self, database: "sqlite3.Connection") -> None:
        self._db = database

    def find(self, service: str, sha256: str, kind: str) -> str | None:
        wanted = "asset_id FROM uploads WHERE service = ? AND sha256 = ? AND kind = ?"
        row = self._db.execute(f"SELECT {wanted}", (service, sha256, kind)).fetchone()
        return None if row is None else str(row[0])

    def add(self, service: str, sha256: str, kind: str, asset_id: str) -> None:
        """Note the asset, in place of an older one for the same file."""
        self._db.execute(
            "INSERT OR REPLACE INTO uploads VALUES (?, ?, ?, ?)", (service, sha256, kind, asset_id)
        )

    def remove(self, service: str, asset_ids: Collection[str]) -> None:
        """Forget assets that the service no longer has."""
        places = ",".join("?" * len(asset_ids))
        self._db.execute(
            f"DELETE FROM uploads WHERE service = ? AND asset_id IN ({places})", (service, *asset_ids)
        )
