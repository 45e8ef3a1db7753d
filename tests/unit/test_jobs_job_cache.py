# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs as the window has them in memory: read a little at a time, and written through."""

import sqlite3
from pathlib import Path

import pytest
from backend_scene import BackendScene
from maquette.jobs import JobRecord, NewJob, State, Store, StoreError
from maquette.jobs.job_cache import BATCH


def test_history_comes_newest_first_in_small_pieces_and_news_at_once(tmp_path: Path) -> None:
    Store(tmp_path / "state").close()
    opened = BackendScene(tmp_path / "state")
    old = opened.add(2 * BATCH + 5)
    backend = opened.backend = opened.open()
    first = backend.tick()
    assert len(first) == BATCH
    assert backend.jobs.order[0] == old[-1].id
    (new,) = opened.add()
    assert new.id in {job.id for job in backend.tick()}
    opened.settle()
    assert backend.jobs.order == [job.id for job in reversed([*old, new])]
    assert backend.tick() == []
    opened.other.add(NewJob(name="n", model_id="m", inputs={}, service="elsewhere"))
    assert backend.tick() == []
    assert len(backend.jobs.by_id) == len(old) + 1


def test_what_others_change_and_remove_is_seen(opened: BackendScene) -> None:
    one, two = opened.add(2)
    opened.settle()
    assert opened.backend.has_work()
    opened.other.request_cancel(one)
    revision = opened.backend.revision
    assert [job.state for job in opened.backend.tick()] == [State.CANCELED]
    opened.other.remove(opened.other.get(one.id))
    assert opened.backend.tick() == []
    assert opened.backend.jobs.order == [two.id]
    assert opened.backend.revision == revision + 2


def test_what_the_artist_asks_for_is_written_through_and_shown_at_once(opened: BackendScene) -> None:
    job = opened.backend.jobs.add(NewJob(name="n", model_id="m", inputs={}, service="s"))
    assert opened.backend.jobs.order == [job.id]
    assert opened.backend.has_work()
    opened.backend.tick()
    assert opened.starts == 1
    job = opened.backend.jobs.cancel(job)
    assert not opened.backend.has_work()
    with pytest.raises(StoreError, match="nothing to resume"):
        opened.backend.jobs.resume(job)
    opened.backend.jobs.remove(job)
    assert opened.backend.jobs.by_id == {}
    assert (opened.folder / "trash" / job.id).is_dir()
    opened.other.empty_trash()
    assert not (opened.folder / "trash").exists()


def test_a_placed_job_stays_placed_and_its_duration_is_learnt(opened: BackendScene) -> None:
    (job,) = opened.add()
    states = (State.UPLOADING, State.SUBMITTING, State.QUEUED, State.DOWNLOADING, State.CONVERTING)
    for state in states:
        job = opened.other.move(job, state)
    opened.settle()
    assert opened.backend.jobs.expected_s("m") is None
    job = opened.other.move(job, State.READY, finished_at=job.created_at + 40)
    opened.settle()
    assert opened.backend.jobs.expected_s("m") == 40
    job = opened.backend.jobs.mark_placed(job)
    assert opened.backend.jobs.mark_placed(job) is job
    assert job.state is State.PLACED


def ready_job(opened: BackendScene) -> JobRecord:
    (job,) = opened.add()
    states = (State.UPLOADING, State.SUBMITTING, State.QUEUED, State.DOWNLOADING, State.CONVERTING)
    for state in (*states, State.READY):
        job = opened.other.move(job, state)
    opened.settle()
    return job


def test_a_job_that_another_blender_placed_is_placed(opened: BackendScene) -> None:
    job = ready_job(opened)
    opened.other.move(job, State.PLACED)
    assert opened.backend.jobs.mark_placed(opened.backend.jobs.by_id[job.id]).state is State.PLACED


def test_a_job_that_is_finished_anew_is_not_placed_by_what_came_before(opened: BackendScene) -> None:
    job = ready_job(opened)
    opened.other.move(job, State.CONVERTING)
    assert opened.backend.jobs.mark_placed(opened.backend.jobs.by_id[job.id]).state is State.CONVERTING


def test_a_job_is_had_before_the_history_has_come_to_it(opened: BackendScene) -> None:
    (job,) = opened.add()
    assert opened.backend.jobs.get(job.id) == job
    assert opened.backend.jobs.order == [job.id]
    other = opened.other.add(NewJob(name="n", model_id="m", inputs={}, service="elsewhere"))
    with pytest.raises(StoreError, match="belongs to elsewhere"):
        opened.backend.jobs.get(other.id)
    with pytest.raises(StoreError, match="no job"):
        opened.backend.jobs.get("nothing")


def test_a_cancel_is_not_lost_to_a_worker_that_writes_at_the_same_moment(
    opened: BackendScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    (job,) = opened.add()
    real = opened.backend.store.get

    def get(job_id: str) -> JobRecord:
        found = real(job_id)
        if found.state is State.PREPARED:
            opened.other.move(found, State.UPLOADING)
        return found

    monkeypatch.setattr(opened.backend.store, "get", get)
    assert opened.backend.jobs.cancel(job).state is State.CANCELED


def test_a_job_that_has_moved_on_says_so(opened: BackendScene, monkeypatch: pytest.MonkeyPatch) -> None:
    (job,) = opened.add()
    monkeypatch.setattr(opened.backend.store, "get", lambda _id: job)
    opened.other.move(job, State.UPLOADING)
    with pytest.raises(StoreError, match="moved on"):
        opened.backend.jobs.cancel(job)


def test_what_is_asked_for_is_not_lost_when_the_worker_moves_the_job_in_the_same_moment(
    opened: BackendScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    (job,) = opened.add()
    opened.backend.tick()
    stale = iter([job])
    get = opened.backend.store.get
    monkeypatch.setattr(opened.backend.store, "get", lambda job_id: next(stale, None) or get(job_id))
    opened.other.move(job, State.UPLOADING)
    assert opened.backend.jobs.cancel(job).state is State.CANCELED


def test_a_store_that_another_process_holds_fails_in_words(opened: BackendScene) -> None:
    other = sqlite3.connect(opened.folder / "maquette.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="Try again"):
        opened.backend.jobs.add(NewJob(name="n", model_id="m", inputs={}, service="s"))
    other.close()
    assert list((opened.folder / "jobs").iterdir()) == []
