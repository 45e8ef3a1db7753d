# SPDX-License-Identifier: GPL-3.0-or-later
"""The job store: one SQLite file that the window, the worker and the command line share.

Each move of a job is one transaction that checks the state it starts from and, for the
worker, that it still holds the lease; so two processes can never take the same step.
"""

import contextlib
import json
import shutil
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

from ..client import elapsed_s
from .damaged_store import DAMAGED, DamagedStore
from .database import (
    InDoubtError,
    JobGoneError,
    RemoteTakenError,
    StoreError,
    WouldSpendError,
    last_change,
    next_change,
    open_database,
    transaction,
)
from .expected_results import ExpectedResults
from .files import as_text
from .finishing import finished_key, result_blend
from .input_files import keep_files
from .lease_watch import LEASE_S, LeaseWatch
from .lookups import LookupTable
from .odd_rows import job_of
from .record import COLUMNS, JSON_COLUMNS, LEFT, ErrorKind, JobRecord, NewJob, json_text, new_id
from .runs import RunTable
from .states import UNPAID, WORKING, State, check_move
from .transfers import is_result_gone, is_result_there
from .uploads import UploadTable

MAX_DELAY_S = 3600.0  # a job waits no longer
ASKED_AGAIN = -1  # `attempts` of an uncertain job that a person wants submitted if it is not found
ABANDONED_S = 600.0  # after so long, an unpaid job of a command that has ended is failed, to be resumed
Clock = Callable[[], float]  # seconds since 1970
# JobRecord.is_working, for SQL.
_IS_WORKING = f"state IN {tuple(map(str, WORKING))} AND (state != 'uncertain' OR resume_state ISNULL)"
_OF_SERVICE = "+service = ?"  # + keeps SQLite from its index on the service: the one on `change` is better
# By now (?2), or put off before this computer's clock was set back.
_IS_DUE = f"(not_before <= ?2 OR updated_at > ?2 OR not_before > ?2 + {MAX_DELAY_S})"
# A job of an ended session, for any other: paid, or unpaid for long. ?1: service, ?2: now.
_IS_LEFT = (
    f"session NOT IN (SELECT session FROM lease WHERE service = ?1 AND abs(renewed_at - ?2) <= {LEASE_S})"
    f" AND (state NOT IN {tuple(map(str, UNPAID))} OR (session != '' AND updated_at < ?2 - {ABANDONED_S}))"
)
REFUSED = "The service does not stop this job: it is paid for, and its result will be kept in the list."


class StaleError(Exception):
    """The job is no longer in the expected state: nothing was written, read it again."""


class LeaseLostError(StaleError):
    """Another worker has the session: stop at once."""


