# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of a store as another process sees them, through a connection of its own."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

DATABASE = "maquette.db"


def execute(folder: Path, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Carry the statement out in the store of `folder`, and return what it finds."""
    with closing(sqlite3.connect(folder / DATABASE, isolation_level=None)) as database:
        return database.execute(statement, values).fetchall()
