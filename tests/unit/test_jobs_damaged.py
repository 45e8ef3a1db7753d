"""A damaged store is set aside, and a new one is filled from the service's list: nothing is lost or paid."""

import errno
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from maquette.client import JobStatus, ServerError
from maquette.jobs import State, Store, StoreError, Supervisor, WorkerError
from maquette.jobs.blender_pool import BlenderPool
from maquette.jobs.database import DATABASE, mark_damaged
from maquette.jobs.worker import Worker
from service import Clock, MemoryService, fake_blender

ANSWER = {"ok": True, "faces": 12, "objects": 1}


def overwrite(path: Path) -> None:
    path.write_bytes(b"no database at all " * 400)


def spoil_pages(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096 : len(data) - 4096] = b"\xa5" * (len(data) - 8192)
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def mark(path: Path) -> None:
    mark_damaged(path.parent)


DAMAGES = [overwrite, spoil_pages, cut, mark]


@pytest.fixture
def service() -> MemoryService:
    """One with four jobs: two done, one that failed, one under way."""
    made = MemoryService(Clock())
    for _ in range(4):
        made.make("model_x", {"prompt": "a cup"})
        made.clock.time += 60
    ends = [JobStatus.SUCCESS, JobStatus.FAILURE, JobStatus.CANCELED, JobStatus.IN_PROGRESS]
    for job, status in zip(list(made.jobs.values()), ends, strict=True):
        assets = (f"asset_of_{job.id}",) if status is JobStatus.SUCCESS else ()
        made.jobs[job.id] = replace(job, status=status, asset_ids=assets)
    made.is_finishing = False
    return made


def run(store: Store, service: MemoryService, folder: Path, *, rounds: int = 600) -> None:
    worker = Worker(
        store, service, service="s", blenders=BlenderPool(fake_blender(folder, ANSWER)), clock=service.clock
    )
    assert worker.take_lease()
    try:
        for _ in range(rounds):
            if not worker.round():
                break
            worker.tasks.drain()
            service.clock.time += 1
    finally:
        worker.close()
        store.drop_lease("s", worker.name)


def damage(folder: Path, how: Callable[[Path], None], clock: Clock) -> None:
    store = Store(folder, clock=clock)
    for number in range(300):  # more than a page of everything
        store.lookups.ask("s", "price", (str(number),), request=["model_x", {"prompt": "a cup" * 50}])
    store.close()
    how(folder / DATABASE)


@pytest.mark.parametrize("how", DAMAGES, ids=lambda how: how.__name__)
def test_a_damaged_store_is_set_aside_and_rebuilt_from_the_list(
    how: Callable[[Path], None], service: MemoryService, tmp_path: Path
) -> None:
    folder = tmp_path / "state"
    damage(folder, how, service.clock)
    spoilt = (folder / DATABASE).read_bytes()
    store = Store(folder, clock=service.clock)
    (aside,) = folder.glob("damaged-*")
    assert (aside / DATABASE).read_bytes() == spoilt
    assert str(aside) in store.notice
    assert store.has_work("s")
    paid = len(service.paid)
    run(store, service, tmp_path, rounds=5)
    found = {job.remote_id: job for job in store.list_jobs()}
    assert {key: job.state for key, job in found.items()} == {
        "job_1": State.FAILED,
        "job_2": State.FAILED,
        "job_3": State.CANCELED,
        "job_4": State.RUNNING,
    }
    assert all(str(aside) in job.message for job in found.values() if job.state is State.FAILED)
    assert all(job.model_id == "model_x" and job.cost_cu == 2.5 for job in found.values())
    store.resume(found["job_1"])
    service.is_finishing = True
    run(store, service, tmp_path)
    states = {job.remote_id: job.state for job in store.list_jobs()}
    assert (states["job_1"], states["job_4"]) == (State.READY, State.READY)
    assert len(service.paid) == paid and service.calls["generate"] == 0


def test_the_list_is_taken_over_once_and_asked_for_until_it_answers(
    service: MemoryService, tmp_path: Path
) -> None:
    folder = tmp_path / "state"
    damage(folder, overwrite, service.clock)
    service.fail["list_jobs"] = [ServerError("down"), ServerError("down")]
    store = Store(folder, clock=service.clock)
    run(store, service, tmp_path, rounds=60)
    assert len(store.list_jobs()) == 4
    (gone,) = [job for job in store.list_jobs() if job.state is State.CANCELED]
    store.remove(gone)
    run(store, service, tmp_path, rounds=30)
    assert len(store.list_jobs()) == 3
    store.close()
    again = Store(folder, clock=service.clock)
    assert not again.notice


def test_who_has_the_damaged_store_open_is_told_to_start_anew(tmp_path: Path) -> None:
    old = Store(tmp_path / "state")
    mark_damaged(tmp_path / "state")
    new = Store(tmp_path / "state")
    new.lookups.ask("s", "balance")
    old.lookups.ask("s", "balance")
    with pytest.raises(WorkerError, match="set it aside"):
        Supervisor(old, "s", lambda: pytest.fail("no worker is started")).check()


def test_a_store_that_another_process_holds_is_not_taken_for_damaged(tmp_path: Path) -> None:
    Store(tmp_path / "state").close()
    with sqlite3.connect(tmp_path / "state" / DATABASE, isolation_level=None) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="locked"):
            Store(tmp_path / "state", is_interactive=True).lookups.ask("s", "balance")
        other.execute("ROLLBACK")
    other.close()
    assert not list((tmp_path / "state").glob("damaged-*"))


@pytest.mark.skipif(os.name == "nt", reason="every drive of Windows has locks")
@pytest.mark.parametrize(
    ("answer", "said"), [(errno.ENOLCK, "does not let programs lock files"), (0, "database is locked")]
)
def test_a_drive_without_file_locks_is_not_called_a_locked_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: int, said: str
) -> None:
    def lockf(*_: object) -> None:
        if answer:
            raise OSError(answer, os.strerror(answer))

    monkeypatch.setattr("fcntl.lockf", lockf)  # SQLite's own calls do not come by here
    (tmp_path / "state").mkdir()
    with closing(sqlite3.connect(tmp_path / "state" / DATABASE, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match=said):
            Store(tmp_path / "state", is_interactive=True)
