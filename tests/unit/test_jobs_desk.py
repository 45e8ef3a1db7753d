# SPDX-License-Identifier: GPL-3.0-or-later
"""The desk: what the window knows, read a little at a time, and its questions, which spend nothing."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from maquette.client import InputError, Model, NetworkError, SignInError
from maquette.jobs import Desk, InputFile, JobRecord, NewJob, State, Store, StoreError
from maquette.jobs.desk import ANSWERS, BATCH
from maquette.jobs.lookup_runner import PAUSE_S, made_up_inputs
from maquette.jobs.worker import Worker
from service import Clock, Service

ROOT = Path(__file__).parents[2]
MODELS = {
    entry["id"]: Model.from_json(entry)
    for entry in json.loads((ROOT / "sandbox" / "models3d.json").read_text(encoding="utf-8"))
}
HUNYUAN = "model_hunyuan-3d-v2-1"


class Process:
    """Stands for a worker process that lives."""

    stdin = io.BytesIO()
    returncode: int | None = None

    def poll(self) -> None:
        return None


class Room:
    """A desk, and a worker on the same store that is run by hand."""

    def __init__(self, folder: Path, *, is_signed_in: bool = True) -> None:
        self.clock = Clock()
        self.service = Service(self.clock)
        self.service.models = dict(MODELS)
        self.other = Store(folder, clock=self.clock)
        self.starts = 0
        self.folder, self.is_signed_in = folder, is_signed_in
        self.desk = self.open()

    def open(self) -> Desk:
        return Desk(self.folder, "s", self._start if self.is_signed_in else None, clock=self.clock)

    def _start(self) -> Any:
        self.starts += 1
        return Process()

    def add(self, count: int = 1) -> list[JobRecord]:
        jobs: list[JobRecord] = []
        for _ in range(count):
            jobs.append(self.other.add(NewJob(name="n", model_id="m", inputs={}, service="s")))
            self.clock.time += 0.001
        return jobs

    def work(self, rounds: int = 4) -> None:
        """Some rounds of a worker, and a tick after each."""
        worker = Worker(
            self.other,
            self.service,  # type: ignore[arg-type]
            service="s",
            blender="none",
            clock=self.clock,
        )
        assert worker.take_lease()
        for _ in range(rounds):
            worker.round()
            worker.tasks.wait(10)
            self.clock.time += PAUSE_S
            self.desk.tick()
        self.other.drop_lease("s", worker.name)
        worker.close()

    def settle(self) -> None:
        """Ticks until nothing more is read."""
        revision = -1
        while revision != self.desk.revision:
            revision = self.desk.revision
            self.desk.tick()


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path / "state")


def test_history_comes_newest_first_in_small_pieces_and_news_at_once(tmp_path: Path) -> None:
    Store(tmp_path / "state").close()
    room = Room(tmp_path / "state")
    old = room.add(2 * BATCH + 5)
    desk = room.desk = room.open()
    first = desk.tick()
    assert len(first) == BATCH
    assert desk.order[0] == old[-1].id
    (new,) = room.add()
    assert new.id in {job.id for job in desk.tick()}
    room.settle()
    assert desk.order == [job.id for job in reversed([*old, new])]
    assert desk.tick() == []
    room.other.add(NewJob(name="n", model_id="m", inputs={}, service="elsewhere"))
    assert desk.tick() == []
    assert len(desk.jobs) == len(old) + 1


def test_what_others_change_and_remove_is_seen(room: Room) -> None:
    one, two = room.add(2)
    room.settle()
    assert room.desk.has_work()
    room.other.request_cancel(one)
    revision = room.desk.revision
    assert [job.state for job in room.desk.tick()] == [State.CANCELED]
    room.other.remove(room.other.get(one.id))
    assert room.desk.tick() == []
    assert room.desk.order == [two.id]
    assert room.desk.revision == revision + 2


def test_what_the_artist_wishes_is_written_through_and_shown_at_once(room: Room) -> None:
    job = room.desk.add(NewJob(name="n", model_id="m", inputs={}, service="s"))
    assert room.desk.order == [job.id]
    assert room.desk.has_work()
    room.desk.tick()
    assert room.starts == 1
    job = room.desk.cancel(job)
    assert not room.desk.has_work()
    with pytest.raises(StoreError, match="nothing to resume"):
        room.desk.resume(job)
    room.desk.remove(job)
    assert room.desk.jobs == {}
    assert (room.folder / "trash" / job.id).is_dir()
    room.other.empty_trash()
    assert not (room.folder / "trash").exists()


def test_a_placed_job_stays_placed_and_its_duration_is_learnt(room: Room) -> None:
    (job,) = room.add()
    states = (State.UPLOADING, State.SUBMITTING, State.QUEUED, State.DOWNLOADING, State.CONVERTING)
    for state in states:
        job = room.other.move(job, state)
    room.settle()
    assert room.desk.expected_s("m") is None
    job = room.other.move(job, State.READY, finished_at=job.created_at + 40)
    room.settle()
    assert room.desk.expected_s("m") == 40
    job = room.desk.mark_placed(job)
    assert room.desk.mark_placed(job) is job
    assert job.state is State.PLACED


def test_a_job_that_another_blender_placed_is_placed(room: Room) -> None:
    (job,) = room.add()
    states = (State.UPLOADING, State.SUBMITTING, State.QUEUED, State.DOWNLOADING, State.CONVERTING)
    for state in (*states, State.READY):
        job = room.other.move(job, state)
    room.settle()
    room.other.move(job, State.PLACED)
    assert room.desk.mark_placed(room.desk.jobs[job.id]).state is State.PLACED


def test_a_job_is_had_before_the_history_has_come_to_it(room: Room) -> None:
    (job,) = room.add()
    assert room.desk.get(job.id) == job
    assert room.desk.order == [job.id]
    other = room.other.add(NewJob(name="n", model_id="m", inputs={}, service="elsewhere"))
    with pytest.raises(StoreError, match="belongs to elsewhere"):
        room.desk.get(other.id)
    with pytest.raises(StoreError, match="no job"):
        room.desk.get("nothing")


def test_a_cancel_is_not_lost_to_a_worker_that_writes_at_the_same_moment(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    (job,) = room.add()
    real = room.desk.store.get

    def get(job_id: str) -> JobRecord:
        found = real(job_id)
        if found.state is State.PREPARED:
            room.other.move(found, State.UPLOADING)
        return found

    monkeypatch.setattr(room.desk.store, "get", get)
    assert room.desk.cancel(job).state is State.CANCELED


def test_a_job_that_has_moved_on_says_so(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    (job,) = room.add()
    monkeypatch.setattr(room.desk.store, "get", lambda _id: job)
    room.other.move(job, State.UPLOADING)
    with pytest.raises(StoreError, match="moved on"):
        room.desk.cancel(job)


def test_a_wish_is_not_lost_when_the_worker_moves_the_job_in_the_same_moment(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    (job,) = room.add()
    room.desk.tick()
    stale = iter([job])
    get = room.desk.store.get
    monkeypatch.setattr(room.desk.store, "get", lambda job_id: next(stale, None) or get(job_id))
    room.other.move(job, State.UPLOADING)
    assert room.desk.cancel(job).state is State.CANCELED


def test_a_store_that_another_process_holds_fails_in_words(room: Room) -> None:
    room.other._db.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="Try again"):
        room.desk.add(NewJob(name="n", model_id="m", inputs={}, service="s"))
    room.other._db.execute("ROLLBACK")
    assert list((room.folder / "jobs").iterdir()) == []


def test_a_store_that_breaks_is_told_and_does_not_raise(room: Room) -> None:
    room.desk.store.close()
    assert room.desk.tick() == []
    assert "does not answer" in room.desk.trouble


def test_the_worker_s_trouble_is_shown_until_it_is_over(room: Room) -> None:
    room.add()
    assert room.other.take_lease("s", "w")
    room.other.set_trouble("s", "w", "No network.", "NetworkError")
    room.settle()
    assert room.desk.trouble == "No network."
    room.other.set_trouble("s", "w", "", "")
    room.settle()
    assert room.desk.trouble == ""


def test_a_worker_that_cannot_be_kept_running_is_told_until_the_artist_tries_again(tmp_path: Path) -> None:
    def start() -> Any:
        process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"], stdin=subprocess.PIPE)
        process.wait()
        return process

    clock = Clock()
    desk = Desk(tmp_path, "s", start, clock=clock)
    job = desk.add(NewJob(name="n", model_id="m", inputs={}, service="s"))
    for _ in range(4):
        desk.tick()
        clock.time += 2
    assert "worker.log" in desk.trouble
    desk.add(NewJob(name="n", model_id="m", inputs={}, service="s"))
    desk.tick()
    assert desk.trouble == ""
    assert desk.jobs[job.id].state is State.PREPARED
    desk.close()


def test_the_catalogue_brings_the_inputs_and_typical_price_of_each_model(room: Room) -> None:
    room.desk.ask_models()
    assert room.desk.has_work()
    room.work(2)
    assert room.desk.models.keys() == MODELS.keys()
    room.work(2 * len(MODELS))
    room.settle()
    assert {model.id for model in MODELS.values() if room.desk.schema(model.id) == model} == MODELS.keys()
    told = [model for model in MODELS if room.desk.typical_cost_cu(model) is not None]
    assert len(told) == len(MODELS)
    assert not room.desk.has_work()
    assert not room.service.paid
    # Another start of Blender asks nobody: the answers are there.
    calls = room.service.calls.copy()
    room.desk = room.open()
    room.desk.tick()
    room.desk.ask_models()
    assert len(room.desk._schemas) < ANSWERS
    room.settle()
    assert len(room.desk._schemas) == len(MODELS)
    assert not room.desk.has_work()
    room.work(3)
    assert room.service.calls == calls


def test_the_artist_s_question_comes_before_the_background(room: Room) -> None:
    room.desk.ask_models()
    room.work(2)
    chosen = list(MODELS)[30]
    room.desk.ask_model(chosen)
    room.desk.ask_balance()
    room.work(2)
    assert room.desk.schema(chosen)
    assert room.desk.balance_cu == 900
    assert sum(room.desk.schema(model) is not None for model in MODELS) <= 3


def test_a_price_is_asked_once_without_the_file(room: Room, tmp_path: Path) -> None:
    inputs: Any = {"image": InputFile(tmp_path / "never-read.png"), "steps": 20}
    key = room.desk.ask_price(HUNYUAN, inputs)
    assert room.desk.price(key) is None
    assert room.desk.ask_price(HUNYUAN, dict(reversed(inputs.items()))) == key
    room.work()
    price = room.desk.price(key)
    assert price is not None
    assert (price.cost_cu, price.error) == (2.0, "")
    room.desk.ask_price(HUNYUAN, inputs)
    room.work()
    assert room.service.calls["estimate_cost"] == 1
    assert not room.service.paid


def test_an_answer_that_is_an_error_is_told_and_not_asked_in_a_loop(room: Room) -> None:
    room.service.fail["estimate_cost"] = [InputError("steps: too many.")] * 9
    key = room.desk.ask_price(HUNYUAN, {})
    for _ in range(5):
        room.work(2)
        room.desk.ask_price(HUNYUAN, {})
    price = room.desk.price(key)
    assert price is not None
    assert (price.cost_cu, price.error) == (None, "steps: too many.")
    assert room.desk.last_answer_error == "steps: too many."
    assert room.desk.errors == {("price", key): "steps: too many."}
    assert room.service.calls["estimate_cost"] == 1
    room.desk.ask_again()
    assert room.desk.errors == {}
    room.desk.ask_price(HUNYUAN, {})
    room.desk.ask_balance()
    room.work()
    assert room.service.calls["estimate_cost"] == 2
    assert room.desk.balance_cu == 900


@pytest.mark.parametrize("error", [SignInError("No."), NetworkError("No network", kind="dns")])
def test_without_a_way_to_the_service_the_background_gives_up_at_once(room: Room, error: Exception) -> None:
    room.desk.ask_models()
    room.work(2)
    room.service.fail["get_model"] = [error]
    room.work(3)
    assert room.service.calls["get_model"] <= 2
    room.settle()
    assert not room.desk.has_work()
    assert room.desk.last_answer_error == ""


def test_an_error_from_before_is_not_believed(room: Room) -> None:
    room.service.fail["get_model"] = [SignInError("No.")]
    room.desk.ask_model(HUNYUAN)
    room.work()
    assert room.desk.errors == {("model", HUNYUAN): "No."}
    room.clock.time += 1
    room.desk = room.open()
    room.settle()
    assert room.desk.errors == {}
    room.desk.ask_model(HUNYUAN)
    room.work()
    assert room.desk.schema(HUNYUAN)


def test_an_error_that_nobody_foresaw_is_an_answer_too(room: Room) -> None:
    room.service.fail["get_balance"] = [ZeroDivisionError("x")]
    room.desk.ask_balance()
    room.work()
    assert "ZeroDivisionError" in room.desk.last_answer_error


def test_a_job_that_was_paid_makes_the_balance_worth_asking_again(room: Room) -> None:
    room.desk.ask_balance()
    room.work()
    (job,) = room.add()
    room.settle()
    room.other.request_cancel(room.other.update(job, cost_cu=3.0))
    room.settle()
    room.desk.ask_balance()
    room.work()
    assert room.service.calls["get_balance"] == 2


def test_signed_out_nothing_is_asked_and_no_worker_started(tmp_path: Path) -> None:
    room = Room(tmp_path / "state", is_signed_in=False)
    room.add()
    room.desk.ask_models()
    room.desk.ask_price(HUNYUAN, {})
    room.settle()
    assert len(room.desk.jobs) == 1
    assert room.other.questions.list_open("s", -1) == []


def test_old_and_abandoned_questions_are_forgotten(room: Room) -> None:
    room.desk.ask_price(HUNYUAN, {"steps": 1})
    room.work()
    room.desk.ask_balance()
    room.clock.time += 700
    room.desk = room.open()
    assert room.other.questions.list_open("s", -1) == []
    assert len(room.other.questions.answered_since("s", 0, -1)) == 1
    room.clock.time += 90_000
    room.open()
    assert room.other.questions.answered_since("s", 0, -1) == []


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_made_up_inputs_are_what_the_model_takes(model: Model) -> None:
    service = Service(Clock())
    service.models = MODELS
    assert service.estimate_cost(model.id, made_up_inputs(model)).creative_units
