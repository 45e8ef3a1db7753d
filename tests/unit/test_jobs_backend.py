# SPDX-License-Identifier: GPL-3.0-or-later
"""What the window works with: jobs and answers, read a little at a time, and lookups, which spend nothing."""

import io
import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from maquette.client import InputError, Model, NetworkError, SignInError
from maquette.jobs import Backend, InputFile, JobRecord, NewJob, State, Store, StoreError
from maquette.jobs.catalogue import ANSWERS
from maquette.jobs.job_cache import BATCH
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
    """A backend, and a worker on the same store that is run by hand."""

    def __init__(self, folder: Path, *, is_signed_in: bool = True) -> None:
        self.clock = Clock()
        self.service = Service(self.clock)
        self.service.models = dict(MODELS)
        self.other = Store(folder, clock=self.clock)
        self.starts = 0
        self.folder, self.is_signed_in = folder, is_signed_in
        self.backend = self.open()

    def open(self) -> Backend:
        return Backend(self.folder, "s", self._start if self.is_signed_in else None, clock=self.clock)

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
            self.backend.tick()
        self.other.drop_lease("s", worker.name)
        worker.close()

    def schemas(self) -> int:
        """Of how many models the inputs are known."""
        return sum(self.backend.catalogue.schema(model) is not None for model in MODELS)

    def settle(self) -> None:
        """Ticks until nothing more is read."""
        revision = -1
        while revision != self.backend.revision:
            revision = self.backend.revision
            self.backend.tick()


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path / "state")


def test_history_comes_newest_first_in_small_pieces_and_news_at_once(tmp_path: Path) -> None:
    Store(tmp_path / "state").close()
    room = Room(tmp_path / "state")
    old = room.add(2 * BATCH + 5)
    backend = room.backend = room.open()
    first = backend.tick()
    assert len(first) == BATCH
    assert backend.jobs.order[0] == old[-1].id
    (new,) = room.add()
    assert new.id in {job.id for job in backend.tick()}
    room.settle()
    assert backend.jobs.order == [job.id for job in reversed([*old, new])]
    assert backend.tick() == []
    room.other.add(NewJob(name="n", model_id="m", inputs={}, service="elsewhere"))
    assert backend.tick() == []
    assert len(backend.jobs.by_id) == len(old) + 1


def test_what_others_change_and_remove_is_seen(room: Room) -> None:
    one, two = room.add(2)
    room.settle()
    assert room.backend.has_work()
    room.other.request_cancel(one)
    revision = room.backend.revision
    assert [job.state for job in room.backend.tick()] == [State.CANCELED]
    room.other.remove(room.other.get(one.id))
    assert room.backend.tick() == []
    assert room.backend.jobs.order == [two.id]
    assert room.backend.revision == revision + 2


def test_what_the_artist_wishes_is_written_through_and_shown_at_once(room: Room) -> None:
    job = room.backend.jobs.add(NewJob(name="n", model_id="m", inputs={}, service="s"))
    assert room.backend.jobs.order == [job.id]
    assert room.backend.has_work()
    room.backend.tick()
    assert room.starts == 1
    job = room.backend.jobs.cancel(job)
    assert not room.backend.has_work()
    with pytest.raises(StoreError, match="nothing to resume"):
        room.backend.jobs.resume(job)
    room.backend.jobs.remove(job)
    assert room.backend.jobs.by_id == {}
    assert (room.folder / "trash" / job.id).is_dir()
    room.other.empty_trash()
    assert not (room.folder / "trash").exists()


def test_a_placed_job_stays_placed_and_its_duration_is_learnt(room: Room) -> None:
    (job,) = room.add()
    states = (State.UPLOADING, State.SUBMITTING, State.QUEUED, State.DOWNLOADING, State.CONVERTING)
    for state in states:
        job = room.other.move(job, state)
    room.settle()
    assert room.backend.jobs.expected_s("m") is None
    job = room.other.move(job, State.READY, finished_at=job.created_at + 40)
    room.settle()
    assert room.backend.jobs.expected_s("m") == 40
    job = room.backend.jobs.mark_placed(job)
    assert room.backend.jobs.mark_placed(job) is job
    assert job.state is State.PLACED


def test_a_job_that_another_blender_placed_is_placed(room: Room) -> None:
    (job,) = room.add()
    states = (State.UPLOADING, State.SUBMITTING, State.QUEUED, State.DOWNLOADING, State.CONVERTING)
    for state in (*states, State.READY):
        job = room.other.move(job, state)
    room.settle()
    room.other.move(job, State.PLACED)
    assert room.backend.jobs.mark_placed(room.backend.jobs.by_id[job.id]).state is State.PLACED


