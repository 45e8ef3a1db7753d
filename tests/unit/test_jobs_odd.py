"""Odd moments and odd rows: what was paid for is found and fetched, and no job's row stops another."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from job_scene import LOST, Scene
from maquette.client import Job, RateLimitedError
from maquette.jobs import JobRecord, NewJob, State, StoreError
from maquette.jobs.leased_store import LeasedStore
from maquette.jobs.worker import Worker
from stored_rows import execute


def turn(scene: Scene, worker: Worker, step_s: float = 1.0) -> bool:
    is_going_on = worker.round()
    worker.tasks.drain()
    scene.clock.time += step_s
    return is_going_on


def work(scene: Scene, rounds: int = 400) -> None:
    worker = scene.worker()
    assert worker.take_lease()
    assert any(not turn(scene, worker) for _ in range(rounds)), "it does not end"
    scene.store.drop_lease("test", worker.name)


def test_a_list_that_was_asked_for_before_a_resume_is_no_look_for_that_job(scene: Scene) -> None:
    scene.step_s = 4.0
    scene.service.fail["answer"] = [LOST]
    scene.service.shows_after_s = 10_000.0
    scene.add()
    job = scene.run()
    assert (job.state, job.resume_state) == (State.UNCERTAIN, State.PREPARED)
    scene.clock.time += 10_000  # by now the service lists it
    scene.service.shows_after_s, scene.service.is_finishing = 0.0, False
    scene.add(inputs={"prompt": "another, which is followed"})
    worker = scene.worker()
    assert worker.take_lease()
    while not scene.service.calls["list_jobs"]:
        turn(scene, worker, 4.0)
    scene.store.resume(scene.store.get(job.id), may_spend=True)  # that list is on its way
    for _ in range(60):
        turn(scene, worker, 4.0)
    assert scene.store.get(job.id).remote_id == "job_1"
    assert scene.service.calls["generate"] == 2


def test_a_result_whose_folder_was_deleted_is_downloaded_all_the_same(scene: Scene) -> None:
    scene.add()
    job = scene.run(until=State.DOWNLOADING)
    shutil.rmtree(scene.store.job_folder(job.id))
    assert scene.run().state is State.READY


@pytest.mark.parametrize("state", [State.READY, State.PLACED])
@pytest.mark.parametrize("is_empty", [False, True])
def test_a_result_whose_files_are_gone_is_fetched_again_by_a_resume(
    scene: Scene, state: State, is_empty: bool
) -> None:
    scene.add()
    job = scene.run()
    if state is State.PLACED:
        job = scene.store.move(job, State.PLACED)
    with pytest.raises(StoreError, match="nothing to resume"):
        scene.store.resume(job)
    blend = scene.store.job_folder(job.id) / "result.blend"
    blend.write_bytes(b"") if is_empty else shutil.rmtree(blend.parent)
    scene.store.resume(job)
    assert scene.run().state is State.READY
    assert blend.read_bytes() == b"BLENDER"
    assert scene.service.calls["generate"] == 1


def test_a_cancel_while_the_service_refuses_for_now_does_not_wait_for_another_try(scene: Scene) -> None:
    scene.service.fail["generate"] = [RateLimitedError("Too many.", retry_after_s=3000.0)]
    job = scene.add()
    worker = scene.worker()
    assert worker.take_lease()
    while not scene.service.calls["generate"]:
        turn(scene, worker)
    scene.store.request_cancel(scene.store.get(job.id))
    turn(scene, worker)
    assert scene.store.get(job.id).state is State.CANCELED


FILE = '"role": "mesh", "name": "m.glb", "sha256": "0"'
ROWS = [
    ("inputs", "{"),
    ("inputs", '{"x": {"$file": 7}}'),
    ("inputs", '{"x": {"$file": "y"}}'),
    ("inputs", "[]"),
    ("input_files", '[{"path": "x"}]'),
    ("input_files", '[{"path": "x", "name": "x", "kind": "image", "objects": [], "more": 1}]'),
    ("sent", "5"),
    ("candidates", "{"),
    ("state", "resting"),
    ("resume_state", "resting"),
    ("files", "[5]"),
    ("files", '[{"path": "x"}]'),
    ("files", f'[{{"path": "../../private.glb", {FILE}}}]'),
    ("files", f'[{{"path": "/private.glb", {FILE}}}]'),
    ("files", f'[{{"path": "result/..", {FILE}}}]'),
    ("result", "5"),
    ("placement", "nothing"),
]


@pytest.mark.parametrize(("column", "value"), ROWS)
def test_an_odd_row_stops_no_other_job_and_what_it_was_paid_for_is_fetched(
    scene: Scene, column: str, value: str
) -> None:
    scene.add()
    odd = scene.run(until=State.CONVERTING)
    execute(scene.store.folder, f"UPDATE jobs SET {column} = ? WHERE id = ?", (value, odd.id))
    good = scene.add(inputs={"prompt": "good"})
    work(scene)
    assert scene.store.get(good.id).state is State.READY
    found = scene.store.get(odd.id)
    assert (found.state, found.error_kind, found.cost_cu) == (State.FAILED, "OddRow", 2.5)
    scene.store.resume(found)
    work(scene)
    assert scene.store.get(odd.id).state is State.READY
    assert scene.service.calls["generate"] == 2


@pytest.mark.parametrize(("column", "value"), ROWS)
@pytest.mark.parametrize("state", [State.PREPARED, State.SUBMITTING])
def test_an_odd_row_is_not_submitted_and_is_not_said_to_be_unpaid(
    scene: Scene, state: State, column: str, value: str
) -> None:
    scene.service.fail["answer"] = [LOST]
    odd = scene.add()
    if state is State.SUBMITTING:
        scene.run(until=state)
    calls = scene.service.calls["generate"]
    execute(scene.store.folder, f"UPDATE jobs SET {column} = ? WHERE id = ?", (value, odd.id))
    work(scene)
    found = scene.store.get(odd.id)
    assert (found.state, found.resume_state) == (State.FAILED, None)
    assert "nothing was paid" not in found.message
    assert ("It may be paid for" in found.message) == (state is State.SUBMITTING)
    assert scene.service.calls["generate"] == calls


def test_a_list_that_cannot_be_taken_over_is_asked_for_with_pauses(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(scene.store.folder, "INSERT INTO aside VALUES ('x', 1)")
    asked: list[float] = []

    def list_jobs(*, updated_after: float) -> Iterator[Job]:
        asked.append(updated_after)
        raise KeyError("kind")

    monkeypatch.setattr(scene.service, "list_jobs", list_jobs)
    worker = scene.worker()
    assert worker.take_lease()
    for _ in range(100):
        turn(scene, worker, 0.25)
    assert len(asked) < 6
    assert "KeyError" in scene.store.get_trouble("test")[0]


def test_a_job_that_moves_on_while_its_defect_is_written_stops_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = scene.add()
    worker = scene.worker()
    assert worker.take_lease()
    real = scene.store.get

    def get(job_id: str) -> JobRecord:
        found = real(job_id)
        monkeypatch.setattr(scene.store, "get", real)
        scene.store.request_cancel(found)
        return found

    def step() -> Any:
        monkeypatch.setattr(scene.store, "get", get)
        raise KeyError("kind")

    LeasedStore(scene.store, "test", worker.name, scene.clock).guarded(job.id, step)
    assert scene.store.get(job.id).state is State.CANCELED


def test_a_name_with_bytes_that_are_no_text_can_be_written_down(scene: Scene) -> None:
    new = NewJob(name="horse\udcff", source="horse\udcff.png", model_id="model_x", inputs={}, service="test")
    job = scene.store.add(new)
    assert (job.name, job.source) == ("horse?", "horse?.png")
