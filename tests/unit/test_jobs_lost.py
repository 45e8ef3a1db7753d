"""A submission whose answer was lost is found whatever the service makes of it, or shown to a person."""

import errno
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from job_scene import LOST, Scene
from maquette.client import UNNAMED, AnswerError, Job, NotFoundError
from maquette.jobs import JobRecord, State, StoreError
from maquette.jobs.candidates import refuse_candidate, take_candidate
from maquette.jobs.database import InDoubtError, WouldSpendError
from maquette.jobs.matching import GRACE_S, WINDOW_S
from maquette.jobs.remote_claims import claim_remote
from maquette.jobs.worker import Worker
from service import Clock, MemoryService


@pytest.fixture
def scene(scene: Scene) -> Scene:
    scene.step_s = 4.0  # a lost job is looked for over minutes
    return scene


def lose_answer(scene: Scene, **values: Any) -> JobRecord:
    """A job whose request arrived and whose answer did not, when the worker has nothing left to do."""
    scene.service.fail["answer"] = [LOST]
    scene.add(**values)
    return scene.run()


def is_found(scene: Scene, job: JobRecord) -> bool:
    is_ready = (job.state, job.remote_id) == (State.READY, "job_1")
    return is_ready and scene.service.calls["generate"] == 1 and len(scene.service.paid) == 1


def rewritten(**change: Callable[[Any], Any]) -> Callable[[Job], Job]:
    """A service that writes some inputs in its own way."""

    def listed(job: Job) -> Job:
        values = {name: change[name](value) if name in change else value for name, value in job.input.items()}
        return replace(job, input={name: value for name, value in values.items() if value != "left out"})

    return listed


def hide(job: Job) -> Job:
    return replace(job, input={}, model_id=None)


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": str.strip},
        {"prompt": lambda text: " ".join(text.split())},
        {"targetFaceNum": str},
        {"image": lambda one: [one]},
        {"images": lambda many: many[0]},
        {"guidance": lambda number: round(number, 7)},
        {"unset": lambda _: "left out"},
    ],
    ids=["trimmed", "spaces", "number as text", "file as list", "list as file", "rounded", "none left out"],
)
def test_a_lost_job_is_found_however_the_service_writes_its_inputs(
    scene: Scene, change: dict[str, Callable[[Any], Any]]
) -> None:
    scene.service.listed = rewritten(**change)
    inputs = {
        "prompt": " a red\n  cup ",
        "targetFaceNum": 4000,
        "image": "asset_7",
        "images": ["asset_8"],
        "guidance": 0.12345678,
        "unset": None,
    }
    assert is_found(scene, lose_answer(scene, inputs=inputs))


def test_a_lost_job_is_found_though_lists_do_not_tell_what_it_was_made_of(scene: Scene) -> None:
    scene.service.has_list_inputs = False
    assert is_found(scene, lose_answer(scene))


@pytest.mark.parametrize("late_s", [75.0, 89.0])
def test_a_lost_job_that_is_listed_late_is_found(scene: Scene, late_s: float) -> None:
    scene.service.shows_after_s = late_s
    assert is_found(scene, lose_answer(scene))


@pytest.mark.parametrize(("created_s", "listed_s"), [(90.0, 0.0), (90.0, 75.0), (170.0, 85.0)])
def test_a_lost_job_that_comes_to_be_late_is_found(scene: Scene, created_s: float, listed_s: float) -> None:
    service = scene.service
    service.fail["generate"] = [LOST]
    service.shows_after_s = listed_s
    scene.add()
    job = scene.run(until=State.UNCERTAIN)
    scene.clock.time -= 100  # what `run` lets a dead worker's lease end by
    lost_at = scene.clock.time
    worker = scene.worker()
    scene.store.drop_lease("test", scene.workers[0].name)
    made = False
    for _ in range(600):
        if not made and scene.clock.time >= lost_at + created_s:
            service.make("model_x", job.sent)
            made = True
        assert worker.take_lease()
        if not worker.round():
            break
        worker.tasks.wait(10)
        scene.clock.time += scene.step_s
    scene.store.drop_lease("test", worker.name)
    assert is_found(scene, scene.store.get(job.id))


