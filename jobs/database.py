# SPDX-License-Identifier: GPL-3.0-or-later
"""The store's SQLite file: where its tables are defined, and how it is opened and brought up to date.

sqlite3 is imported where it is used: importing `jobs` must stay light for Blender's start.
"""

import errno
import json
import re
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .files import make_private
from .record import FILE_MARK

if TYPE_CHECKING:
    import sqlite3

DATABASE = "maquette.db"
_OLD_FILE = re.compile(r"input/\d+/[\w() -][\w.() -]*")  # see safe_name

MIGRATIONS = (
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
    """
    CREATE TABLE questions (
        service TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, request TEXT NOT NULL,
        is_background INTEGER NOT NULL, is_open INTEGER NOT NULL DEFAULT 1, answer TEXT,
        error TEXT NOT NULL DEFAULT '', asked_at REAL NOT NULL, answered_at REAL,
        change INTEGER NOT NULL, PRIMARY KEY (service, kind, key));
    CREATE INDEX questions_by_change ON questions (change);
    CREATE INDEX questions_open ON questions (service) WHERE is_open;
    """,
    # Since then `service` names the project, too.
    """
    ALTER TABLE jobs DROP COLUMN project_id;
    DROP TABLE uploads;
    CREATE TABLE uploads (
        service TEXT NOT NULL, sha256 TEXT NOT NULL, kind TEXT NOT NULL, asset_id TEXT NOT NULL,
        PRIMARY KEY (service, sha256, kind)) WITHOUT ROWID;
    """,
    # A worker and a lease for each session of a service. Nobody knows whose the older jobs are: what is not
    # paid for yet is of a session that has ended, so that no window submits what a command once left.
    """
    ALTER TABLE jobs ADD COLUMN session TEXT NOT NULL DEFAULT '';
    UPDATE jobs SET session = 'before' WHERE state IN ('prepared', 'uploading');
    DROP TABLE lease;
    CREATE TABLE lease (
        service TEXT NOT NULL, session TEXT NOT NULL, owner TEXT NOT NULL, renewed_at REAL NOT NULL,
        trouble TEXT NOT NULL DEFAULT '', trouble_kind TEXT NOT NULL DEFAULT '',
        PRIMARY KEY (service, session)) WITHOUT ROWID;
    """,
    # What is known of a job whose submission's answer was lost.
    """
    ALTER TABLE jobs ADD COLUMN lost_at REAL;
    ALTER TABLE jobs ADD COLUMN candidates TEXT NOT NULL DEFAULT '[]';
    ALTER TABLE jobs ADD COLUMN claims TEXT NOT NULL DEFAULT '';
    """,
    # A file was a table among the inputs; since then it has a number there, and its own column.
    """
    ALTER TABLE jobs ADD COLUMN input_files TEXT NOT NULL DEFAULT '[]';
    UPDATE jobs SET input_files = files_apart(inputs, 1), inputs = files_apart(inputs, 0)
    WHERE inputs LIKE '%"input/%';
    """,
    # Where damaged stores lie that this one stands for, and for which services it has been rebuilt.
    """
    CREATE TABLE aside (folder TEXT NOT NULL, at REAL NOT NULL);
    CREATE TABLE rebuilt (service TEXT PRIMARY KEY) WITHOUT ROWID;
    """,
    # What the service gives back for a job that it could not do.
    """
    ALTER TABLE jobs ADD COLUMN refunded_cu REAL NOT NULL DEFAULT 0;
    """,
    # The class of the error behind an answer, as jobs have it.
    """
    ALTER TABLE questions ADD COLUMN error_kind TEXT NOT NULL DEFAULT '';
    """,
    # How long the service took for past jobs.
    """
    CREATE TABLE runs (
        service TEXT NOT NULL, model_id TEXT NOT NULL, settings TEXT NOT NULL,
        waited_s REAL NOT NULL, took_s REAL NOT NULL);
    CREATE INDEX runs_by_model ON runs (service, model_id);
    """,
    # What a job's result is finished by.
    """
    ALTER TABLE jobs ADD COLUMN profile TEXT NOT NULL DEFAULT '{}';
    """,
    # This machine's date of when a submission's answer was lost.
    """
    ALTER TABLE jobs ADD COLUMN lost_here_at REAL;
    """,
)
_BUSY = 5  # these are SQLite's numbers
_DAMAGE = {11, 26}  # CORRUPT and NOTADB
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EINVAL}
_DAMAGED_FILE = "damaged"  # is there where the database was found damaged while it was in use


