# SPDX-License-Identifier: GPL-3.0-or-later
"""The store's SQLite file: where its tables are defined, and how it is opened and brought up to date."""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

DATABASE = "maquette.db"

_MIGRATIONS = (
    """
    CREATE TABLE jobs (
        id TEXT PRIMARY KEY, service TEXT NOT NULL, project_id TEXT, state TEXT NOT NULL,
        name TEXT NOT NULL, source TEXT NOT NULL, model_id TEXT NOT NULL, model_name TEXT NOT NULL,
        inputs TEXT NOT NULL, sent TEXT NOT NULL DEFAULT '{}',
        estimate_cu REAL, cost_cu REAL, remote_id TEXT, progress REAL,
        message TEXT NOT NULL DEFAULT '', error_kind TEXT NOT NULL DEFAULT '', resume_state TEXT,
        cancel TEXT NOT NULL DEFAULT '', attempts INTEGER NOT NULL DEFAULT 0,
        not_before REAL NOT NULL DEFAULT 0, created_at REAL NOT NULL, updated_at REAL NOT NULL,
        submitted_at REAL, finished_at REAL, files TEXT NOT NULL DEFAULT '[]',
        result TEXT NOT NULL DEFAULT '{}', placement TEXT NOT NULL DEFAULT '{}',
        change INTEGER NOT NULL);
    CREATE INDEX jobs_by_state ON jobs (service, state);
    CREATE INDEX jobs_by_change ON jobs (change);
    CREATE UNIQUE INDEX jobs_by_remote ON jobs (service, remote_id) WHERE remote_id IS NOT NULL;
    CREATE TABLE uploads (
        service TEXT NOT NULL, project_id TEXT NOT NULL, sha256 TEXT NOT NULL, kind TEXT NOT NULL,
        asset_id TEXT NOT NULL, PRIMARY KEY (service, project_id, sha256, kind)) WITHOUT ROWID;
    CREATE TABLE lease (
        service TEXT PRIMARY KEY, owner TEXT NOT NULL, renewed_at REAL NOT NULL,
        trouble TEXT NOT NULL DEFAULT '', trouble_kind TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
    CREATE TABLE counter (value INTEGER NOT NULL);
    INSERT INTO counter VALUES (0);
    """,
)


class StoreError(Exception):
    """The store cannot be used; the text says what to do."""


def open_database(folder: Path) -> sqlite3.Connection:
    """The store's database in `folder`, made or migrated if need be; raises StoreError."""
    database: sqlite3.Connection | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(folder / DATABASE, timeout=30.0, isolation_level=None)
        database.row_factory = sqlite3.Row
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")  # a submitted intent must survive a power cut
        _migrate(database, folder)
    except (OSError, sqlite3.Error, StoreError) as error:
        if database is not None:
            database.close()
        if isinstance(error, StoreError):
            raise
        text = f"The job store in {folder} cannot be used: {error}. Choose another folder, or make room."
        raise StoreError(text) from error
    return database


def _migrate(database: sqlite3.Connection, folder: Path) -> None:
    with transaction(database):
        version = int(database.execute("PRAGMA user_version").fetchone()[0])
        if version > len(_MIGRATIONS):
            raise StoreError(f"{folder} was written by a newer Maquette. Update Maquette to use it.")
        for number, script in enumerate(_MIGRATIONS[version:], version + 1):
            for statement in script.split(";"):
                database.execute(statement)
            database.execute(f"PRAGMA user_version={number}")


@contextmanager
def transaction(database: sqlite3.Connection) -> Generator[None]:
    """Everything in it is written, or nothing; other writers wait."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:  # also Ctrl-C: nothing half-written, and pass it on
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")