def test_nothing_was_paid_is_said_only_when_no_job_can_come_any_more(scene: Scene) -> None:
    scene.service.fail["generate"] = [LOST]
    scene.add()
    job = scene.run()
    assert (job.state, job.resume_state) == (State.UNCERTAIN, State.PREPARED)
    assert "nothing was paid" in job.message
    assert job.submitted_at and job.lost_at
    assert job.lost_at >= job.submitted_at
    assert scene.clock.time > job.lost_at + WINDOW_S + GRACE_S


def until_lost(scene: Scene) -> Any:
    """A worker that has just noted that the answer was lost."""
    worker = scene.worker()
    assert worker.take_lease()
    while scene.store.list_jobs()[0].lost_at is None:
        worker.round()
        worker.tasks.drain()
        scene.clock.time += 1.0
    return worker


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_host_whose_clock_is_ahead_does_not_shorten_the_wait_for_a_lost_job(
    scene: Scene, is_killed: bool
) -> None:
    """Its first list tells the right time, and the next ones ten minutes more."""
    scene.step_s = 1.0
    scene.service.fail["answer"] = [LOST]
    scene.service.shows_after_s = 89.0
    scene.add()
    worker = until_lost(scene)
    real = scene.service.last_answer_at
    scene.service.last_answer_at = lambda: (real() or 0.0) + 600.0  # type: ignore[method-assign]
    if is_killed:
        scene.store.drop_lease("test", worker.name)
        worker = scene.worker()
    assert is_found(scene, scene.run(worker=worker))


def test_a_wait_that_an_earlier_worker_has_begun_goes_on(scene: Scene) -> None:
    scene.service.fail["generate"] = [LOST]
    scene.add()
    worker = until_lost(scene)
    scene.store.drop_lease("test", worker.name)
    scene.clock.time += WINDOW_S + GRACE_S
    began = scene.clock()
    assert scene.run().resume_state is State.PREPARED
    assert scene.clock() - began < 60.0


def test_a_new_worker_believes_no_list_before_the_service_has_told_its_time(scene: Scene) -> None:
    """Its own clock may be hours ahead, and the list older than the job."""
    scene.service.fail["answer"] = [LOST]
    scene.service.shows_after_s = 60.0
    scene.add()
    scene.run(until=State.UNCERTAIN)
    scene.service.answered_at = None
    real = scene.service.now
    scene.service.now = lambda: real() + 7200.0  # type: ignore[method-assign]
    assert is_found(scene, scene.run())


def test_a_job_whose_type_is_another_is_found(scene: Scene) -> None:
    real = scene.service.make
    scene.service.make = lambda *given, **more: real(*given, **more, type="splat")  # type: ignore
    assert is_found(scene, lose_answer(scene))


# In doubt.


def in_doubt(scene: Scene) -> JobRecord:
    """The service never tells what its jobs are made of."""
    scene.service.listed = hide
    job = lose_answer(scene)
    assert job.state is State.UNCERTAIN
    return job


def test_what_cannot_be_told_from_ours_is_shown_with_its_id_link_and_time(scene: Scene) -> None:
    job = in_doubt(scene)
    (doubt,) = job.doubts
    assert doubt["id"] == "job_1"
    assert doubt["url"] == "https://api.test/v1/jobs/job_1"
    assert doubt["created_at"] == scene.service.jobs["job_1"].created_at
    for word in ("job_1", "https://api.test/v1/jobs/job_1", "2027-01-15 08:00:", f"--take {job.id} job_1"):
        assert word in job.message
    assert "nothing was paid" not in job.message
    assert job.committed_cu == (job.estimate_cu or 0.0)
    assert not job.is_working
    assert scene.service.calls["generate"] == 1


def test_a_job_in_doubt_is_not_submitted_again(scene: Scene) -> None:
    job = in_doubt(scene)
    with pytest.raises(InDoubtError, match="job_1"):
        scene.store.resume(job, may_spend=True)
    assert scene.run().state is State.UNCERTAIN
    assert scene.service.calls["generate"] == 1


def test_a_person_takes_a_candidate_and_its_result_comes(scene: Scene) -> None:
    job = in_doubt(scene)
    assert take_candidate(scene.store, job, "job_1").state is State.QUEUED
    job = scene.run()
    assert is_found(scene, job)


def test_a_person_refuses_a_candidate_and_then_may_have_it_submitted_again(scene: Scene) -> None:
    job = in_doubt(scene)
    job = refuse_candidate(scene.store, job, "job_1")
    assert job.doubts == []
    assert "nothing was paid" in job.message
    with pytest.raises(WouldSpendError):
        scene.store.resume(job)
    scene.store.resume(job, may_spend=True)
    job = scene.run()
    assert (job.state, job.remote_id) == (State.READY, "job_2")