class StoreError(Exception):
    """The store cannot be used; the text says what to do."""


class JobGoneError(StoreError):
    """There is no such job: a person may have removed it."""


class RemoteTakenError(StoreError):
    """The service's job is another one's here already: nothing was written."""


class WouldSpendError(StoreError):
    """To take the job up would submit it again, which was not asked for."""


class InDoubtError(StoreError):
    """The job may have been submitted: a person has to say which of the service's jobs it is, if any."""


class StoreTroubleError(StoreError):
    """The database takes nothing just now: it is locked, or the disk is full. Nothing was written."""


def open_database(folder: Path, *, is_interactive: bool) -> "tuple[sqlite3.Connection, Path | None]":
    """The store's database in `folder`, made or migrated if need be; raises StoreError.

    A damaged one is set aside, never deleted, and a new one is made: the old one's new place is returned. An
    interactive one neither waits for the disk nor long for another process: a person does.
    """
    import sqlite3

    try:
        if not (folder / _DAMAGED_FILE).exists():
            return _open(folder, is_interactive), None
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise _unusable(folder, error) from error
    except OSError as error:
        raise _unusable(folder, error) from error
    try:
        aside = _set_aside(folder)
        database = _open(folder, is_interactive)
        database.execute("INSERT INTO aside VALUES (?, ?)", (str(aside), time.time()))
    except (OSError, sqlite3.Error) as error:
        text = (
            f"The job store in {folder} is damaged, and cannot be set aside: {error}. Close other Blenders."
        )
        raise StoreError(text) from error
    return database, aside


def is_damage(error: BaseException) -> bool:
    """Whether SQLite says that the file is no database, or a broken one."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE


def mark_damaged(folder: Path) -> None:
    """Have the database set aside by whoever opens it next."""
    (folder / _DAMAGED_FILE).touch()


def _set_aside(folder: Path) -> Path:
    """Move the database, and what SQLite has written beside it, into a folder of their own."""
    aside = folder / time.strftime("damaged-%Y%m%d-%H%M%S")
    aside.mkdir()
    for name in (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"):
        if (folder / name).exists():
            (folder / name).rename(aside / name)
    (folder / _DAMAGED_FILE).unlink(missing_ok=True)
    return aside


def _unusable(folder: Path, error: Exception) -> StoreError:
    if _is_busy(error) and not _has_locks(folder):
        return StoreError(
            f"The job store in {folder} cannot be used: its drive does not let programs lock files, which "
            "SQLite needs. Choose a folder on another drive."
        )
    return StoreError(
        f"The job store in {folder} cannot be used: {error}. Choose another folder, or make room."
    )


def _is_busy(error: BaseException) -> bool:
    """Whether SQLite says that it does not get its lock: another has it, or the drive has none."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == _BUSY