def test_a_job_is_had_before_the_history_has_come_to_it(room: Room) -> None:
    (job,) = room.add()
    assert room.backend.jobs.get(job.id) == job
    assert room.backend.jobs.order == [job.id]
    other = room.other.add(NewJob(name="n", model_id="m", inputs={}, service="elsewhere"))
    with pytest.raises(StoreError, match="belongs to elsewhere"):
        room.backend.jobs.get(other.id)
    with pytest.raises(StoreError, match="no job"):
        room.backend.jobs.get("nothing")


def test_a_cancel_is_not_lost_to_a_worker_that_writes_at_the_same_moment(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    (job,) = room.add()
    real = room.backend.store.get

    def get(job_id: str) -> JobRecord:
        found = real(job_id)
        if found.state is State.PREPARED:
            room.other.move(found, State.UPLOADING)
        return found

    monkeypatch.setattr(room.backend.store, "get", get)
    assert room.backend.jobs.cancel(job).state is State.CANCELED


def test_a_job_that_has_moved_on_says_so(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    (job,) = room.add()
    monkeypatch.setattr(room.backend.store, "get", lambda _id: job)
    room.other.move(job, State.UPLOADING)
    with pytest.raises(StoreError, match="moved on"):
        room.backend.jobs.cancel(job)


def test_a_wish_is_not_lost_when_the_worker_moves_the_job_in_the_same_moment(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    (job,) = room.add()
    room.backend.tick()
    stale = iter([job])
    get = room.backend.store.get
    monkeypatch.setattr(room.backend.store, "get", lambda job_id: next(stale, None) or get(job_id))
    room.other.move(job, State.UPLOADING)
    assert room.backend.jobs.cancel(job).state is State.CANCELED


def test_a_store_that_another_process_holds_fails_in_words(room: Room) -> None:
    other = sqlite3.connect(room.folder / "maquette.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="Try again"):
        room.backend.jobs.add(NewJob(name="n", model_id="m", inputs={}, service="s"))
    other.close()
    assert list((room.folder / "jobs").iterdir()) == []


def test_a_store_that_breaks_is_told_and_does_not_raise(room: Room) -> None:
    room.backend.store.close()
    assert room.backend.tick() == []
    assert "does not answer" in room.backend.trouble


def test_the_worker_s_trouble_is_shown_until_it_is_over(room: Room) -> None:
    room.add()
    assert room.other.take_lease("s", "w")
    room.other.set_trouble("s", "w", "No network.", "NetworkError")
    room.settle()
    assert room.backend.trouble == "No network."
    room.other.set_trouble("s", "w", "", "")
    room.settle()
    assert room.backend.trouble == ""


def test_a_worker_that_cannot_be_kept_running_is_told_until_the_artist_tries_again(tmp_path: Path) -> None:
    def start() -> Any:
        process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"], stdin=subprocess.PIPE)
        process.wait()
        return process

    clock = Clock()
    backend = Backend(tmp_path, "s", start, clock=clock)
    job = backend.jobs.add(NewJob(name="n", model_id="m", inputs={}, service="s"))
    for _ in range(4):
        backend.tick()
        clock.time += 2
    assert "worker.log" in backend.trouble
    backend.jobs.add(NewJob(name="n", model_id="m", inputs={}, service="s"))
    backend.tick()
    assert backend.trouble == ""
    assert backend.jobs.by_id[job.id].state is State.PREPARED
    backend.close()


def test_the_catalogue_brings_the_inputs_and_typical_price_of_each_model(room: Room) -> None:
    room.backend.catalogue.ask_models()
    assert room.backend.has_work()
    room.work(2)
    assert room.backend.catalogue.models.keys() == MODELS.keys()
    room.work(2 * len(MODELS))
    room.settle()
    assert {
        model.id for model in MODELS.values() if room.backend.catalogue.schema(model.id) == model
    } == MODELS.keys()
    told = [model for model in MODELS if room.backend.catalogue.typical_cost_cu(model) is not None]
    assert len(told) == len(MODELS)
    assert not room.backend.has_work()
    assert not room.service.paid
    # Another start of Blender asks nobody: the answers are there.
    calls = room.service.calls.copy()
    room.backend = room.open()
    room.backend.tick()
    room.backend.catalogue.ask_models()
    assert room.schemas() < ANSWERS
    room.settle()
    assert room.schemas() == len(MODELS)
    assert not room.backend.has_work()
    room.work(3)
    assert room.service.calls == calls


def test_the_artist_s_question_comes_before_the_background(room: Room) -> None:
    room.backend.catalogue.ask_models()
    room.work(2)
    chosen = list(MODELS)[30]
    room.backend.catalogue.ask_model(chosen)
    room.backend.catalogue.ask_balance()
    room.work(2)
    assert room.backend.catalogue.schema(chosen)
    assert room.backend.catalogue.balance_cu == 900
    assert room.schemas() <= 3


def test_a_price_is_asked_once_without_the_file(room: Room, tmp_path: Path) -> None:
    inputs: Any = {"image": InputFile(tmp_path / "never-read.png"), "steps": 20}
    key = room.backend.catalogue.ask_price(HUNYUAN, inputs)
    assert room.backend.catalogue.price(key) is None
    assert room.backend.catalogue.ask_price(HUNYUAN, dict(reversed(inputs.items()))) == key
    room.work()
    price = room.backend.catalogue.price(key)
    assert price is not None
    assert (price.cost_cu, price.error) == (2.0, "")
    room.backend.catalogue.ask_price(HUNYUAN, inputs)
    room.work()
    assert room.service.calls["estimate_cost"] == 1
    assert not room.service.paid


def test_an_answer_that_is_an_error_is_told_and_not_asked_in_a_loop(room: Room) -> None:
    room.service.fail["estimate_cost"] = [InputError("steps: too many.")] * 9
    key = room.backend.catalogue.ask_price(HUNYUAN, {})
    for _ in range(5):
        room.work(2)
        room.backend.catalogue.ask_price(HUNYUAN, {})
    price = room.backend.catalogue.price(key)
    assert price is not None
    assert (price.cost_cu, price.error) == (None, "steps: too many.")
    assert room.backend.catalogue.last_error == "steps: too many."
    assert room.backend.catalogue.error("price", key) == "steps: too many."
    assert room.service.calls["estimate_cost"] == 1
    room.backend.ask_again()
    assert room.backend.catalogue.error("price", key) == ""
    room.backend.catalogue.ask_price(HUNYUAN, {})
    room.backend.catalogue.ask_balance()
    room.work()
    assert room.service.calls["estimate_cost"] == 2
    assert room.backend.catalogue.balance_cu == 900


@pytest.mark.parametrize("error", [SignInError("No."), NetworkError("No network", kind="dns")])
def test_without_a_way_to_the_service_the_background_gives_up_at_once(room: Room, error: Exception) -> None:
    room.backend.catalogue.ask_models()
    room.work(2)
    room.service.fail["get_model"] = [error]
    room.work(3)
    assert room.service.calls["get_model"] <= 2
    room.settle()
    assert not room.backend.has_work()
    assert room.backend.catalogue.last_error == ""


def test_an_error_from_before_is_not_believed(room: Room) -> None:
    room.service.fail["get_model"] = [SignInError("No.")]
    room.backend.catalogue.ask_model(HUNYUAN)
    room.work()
    assert room.backend.catalogue.error("model", HUNYUAN) == "No."
    room.clock.time += 1
    room.backend = room.open()
    room.settle()
    assert room.backend.catalogue.error("model", HUNYUAN) == ""
    room.backend.catalogue.ask_model(HUNYUAN)
    room.work()
    assert room.backend.catalogue.schema(HUNYUAN)


def test_an_error_that_nobody_foresaw_is_an_answer_too(room: Room) -> None:
    room.service.fail["get_balance"] = [ZeroDivisionError("x")]
    room.backend.catalogue.ask_balance()
    room.work()
    assert "ZeroDivisionError" in room.backend.catalogue.last_error


def test_a_job_that_was_paid_makes_the_balance_worth_asking_again(room: Room) -> None:
    room.backend.catalogue.ask_balance()
    room.work()
    (job,) = room.add()
    room.settle()
    room.other.request_cancel(room.other.update(job, cost_cu=3.0))
    room.settle()
    room.backend.catalogue.ask_balance()
    room.work()
    assert room.service.calls["get_balance"] == 2


def test_signed_out_nothing_is_asked_and_no_worker_started(tmp_path: Path) -> None:
    room = Room(tmp_path / "state", is_signed_in=False)
    room.add()
    room.backend.catalogue.ask_models()
    room.backend.catalogue.ask_price(HUNYUAN, {})
    room.settle()
    assert len(room.backend.jobs.by_id) == 1
    assert room.other.questions.list_open("s", -1) == []


def test_old_and_abandoned_questions_are_forgotten(room: Room) -> None:
    room.backend.catalogue.ask_price(HUNYUAN, {"steps": 1})
    room.work()
    room.backend.catalogue.ask_balance()
    room.clock.time += 700
    room.backend = room.open()
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