def test_only_a_candidate_can_be_taken_or_refused(scene: Scene) -> None:
    job = in_doubt(scene)
    for decide in (take_candidate, refuse_candidate):
        with pytest.raises(StoreError, match=r"no candidate job_9.*job_1"):
            decide(scene.store, job, "job_9")
    take_candidate(scene.store, job, "job_1")
    with pytest.raises(StoreError, match="queued"):
        refuse_candidate(scene.store, scene.store.get(job.id), "job_1")


def test_a_job_given_up_in_doubt_still_says_what_it_may_be(scene: Scene) -> None:
    job = scene.store.request_cancel(in_doubt(scene))
    assert job.state is State.CANCELED
    assert "job_1" in job.message


def test_a_cancel_of_a_job_in_doubt_does_not_say_that_nothing_was_paid(scene: Scene) -> None:
    scene.service.listed = hide
    scene.service.fail["answer"] = [LOST]
    scene.add()
    scene.store.request_cancel(scene.run(until=State.UNCERTAIN))
    job = scene.run()
    assert job.state is State.UNCERTAIN
    assert [doubt["id"] for doubt in job.doubts] == ["job_1"]


def test_a_job_of_an_unknown_model_is_shown(scene: Scene) -> None:
    scene.service.listed = lambda job: replace(job, model_id=None)
    job = lose_answer(scene)
    assert [doubt["id"] for doubt in job.doubts] == ["job_1"]


def test_a_job_that_the_service_does_not_tell_of_alone_is_shown(scene: Scene) -> None:
    scene.service.has_list_inputs = False
    scene.service.fail["get_job"] = [NotFoundError("gone")] * 9
    assert [doubt["id"] for doubt in lose_answer(scene).doubts] == ["job_1"]


def test_our_uploads_and_jobs_of_others_are_no_candidates(scene: Scene) -> None:
    scene.service.fail["generate"] = [LOST]
    scene.add()
    scene.run(until=State.UNCERTAIN)
    scene.clock.time -= 100
    scene.service.make("?", {}, has_model=False, type="upload")
    scene.service.make("model_y", {"prompt": "a cup"})
    scene.clock.time += 100
    job = scene.run()
    assert (job.doubts, job.resume_state) == ([], State.PREPARED)
    assert "nothing was paid" in job.message


def test_many_jobs_in_doubt_are_each_asked_for_alone_twice_at_most(scene: Scene) -> None:
    scene.service.fail["generate"] = [LOST]
    scene.service.listed = hide
    scene.add()
    scene.run(until=State.UNCERTAIN)
    scene.clock.time -= 99
    for _ in range(50):
        scene.service.make("?", {})
    scene.clock.time += 99
    job = scene.run()
    assert len(job.doubts) == 50
    assert scene.service.calls["get_job"] <= 100


def image_as_url(job: Job) -> Job:
    return replace(job, input={**job.input, "image": f"https://cdn.test/{job.input['image']}.png?sig=1"})


def number_clamped(job: Job) -> Job:
    return replace(job, input={**job.input, "targetFaceNum": 5000})


def minute_behind(job: Job) -> Job:
    return replace(job, created_at=job.created_at - 60.0)


def without_id(job: Job) -> Job:
    return replace(job, id=f"{UNNAMED}1", input={}, model_id=None)


@pytest.mark.parametrize("told", [image_as_url, number_clamped, minute_behind, without_id])
def test_a_paid_job_that_is_told_otherwise_is_shown_and_not_called_unpaid(
    scene: Scene, told: Callable[[Job], Job]
) -> None:
    scene.service.listed = told
    job = lose_answer(scene)
    assert (job.state, len(job.doubts)) == (State.UNCERTAIN, 1)
    assert "nothing was paid" not in job.message
    with pytest.raises(InDoubtError):
        scene.store.resume(job, may_spend=True)


def test_an_entry_without_an_id_can_be_refused_and_not_be_taken(scene: Scene) -> None:
    scene.service.listed = without_id
    job = lose_answer(scene)
    assert f"--refuse {job.id} {UNNAMED}1" in job.message
    assert "--take" not in job.message
    with pytest.raises(StoreError, match="does not tell its id"):
        take_candidate(scene.store, job, f"{UNNAMED}1")
    assert refuse_candidate(scene.store, job, f"{UNNAMED}1").doubts == []