class Store:
    """Jobs under `folder`: the database, and a folder `jobs/ID` each for inputs and results.

    Belongs to the thread that made it. An interactive one never waits long: it leaves large files to the
    worker, and raises StoreError if another process holds the database, as all do if the folder cannot be
    used. A test's own `clock` is for dates and for intervals.
    """

    def __init__(self, folder: Path, *, is_interactive: bool = False, clock: Clock = time.time) -> None:
        self.folder = folder
        self.clock = clock
        self._is_interactive = is_interactive
        self._db, place = open_database(folder, is_interactive=is_interactive)
        self.notice = DAMAGED.format(place) if place else ""  # for whoever opened it
        self.aside = DamagedStore(self._db, folder, clock)
        self.lookups = LookupTable(self._db, clock)
        self.uploads = UploadTable(self._db)
        self.runs = RunTable(self._db)
        self.expected = ExpectedResults(self._db, self.runs, clock)
        self._leases = LeaseWatch(self._db, clock, elapsed_s if clock is time.time else clock)

    def close(self) -> None:
        self._db.close()

    # Reading.

    def data_version(self) -> int:
        """A number that changes when another process has written; costs microseconds, opens nothing."""
        return int(self._db.execute("PRAGMA data_version").fetchone()[0])

    def get(self, job_id: str) -> JobRecord:
        for job in self._jobs("WHERE id = ?", job_id):
            return job
        raise JobGoneError(f"There is no job {job_id} in {self.folder}. `maquette jobs` lists them.")

    def remote_ids(self, service: str) -> set[str]:
        """The service's jobs that are jobs here already."""
        rows = self._db.execute("SELECT remote_id FROM jobs WHERE service = ?", (service,))
        return {str(row[0]) for row in rows if row[0]}

    def list_jobs(
        self,
        *,
        service: str | None = None,
        session: str | None = None,
        states: Collection[State] | None = None,
        limit: int = -1,
    ) -> list[JobRecord]:
        """Newest first."""
        where, values = ["1"], cast("list[str | int]", [])
        for name, value in (("service", service), ("session", session)):
            if value is not None:
                where.append(f"{name} = ?")
                values.append(value)
        if states is not None:
            where.append(f"state IN ({','.join('?' * len(states))})")
            values.extend(states)
        return self._jobs(f"WHERE {' AND '.join(where)} ORDER BY rowid DESC LIMIT ?", *values, limit)

    def changed_since(self, change: int, service: str, limit: int) -> list[JobRecord]:
        """Jobs written after the write numbered `change`, oldest write first."""
        where = f"WHERE change > ? AND {_OF_SERVICE} ORDER BY change LIMIT ?"
        return self._jobs(where, change, service, limit)

    def changed_until(self, change: int, service: str, limit: int) -> list[JobRecord]:
        """Jobs last written before or in the write numbered `change`, newest write first."""
        where = f"WHERE change <= ? AND {_OF_SERVICE} ORDER BY change DESC LIMIT ?"
        return self._jobs(where, change, service, limit)

    def last_change(self) -> int:
        return last_change(self._db)

    def ids(self, service: str) -> set[str]:
        return {str(row[0]) for row in self._db.execute("SELECT id FROM jobs WHERE service = ?", (service,))}

    def count(self, service: str) -> int:
        return self._db.execute("SELECT count(*) FROM jobs WHERE service = ?", (service,)).fetchone()[0]

    def has_work(self, service: str, session: str = "") -> bool:
        """Whether the session's worker has something to do: a working job of its own or one that `adopt`
        takes; for the window's also an open lookup.
        """
        where = f"service = ?1 AND {_IS_WORKING} AND (session = ?3 OR {_IS_LEFT})"
        values = (service, self.clock(), session)
        row = self._db.execute(f"SELECT 1 FROM jobs WHERE {where} LIMIT 1", values)
        return (
            row.fetchone() is not None
            or (not session and self.lookups.has_open(service))
            or self.aside.needs_rebuild(service)
        )

    def list_actionable(self, service: str, limit: int, session: str = "") -> list[JobRecord]:
        """The session's jobs with a step for its worker to take now: cancels, results, then new requests;
        each oldest first.
        """
        values = (service, self.clock(), limit, session)
        return self._jobs(
            f"WHERE service = ?1 AND session = ?4 AND {_IS_DUE} AND state IN {tuple(map(str, WORKING))}"
            " AND state != 'uncertain' AND (state NOT IN ('queued', 'running') OR cancel = 'requested')"
            " ORDER BY cancel != 'requested', state IN ('prepared', 'uploading'), rowid LIMIT ?3",
            *values,
        )

    def _jobs(self, where: str, *values: str | float | None) -> list[JobRecord]:
        rows = self._db.execute(f"SELECT * FROM jobs {where}", values).fetchall()
        return [job_of(row, self._db, self.clock()) for row in rows]

    def job_folder(self, job_id: str) -> Path:
        return self.folder / "jobs" / job_id

    def result_blend(self, job: JobRecord) -> Path:
        """What the job's delivered files became, as it is in use, finished or not: the file to append."""
        return result_blend(self.folder, job.id, finished_key(job.result))

    # Writing.

    def add(self, new: NewJob) -> JobRecord:
        """Write a job down, see `add_all`."""
        return self.add_all([new])[0]

    def add_all(self, jobs: Sequence[NewJob]) -> list[JobRecord]:
        """Write jobs down as prepared, once, all or none; their input files are kept: originals may change.

        Raises StoreError if an id is taken. A process that is killed at this leaves no job.
        """
        parts = [self.job_folder(f"new-{new_id()}") for _ in jobs]
        made: list[Path] = []
        try:
            rows = [self._prepared_row(new, part) for new, part in zip(jobs, parts, strict=True)]
            with transaction(self._db):
                for new, part, row in zip(jobs, parts, rows, strict=True):
                    folder = self.job_folder(new.id)
                    if self._jobs("WHERE id = ?", new.id):
                        raise StoreError(f"{folder} cannot be made for a new job: it is there.")
                    row["change"] = next_change(self._db)
                    names, places = ", ".join(row), ", ".join("?" * len(row))
                    self._db.execute(f"INSERT INTO jobs ({names}) VALUES ({places})", (*row.values(),))
                    shutil.rmtree(folder, ignore_errors=True)  # of a process that was killed here, before
                    made.append(part.rename(folder))
        except BaseException as error:
            # What is no Exception, Ctrl-C say, may come after the commit.
            for left in (*parts, *(made if isinstance(error, Exception) else ())):
                shutil.rmtree(left, ignore_errors=True)
            if isinstance(error, OSError):
                raise StoreError(f"{self.folder} takes no new job: {error.strerror}.") from error
            raise
        return [self.get(new.id) for new in jobs]

    def _prepared_row(self, new: NewJob, folder: Path) -> dict[str, Any]:
        """The row of a job whose input files are kept in `folder`, which is made. Raises OSError."""
        (folder / "input").mkdir(parents=True)
        row: dict[str, Any] = {column.name: getattr(new, column.name) for column in fields(new)}
        row |= {"name": as_text(new.name), "source": as_text(new.source)}
        inputs, files = keep_files(new.inputs, folder, is_quick=self._is_interactive)
        row |= {"inputs": json_text(inputs, files), "input_files": json_text(files)}
        row |= {name: json.dumps(dict(getattr(new, name))) for name in ("placement", "profile")}
        row["state"] = State.PREPARED
        return row | dict.fromkeys(("created_at", "updated_at"), self.clock())

    def move(self, job: JobRecord, state: State, *, lease: str | None = None, **values: Any) -> JobRecord:
        """Bring `job` from the state it was read in to `state`, with other columns, or raise StaleError.

        With `lease` (the worker's name) also LeaseLostError if another worker holds the lease by now.
        """
        check_move(job.state, state)
        values.setdefault("message", REFUSED if job.cancel == "refused" else "")
        values.setdefault("error_kind", "")
        values.setdefault("resume_state", None)
        return self._write(job, lease, state=state, **values)

    def update(self, job: JobRecord, *, lease: str | None = None, **values: Any) -> JobRecord:
        """Write columns of a job that stays in its state, or raise StaleError as `move` does."""
        return self._write(job, lease, **values)

    def _write(self, job: JobRecord, lease: str | None, **values: Any) -> JobRecord:
        # What spends is not begun once a person has asked to cancel, be it since the job was read.
        unless = " AND cancel = ''" if values.get("state") is State.SUBMITTING else ""
        for name in JSON_COLUMNS:
            if name in values:
                values[name] = json_text(values[name])
        if self.clock() < job.updated_at:  # set back since: what was put off until then would wait too long
            values.setdefault("not_before", 0.0)
        unknown = values.keys() - set(COLUMNS)
        assert not unknown, unknown
        remote_id = values.get("remote_id")
        with transaction(self._db):
            of_session: tuple[str, ...] = ()
            if lease is not None:
                of_session = (self._session_of(job.service, lease),)
                unless += " AND session = ?"
            taken = "service = ? AND remote_id = ? AND id != ?"
            if remote_id is not None and self._jobs(f"WHERE {taken}", job.service, remote_id, job.id):
                raise RemoteTakenError(f"The service's job {remote_id} is another job's here.")
            values |= {"updated_at": self.clock(), "change": next_change(self._db)}
            changes, where = ", ".join(f"{name} = ?" for name in values), f"id = ? AND state = ?{unless}"
            done = self._db.execute(
                f"UPDATE jobs SET {changes} WHERE {where}", (*values.values(), job.id, job.state, *of_session)
            )
            if done.rowcount != 1:
                raise StaleError(f"job {job.id} is no longer {job.state} and ours, or is to be canceled")
        return self.get(job.id)

    def is_left(self, job: JobRecord) -> bool:
        """Whether the job is under way in a session that has ended: none of its processes works on it."""
        return job.is_working and not self.is_lease_alive(job.service, job.session)

    def is_gone(self, job: JobRecord) -> bool:
        """Whether the files of a finished job's result are gone; `resume` fetches them for nothing."""
        return is_result_gone(job, self.job_folder(job.id))

    def would_spend(self, job: JobRecord) -> bool:
        """Whether `resume` of the job leads to a payment: it was not submitted, or was not found."""
        if job.state in UNPAID:
            return self.is_left(job)
        return job.resume_state is State.PREPARED and not job.doubts

    def resume(self, job: JobRecord, session: str = "", *, may_spend: bool = False) -> JobRecord:
        """`session` takes a stopped job up where nothing is paid twice, or one that an ended session left
        before it was paid. Raises StoreError.

        What would be submitted is not without `may_spend`, which is for a person to say: of an uncertain
        job nobody else can know that it was not paid for.
        """
        if self.would_spend(job) and not may_spend:
            raise WouldSpendError(f"{job.name} would be submitted, which is paid for. {job.message}".strip())
        if job.state in UNPAID and self.is_left(job):
            return self.update(job, session=session, not_before=0.0)
        if job.resume_state is None and job.is_working and job.not_before and job.state not in UNPAID:
            return self.update(job, not_before=0.0)  # it waits for another try: no longer
        if job.resume_state is None and not self.is_gone(job):
            raise StoreError(f"{job.name} is {job.state}: there is nothing to resume.")
        if job.doubts:
            raise InDoubtError(f"{job.name} is not submitted again. {job.message}")
        if job.state is State.EXPIRED and job.result and is_result_there(job, self.job_folder(job.id)):
            return self.move(job, State.READY)
        anew = dict[str, Any](not_before=0.0, progress=None, finished_at=None, cancel="", session=session)
        if job.state is State.UNCERTAIN:  # it may have shown up since: it is looked for once more before that
            return self.update(job, resume_state=None, message="", attempts=ASKED_AGAIN, **anew)
        return self.move(job, job.resume_state or State.DOWNLOADING, attempts=0, **anew)

    def request_cancel(self, job: JobRecord) -> JobRecord:
        """Stop a job that is not submitted; a submitted one is asked of the service, which may refuse.

        Raises StoreError if it is not under way.
        """
        if job.state in UNPAID or (job.state is State.UNCERTAIN and job.resume_state):
            values = {"message": f"Given up in doubt. {job.message}"} if job.doubts else {}
            return self.move(job, State.CANCELED, finished_at=self.clock(), **values)
        if not job.is_working:
            raise StoreError(f"{job.name} is {job.state}: there is nothing to cancel.")
        if job.state in (State.DOWNLOADING, State.CONVERTING):
            return self.update(job, cancel="refused", message=REFUSED)
        return self.update(job, cancel="requested")

    def remove(self, job: JobRecord) -> None:
        """Forget a finished job and delete its files; StoreError while it is under way."""
        with transaction(self._db):
            done = self._db.execute(f"DELETE FROM jobs WHERE id = ? AND NOT ({_IS_WORKING})", (job.id,))
            next_change(self._db)
        if done.rowcount != 1:
            advice = "it was asked to stop, let it end" if job.cancel else "cancel it or let it finish"
            raise StoreError(f"{job.name} is {job.state}: {advice} first.")
        trash = self.folder / "trash"
        trash.mkdir(exist_ok=True)
        with contextlib.suppress(OSError):  # something in it is in use (Windows): it stays
            self.job_folder(job.id).rename(trash / job.id)
        if not self._is_interactive:
            self.empty_trash()

    def empty_trash(self) -> None:
        """Delete the files of removed jobs; takes a while where they are large."""
        shutil.rmtree(self.folder / "trash", ignore_errors=True)

    # The lease: one worker for each session of a service in a store.

    def adopt(self, service: str, session: str = "") -> None:
        """Take over ended sessions' jobs that are paid for; others fail after ABANDONED_S, to be resumed."""
        now, others = self.clock(), json.dumps([session, *self._leases.alive(service)])
        left = f"{_IS_WORKING} AND {_IS_LEFT} AND session NOT IN (SELECT value FROM json_each(?3))"
        if not self._jobs(f"WHERE service = ?1 AND {left}", service, now, others):
            return
        with transaction(self._db):
            for job in self._jobs(f"WHERE service = ?1 AND {left}", service, now, others):
                # That a person asked to submit an uncertain job anew (ASKED_AGAIN) was for that session.
                values: dict[str, Any] = {"session": session, "attempts": max(0, job.attempts)}
                if job.state in UNPAID:
                    values = {"state": State.FAILED, "resume_state": State.PREPARED, "message": LEFT}
                    values |= {"error_kind": ErrorKind.LEFT, "finished_at": now, "progress": None}
                values |= {"updated_at": now, "change": next_change(self._db)}
                changes = ", ".join(f"{name} = ?" for name in values)
                self._db.execute(f"UPDATE jobs SET {changes} WHERE id = ?", (*values.values(), job.id))

    def take_lease(self, service: str, owner: str, session: str = "") -> bool:
        """Take or renew the lease; False while another worker's is alive."""
        now = self.clock()
        with transaction(self._db):
            done = self._db.execute(
                "INSERT INTO lease (service, session, owner, renewed_at) VALUES (?1, ?6, ?2, ?3)"
                " ON CONFLICT DO UPDATE SET owner = ?2, renewed_at = ?3,"
                " trouble = iif(owner = ?2, trouble, ''), trouble_kind = iif(owner = ?2, trouble_kind, '')"
                " WHERE owner = ?2 OR renewed_at < ?4 OR renewed_at > ?5",
                (service, owner, now, now - LEASE_S, now + LEASE_S, session),
            )
        return done.rowcount == 1

    def drop_lease(self, service: str, owner: str) -> None:
        self._db.execute("DELETE FROM lease WHERE service = ? AND owner = ?", (service, owner))

    def is_lease_alive(self, service: str, session: str = "") -> bool:
        return session in self._leases.alive(service)

    def alive_lease(self, service: str, session: str) -> float | None:
        """When the session's lease was renewed; None where there is none, or a dead one."""
        return self._leases.alive(service).get(session)

    def _session_of(self, service: str, owner: str) -> str:
        """The session whose lease the worker `owner` holds; raises LeaseLostError."""
        where = "WHERE service = ? AND owner = ?"
        row = self._db.execute(f"SELECT session FROM lease {where}", (service, owner)).fetchone()
        if row is None:
            raise LeaseLostError(f"another worker has taken over {self.folder}")
        return str(row[0])

    def set_trouble(self, service: str, owner: str, text: str, kind: str) -> None:
        """Tell whoever watches what keeps the worker from going on; empty: all is well."""
        changes = "trouble = ?, trouble_kind = ? WHERE service = ? AND owner = ?"
        self._db.execute(f"UPDATE lease SET {changes}", (text, kind, service, owner))

    def get_trouble(self, service: str, session: str = "") -> tuple[str, str]:
        """(text for a person, class name of the error) or two empty strings."""
        wanted = "trouble, trouble_kind FROM lease WHERE service = ? AND session = ?"
        row = self._db.execute(f"SELECT {wanted}", (service, session)).fetchone()
        return ("", "") if row is None else (str(row[0]), str(row[1]))