def _has_locks(folder: Path) -> bool:
    """Whether files in the folder can be locked as SQLite does it."""
    if sys.platform == "win32":
        return True
    import fcntl
    import tempfile

    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            fcntl.lockf(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in _NO_LOCKS
    return True


def _open(folder: Path, is_interactive: bool) -> "sqlite3.Connection":
    import sqlite3

    database: sqlite3.Connection | None = None
    try:
        (folder / "jobs").mkdir(parents=True, exist_ok=True)
        make_private(folder, folder / "jobs", folder / DATABASE)
        wait_s = 0.25 if is_interactive else 30.0
        database = sqlite3.connect(folder / DATABASE, timeout=wait_s, isolation_level=None)
        database.row_factory = sqlite3.Row
        _use_write_ahead_log(database, wait_s)
        # The worker's submitted intents must survive a power cut; a person does not wait for checkpoints.
        database.execute(f"PRAGMA synchronous={'NORMAL' if is_interactive else 'FULL'}")
        database.execute(f"PRAGMA wal_autocheckpoint={0 if is_interactive else 1000}")
        if _version(database) != len(MIGRATIONS):
            _migrate(database, folder)
        if not is_interactive:  # it reads the whole file
            (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                error = sqlite3.DatabaseError(str(found))
                error.sqlite_errorcode = min(_DAMAGE)
                raise error
    except BaseException:  # whatever it is goes on its way, and leaves no file open
        if database is not None:
            database.close()
        raise
    return database


def _use_write_ahead_log(database: "sqlite3.Connection", wait_s: float) -> None:
    """Waits for others, which SQLite itself does not do here: some may open a new database at once."""
    import sqlite3

    deadline = time.monotonic() + wait_s
    while True:
        try:
            database.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() > deadline:
                raise
        time.sleep(0.01)


def _version(database: "sqlite3.Connection") -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def _migrate(database: "sqlite3.Connection", folder: Path) -> None:
    with transaction(database):
        version = _version(database)
        if version > len(MIGRATIONS):
            raise StoreError(f"{folder} was written by a newer Maquette. Update Maquette to use it.")
        database.create_function("files_apart", 2, _files_apart, deterministic=True)
        for number, script in enumerate(MIGRATIONS[version:], version + 1):
            for statement in script.split(";"):
                database.execute(statement)
            database.execute(f"PRAGMA user_version={number}")


def _files_apart(inputs: str, is_files: int) -> str:
    """A row's inputs from before there was a column of files, with numbers for them; or its files."""
    files: list[dict[str, Any]] = []

    def apart(table: dict[str, Any]) -> dict[str, Any]:
        if not _is_old_file(table):
            return {"file" if name == FILE_MARK else name: value for name, value in table.items()}
        file = {"path" if name == "file" else name: value for name, value in table.items()}
        files.append({"objects": [], **file})
        return {FILE_MARK: len(files) - 1}

    text = json.dumps(json.loads(inputs, object_hook=apart))
    return json.dumps(files) if is_files else text


def _is_old_file(table: dict[str, Any]) -> bool:
    """Whether it is a file's table, exactly as Maquette wrote them."""
    match table:
        case {"file": str(path), "name": str(), "kind": str(), **more} if _OLD_FILE.fullmatch(path):
            pass
        case _:
            return False
    match more:
        case {"source": str(), "size": int(), "mtime_ns": int()}:
            return len(more) == 3
        case {"source": str(source), "objects": list()}:
            is_told = all(isinstance(name, str) for name in table["objects"])
            return len(more) == 2 and is_told and _OLD_FILE.fullmatch(source) is not None
        case _:
            return not more


@contextmanager
def transaction(database: "sqlite3.Connection") -> Generator[None]:
    """Everything in it is written, or nothing and a StoreError is raised; others wait, or get that."""
    import sqlite3

    try:
        database.execute("BEGIN IMMEDIATE")
        yield
        database.execute("COMMIT")
    except sqlite3.Error as error:
        if is_damage(error):
            raise  # does not pass by itself
        text = f"The job store cannot be written to just now: {error}. Try again."
        raise StoreTroubleError(text) from error
    finally:
        if database.in_transaction:  # also after Ctrl-C: nothing half-written
            database.execute("ROLLBACK")


def next_change(database: "sqlite3.Connection") -> int:
    """The number of the write under way; it rises with every write to any row."""
    database.execute("UPDATE counter SET value = value + 1")
    return last_change(database)


def last_change(database: "sqlite3.Connection") -> int:
    return int(database.execute("SELECT value FROM counter").fetchone()[0])