def lose_two(scene: Scene) -> tuple[JobRecord, JobRecord]:
    """Of two jobs with inputs of their own the first never arrives, and of the second the answer is lost."""
    scene.service.fail["generate"] = [LOST]
    first = scene.add(inputs={"prompt": "a cup"})
    scene.run(until=State.UNCERTAIN)
    scene.clock.time -= 100  # what `run` lets a dead worker's lease end by
    scene.store.drop_lease("test", scene.workers[0].name)
    scene.service.fail["answer"] = [LOST]
    second = scene.add(inputs={"prompt": "a mug"})
    scene.run()
    return scene.store.get(first.id), scene.store.get(second.id)


def test_lost_jobs_of_one_store_are_told_apart_by_what_they_were_made_of(scene: Scene) -> None:
    first, second = lose_two(scene)
    assert (second.state, second.remote_id) == (State.READY, "job_1")
    assert (first.doubts, first.resume_state) == ([], State.PREPARED)
    assert "nothing was paid" in first.message


def test_a_job_that_is_just_what_another_lost_one_sent_is_no_candidate(scene: Scene) -> None:
    """Neither can be taken by itself, as the service's dates do not fit; each is shown for its own."""
    scene.service.listed = minute_behind
    first, second = lose_two(scene)
    assert [doubt["id"] for doubt in second.doubts] == ["job_1"]
    assert (first.doubts, first.resume_state) == ([], State.PREPARED)


def test_the_likeliest_candidate_is_named_first(scene: Scene) -> None:
    scene.service.listed = minute_behind
    scene.service.fail["answer"] = [LOST]
    scene.add()
    job = scene.run(until=State.UNCERTAIN)
    scene.service.make(
        "model_x", {"prompt": "another's"}, created_at=scene.service.jobs["job_1"].created_at - 9
    )
    job = scene.run()
    assert [doubt["id"] for doubt in job.doubts] == ["job_1", "job_2"]
    assert f"--take {job.id} job_1" in job.message


def look_in_vain(scene: Scene) -> JobRecord:
    with pytest.raises(AssertionError, match="still uncertain"):
        scene.run(rounds=400)
    job = scene.store.list_jobs()[0]
    assert "cannot be found out" in job.message
    return job


def test_a_search_that_proves_nothing_for_long_says_so_and_a_cancel_ends_it(scene: Scene) -> None:
    scene.service.fail["answer"] = [LOST]
    scene.service.fail["list_new_jobs"] = [AnswerError("no list")] * 9999
    scene.add()
    look_in_vain(scene)
    scene.store.request_cancel(scene.store.list_jobs()[0])
    job = scene.run()
    assert job.state is State.CANCELED
    assert "may be paid for" in job.message
    scene.store.remove(job)


def test_a_machine_that_sleeps_has_not_looked_in_vain(scene: Scene) -> None:
    scene.service.fail["answer"] = [LOST]
    scene.add()
    scene.service.shows_after_s = 1000.0
    worker = scene.worker()
    scene.run(until=State.UNCERTAIN, worker=worker)
    scene.store.request_cancel(scene.store.list_jobs()[0])
    worker.round()
    worker.tasks.drain()
    scene.clock.time += 4000.0
    assert scene.run(worker=worker).remote_id == "job_1"


def test_a_service_that_never_tells_its_time_proves_nothing(scene: Scene) -> None:
    scene.service.last_answer_at = lambda: None  # type: ignore[method-assign]
    scene.service.fail["generate"] = [LOST]
    scene.add()
    assert look_in_vain(scene).resume_state is None


def test_a_cancel_does_not_cut_a_search_short_that_comes_to_an_end(scene: Scene) -> None:
    scene.service.fail["answer"] = [LOST]
    scene.service.shows_after_s = 80.0
    scene.add()
    scene.store.request_cancel(scene.run(until=State.UNCERTAIN))
    assert scene.run().remote_id == "job_1"


# Nothing that spends without a person.


def test_a_lost_job_is_not_submitted_again_without_a_persons_word(scene: Scene) -> None:
    scene.service.fail["generate"] = [LOST]
    scene.add()
    job = scene.run()
    with pytest.raises(WouldSpendError, match="paid for"):
        scene.store.resume(job)
    assert scene.run().state is State.UNCERTAIN
    assert scene.service.calls["generate"] == 1


def test_a_refused_job_is_not_submitted_again_without_a_word_and_a_paid_one_goes_on(scene: Scene) -> None:
    job = scene.store.move(scene.add(), State.FAILED, resume_state=State.PREPARED)
    with pytest.raises(WouldSpendError):
        scene.store.resume(job)
    for state in (State.UPLOADING, State.SUBMITTING, State.QUEUED, State.DOWNLOADING, State.FAILED):
        job = scene.store.resume(job, may_spend=True) if job.state is State.FAILED else job
        job = scene.store.move(job, state, resume_state=State.DOWNLOADING)
    assert scene.store.resume(job).state is State.DOWNLOADING


# Right before the first byte.


def test_a_machine_that_slept_between_the_intent_and_the_request_sends_nothing(scene: Scene) -> None:
    slept: list[float] = []

    def sleep() -> None:
        if not slept:
            slept.append(600.0)
            scene.clock.time += 600.0

    scene.service.on_connect = sleep
    scene.add()
    worker = scene.worker()
    assert worker.take_lease()
    while scene.store.list_jobs()[0].state is not State.SUBMITTING:
        worker.round()
        worker.tasks.wait(10)
    worker.tasks.wait(10)
    assert scene.service.calls["generate"] == 0
    assert scene.run(worker=worker).state is State.READY  # it was never sent: it waits, and is sent once
    assert len(scene.service.paid) == 1


@contextmanager
def frozen_before_sending(scene: Scene) -> Generator[Worker]:
    """A worker whose thread stands right before the request, its own clock, too; it goes on at the end."""
    is_there, may_go_on = threading.Event(), threading.Event()

    def freeze() -> None:
        if not is_there.is_set():
            is_there.set()
            assert may_go_on.wait(60)

    scene.service.on_connect = freeze
    worker = scene.worker(clock=Clock())
    assert worker.take_lease()
    while not is_there.is_set():
        worker.round()
        is_there.wait(0.05)
    try:
        yield worker
    finally:
        may_go_on.set()
        worker.tasks.wait(60)


def test_a_worker_that_thaws_after_another_took_over_and_a_person_resumed_sends_nothing(scene: Scene) -> None:
    scene.add()
    with frozen_before_sending(scene) as frozen:
        scene.clock.time += 100
        job = scene.run()
        assert job.resume_state is State.PREPARED
        scene.store.resume(job, may_spend=True)
        assert scene.run().state is State.READY
    frozen.round()
    assert len(scene.service.paid) == 1
    assert scene.store.list_jobs()[0].state is State.READY


def test_what_was_canceled_right_before_the_request_is_not_sent(scene: Scene) -> None:
    scene.add()
    with frozen_before_sending(scene) as frozen:
        scene.store.request_cancel(scene.store.list_jobs()[0])
    assert scene.run(worker=frozen).state is State.CANCELED
    assert scene.service.paid == []


# Twins.


def test_an_answer_with_the_id_of_another_job_is_that_jobs_trouble_alone(scene: Scene) -> None:
    """The second job is looked for, and the service has another for it."""
    real = scene.service.generate
    answers: list[Any] = []

    def generate(*given: Any, **more: Any) -> Any:
        answers.append(real(*given, **more))
        return answers[0]

    scene.service.generate = generate  # type: ignore[method-assign]
    scene.add(inputs={"prompt": "one"})
    scene.run()
    scene.add(inputs={"prompt": "two"})
    scene.run()
    jobs = scene.store.list_jobs()
    assert [(job.state, job.remote_id) for job in jobs] == [(State.READY, "job_2"), (State.READY, "job_1")]
    assert len(scene.service.paid) == 2


def test_a_lost_job_and_its_equal_twin_in_another_session_have_one_each(scene: Scene) -> None:
    """The twin's job is there, its answer is not: if it is taken, the other one is left to the twin."""
    scene.service.is_finishing = False
    scene.service.fail["answer"] = [LOST]
    scene.add()
    lost = scene.run(until=State.UNCERTAIN)
    scene.service.jobs["job_1"] = replace(scene.service.jobs["job_1"], created_at=scene.clock.time + 50)
    twin = scene.add()
    for state in (State.UPLOADING, State.SUBMITTING):
        twin = scene.store.move(twin, state, sent=lost.sent, submitted_at=scene.clock.time)
    made = scene.service.make("model_x", lost.sent)
    with pytest.raises(AssertionError):
        scene.run(rounds=10)
    scene.clock.time += 60
    scene.service.is_finishing = True
    scene.run()
    by_id = {job.id: job for job in scene.store.list_jobs()}
    assert {by_id[lost.id].remote_id, by_id[twin.id].remote_id} == {"job_1", made.id}
    assert {job.state for job in by_id.values()} == {State.READY}


def test_two_machines_whose_requests_are_equal_do_not_take_each_others_job(tmp_path: Path) -> None:
    clock = Clock()
    service = MemoryService(clock)
    shared = tmp_path / "batch"
    machines = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        machine = Scene(tmp_path / name)
        machine.clock = machine.service.clock = clock
        machine.store.clock = clock
        machine.service = service
        machines.append(machine)
    one, two = machines
    inputs = {"prompt": "a cup"}
    service.is_finishing = False
    service.fail["answer"] = [LOST]
    service.shows_after_s = 40.0
    one.add(inputs=inputs, claims=str(shared))
    one.run(until=State.UNCERTAIN)  # its own job is not listed yet
    two.add(inputs=inputs, claims=str(shared))
    two.run(until=State.QUEUED)
    service.is_finishing = True
    service.jobs["job_1"] = replace(service.jobs["job_1"], created_at=clock.time + 30.0)
    first, second = one.run(), two.run()
    assert (first.state, first.remote_id) == (State.READY, "job_1")
    assert (second.state, second.remote_id) == (State.READY, "job_2")
    assert len(service.paid) == 2
    for machine in machines:
        for worker in machine.workers:
            worker.close()


def test_another_machines_job_is_no_candidate(scene: Scene, tmp_path: Path) -> None:
    shared = tmp_path / "batch"
    scene.service.listed = hide
    scene.service.fail["generate"] = [LOST]
    scene.add(claims=str(shared))
    job = scene.run(until=State.UNCERTAIN)
    made = scene.service.make("model_x", job.sent, created_at=job.submitted_at)
    assert claim_remote(str(shared), made.id, "a job of another machine's")
    job = scene.run()
    assert (job.doubts, job.resume_state) == ([], State.PREPARED)


def test_a_job_that_was_claimed_before_a_kill_is_hidden_from_the_others_alone(
    scene: Scene, tmp_path: Path
) -> None:
    """The other one, for which it might be, is looked at first."""
    shared = str(tmp_path / "batch")
    scene.service.fail["answer"] = [LOST]
    scene.service.shows_after_s = 60.0
    first = scene.add(inputs={"prompt": "a cup"}, claims=shared)
    scene.run(until=State.UNCERTAIN)
    assert claim_remote(shared, "job_1", first.id)  # and then the worker is killed
    scene.clock.time -= 100  # what `run` lets its lease end by
    scene.store.drop_lease("test", scene.workers[0].name)
    scene.service.fail["generate"] = [LOST]
    second = scene.add(inputs={"prompt": "a mug"}, claims=shared)
    scene.run()
    assert scene.store.get(first.id).remote_id == "job_1"
    second = scene.store.get(second.id)
    assert (second.doubts, second.resume_state) == ([], State.PREPARED)


def test_a_share_that_does_not_answer_loses_no_answer(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "batch").mkdir()
    (tmp_path / "batch" / "remotes").write_text("no folder")
    scene.add(claims=str(tmp_path / "batch"))
    job = scene.run()
    assert (job.state, job.remote_id) == (State.READY, "job_1")


def test_nothing_is_submitted_that_a_share_does_not_take_note_of(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "batch").write_text("no folder")
    scene.add(claims=str(tmp_path / "batch"))
    job = scene.run()
    assert (job.state, job.resume_state) == (State.FAILED, State.PREPARED)
    assert "It was not sent" in job.message
    assert not scene.service.paid
    (tmp_path / "batch").unlink()
    scene.store.resume(job, may_spend=True)
    assert scene.run().state is State.READY
    assert len(scene.service.paid) == 1


def test_a_job_of_the_services_that_is_somebodys_is_not_taken_while_his_file_is_unseen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a share may tell for a moment that has told before that there is no such file."""
    assert claim_remote(str(tmp_path), "job_1", "one")

    def read_text(path: Path, **_: object) -> str:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))

    monkeypatch.setattr(Path, "read_text", read_text)
    with pytest.raises(FileNotFoundError):
        claim_remote(str(tmp_path), "job_1", "two")
