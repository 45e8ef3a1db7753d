# SPDX-License-Identifier: GPL-3.0-or-later
"""The poller learns how long jobs take, asks nothing that it was told, and leaves a busy service alone."""

from dataclasses import replace
from typing import Any

import pytest
from job_scene import LOST, Scene
from maquette.client import (
    InputError,
    Job,
    JobStatus,
    Model,
    NetworkError,
    NotFoundError,
    RateLimitedError,
    ServerError,
)
from maquette.jobs import InputFile, JobRecord, State, Store
from maquette.jobs.poll_schedule import MOST_PAST
from maquette.jobs.record import StoredFile
from maquette.jobs.runs import Run, settings_of
from service import MODEL

FIGURES = {"totalLatencyP50Sec": 60, "totalLatencyP75Sec": 62}
TOLD = {"id": "model_x", "performanceStats": {"variants": [FIGURES]}}


def run_one(scene: Scene, lasts_s: float, **inputs: Any) -> tuple[float, int]:
    """(seconds from its end at the service until the worker knows, lists asked for)"""
    scene.service.lasts_s = lasts_s
    scene.step_s = 0.1
    scene.service.calls.clear()
    scene.add(inputs=inputs or {"prompt": "a horse"})
    worker = scene.worker()
    assert worker.take_lease()
    while scene.store.list_jobs()[0].state in (State.PREPARED, State.UPLOADING, State.SUBMITTING):
        worker.round()
        worker.tasks.drain()
    (remote,) = [one for one in scene.service.jobs.values() if not one.has_ended]
    while scene.store.list_jobs()[0].state in (State.QUEUED, State.RUNNING):
        worker.round()
        worker.tasks.drain()
        scene.clock.time += scene.step_s
    late_s = scene.clock() - remote.created_at - lasts_s
    while worker.round():
        worker.tasks.drain()
    scene.store.drop_lease("test", worker.name)
    assert scene.store.list_jobs()[0].state is State.READY
    return late_s, scene.service.calls["list_jobs"]


def test_after_some_runs_a_job_s_end_is_seen_at_once_with_a_third_of_the_requests(scene: Scene) -> None:
    for _ in range(3):
        run_one(scene, 60.0)
    late_s, lists = run_one(scene, 60.0)
    assert late_s < 1.0
    assert lists <= 0.6 * 30


def test_without_any_run_what_the_service_tells_of_its_model_is_used(scene: Scene) -> None:
    scene.service.models["model_x"] = replace(MODEL, typical_s=Model.from_json(TOLD).typical_s)
    late_s, lists = run_one(scene, 60.0)  # the one request before a submission without files tells it
    assert late_s < 2.0
    assert lists <= 0.6 * 30


def test_what_a_window_was_told_of_a_model_is_not_asked_again(scene: Scene) -> None:
    scene.store.lookups.ask("test", "model", ["model_x"])
    (lookup,) = scene.store.lookups.list_open("test", 1)
    scene.store.lookups.answer("test", lookup, {"model": TOLD, "cost_cu": None})
    late_s, _ = run_one(scene, 60.0, image=InputFile(scene.picture))
    assert late_s < 2.0
    assert scene.service.calls["get_model"] == 0


def test_what_the_list_tells_of_a_result_is_not_asked_again(scene: Scene) -> None:
    scene.add()
    job = scene.run()
    assert (job.state, job.cost_cu) == (State.READY, 2.5)
    assert scene.service.calls["get_job"] == 0
    assert scene.service.calls["get_assets"] == 1


def test_a_result_that_could_not_be_fetched_is_asked_about_anew(scene: Scene) -> None:
    scene.service.fail["get_assets"] = [ServerError("down")]
    scene.add()
    assert scene.run().state is State.READY
    assert scene.service.calls["get_job"] == 1


def test_a_list_that_does_not_tell_the_assets_is_not_the_last_word(scene: Scene) -> None:
    list_jobs = scene.service.list_jobs
    scene.service.list_jobs = lambda **since: [replace(job, asset_ids=()) for job in list_jobs(**since)]
    scene.add()
    assert scene.run().state is State.READY
    assert scene.service.calls["get_job"] == 1


def test_a_service_that_wants_to_be_left_alone_is_left_alone_though_a_job_is_submitted(scene: Scene) -> None:
    scene.service.is_finishing = False
    scene.add(inputs={"prompt": "a horse"})
    worker = scene.worker()
    assert worker.take_lease()

    def go_on(seconds: int) -> None:
        for _ in range(seconds):
            worker.round()
            worker.tasks.drain()
            scene.clock.time += 1.0

    go_on(20)
    scene.service.fail["list_jobs"] = [RateLimitedError("slow down", retry_after_s=60.0)]
    while scene.service.fail["list_jobs"]:
        go_on(1)
    asked = scene.service.calls["list_jobs"]
    scene.add(inputs={"prompt": "a cow"})
    go_on(55)
    assert len(scene.service.paid) == 2
    assert scene.service.calls["list_jobs"] == asked
    go_on(10)
    assert scene.service.calls["list_jobs"] > asked


def test_a_queued_job_s_wait_does_not_count_as_its_run(scene: Scene) -> None:
    """The service may have a hundred others before it."""
    scene.service.is_finishing = False
    scene.add(inputs={"prompt": "a horse"})
    scene.run(until=State.QUEUED)
    ((remote_id, remote),) = scene.service.jobs.items()
    begun_at = remote.created_at + 500.0
    scene.clock.time = begun_at + 90.0
    running = replace(remote, status=JobStatus.IN_PROGRESS, progress=0.5, started_at=begun_at)
    scene.service.jobs[remote_id] = running
    scene.run(until=State.RUNNING)
    done = replace(running, status=JobStatus.SUCCESS, asset_ids=("a",), succeeded_at=begun_at + 80.0)
    scene.service.jobs[remote_id] = done
    job = scene.run()
    assert scene.store.runs.find("test", "model_x", settings_of(job.inputs)) == [Run(500.0, 80.0)]


def test_dates_that_cannot_be_are_no_run(scene: Scene) -> None:
    scene.service.listed = lambda job: replace(job, started_at=job.created_at + 900.0)
    scene.add()
    job = scene.run()
    assert job.state is State.READY
    assert scene.store.runs.find("test", "model_x", settings_of(job.inputs)) == []


@pytest.mark.parametrize("progress", [[0.5, 0.2, 0.9], [1.0, 1.0], [0.1] * 4])
def test_odd_progress_and_a_clock_that_is_set_back_do_not_stop_the_polling(
    scene: Scene, progress: list[float]
) -> None:
    scene.service.is_finishing = False
    scene.add(inputs={"prompt": "a horse"})
    worker = scene.worker()
    assert worker.take_lease()
    for number in range(80):
        for key, job in scene.service.jobs.items():
            told = progress[number // 8 % len(progress)]
            scene.service.jobs[key] = replace(job, status=JobStatus.IN_PROGRESS, progress=told)
        if number == 40:
            scene.service.now = lambda: scene.clock() - 86_400.0
        worker.round()
        worker.tasks.drain()
        scene.clock.time += 1.0
    asked = scene.service.calls["list_jobs"]
    scene.service.is_finishing = True
    assert scene.run(worker=worker).state is State.READY
    assert asked >= 5


# One job's trouble is its own.


def hide_from_lists(scene: Scene, remote_id: str | None) -> None:
    real = scene.service.list_jobs
    scene.service.list_jobs = lambda **since: [job for job in real(**since) if job.id != remote_id]


def run_beside(scene: Scene, other: JobRecord) -> JobRecord:
    """A job that lasts two minutes beside `other`, which does not get on; that one as it is then."""
    scene.service.is_finishing, scene.service.lasts_s = True, 120.0
    added, worker = scene.add(inputs={"prompt": "a cup"}), scene.worker()
    assert worker.take_lease()
    for _ in range(300):
        worker.round()
        worker.tasks.drain()
        scene.clock.time += 1.0
    scene.store.drop_lease("test", worker.name)
    assert scene.store.get(added.id).state is State.READY
    assert scene.store.get_trouble("test") == ("", "")
    return scene.store.get(other.id)


@pytest.mark.parametrize("kind", [ServerError, InputError, RateLimitedError, NetworkError, NotFoundError])
def test_a_job_whose_own_request_fails_keeps_no_other_from_being_followed(
    scene: Scene, kind: type[Exception]
) -> None:
    scene.service.is_finishing = False
    scene.add(inputs={"prompt": "a horse"})
    stuck = scene.run(until=State.QUEUED)
    real = scene.service.list_jobs
    hide_from_lists(scene, stuck.remote_id)
    get_job, asked = scene.service.get_job, []

    def broken(job_id: str) -> Job:
        if job_id != stuck.remote_id:
            return get_job(job_id)
        asked.append(job_id)
        raise kind("This one record is broken.")

    scene.service.get_job = broken  # type: ignore[method-assign]
    stuck = run_beside(scene, stuck)
    assert (stuck.state, stuck.error_kind) == (State.QUEUED, kind.__name__)
    assert "it is asked again. This one record is broken." in stuck.message
    assert len(asked) <= 10
    scene.service.list_jobs = real  # type: ignore[method-assign]
    scene.run()
    stuck = scene.store.get(stuck.id)
    assert (stuck.state, stuck.message) == (State.READY, "")


def test_of_several_jobs_whose_requests_fail_each_has_its_turn(scene: Scene) -> None:
    scene.service.is_finishing = False
    jobs = [scene.add(inputs={"prompt": str(number)}) for number in range(3)]
    scene.service.list_jobs = lambda **_: []
    scene.service.fail["get_job"] = [ServerError("broken")] * 500
    with pytest.raises(AssertionError, match="still"):
        scene.run(rounds=120)
    assert all("broken" in scene.store.get(job.id).message for job in jobs)


def lose_one(scene: Scene) -> JobRecord:
    scene.service.fail["answer"] = [LOST]
    scene.add(inputs={"prompt": "a horse"})
    return scene.run(until=State.UNCERTAIN)


def test_a_candidate_whose_own_request_fails_keeps_no_job_from_being_followed(scene: Scene) -> None:
    scene.service.has_list_inputs = False
    scene.service.fail["get_job"] = [ServerError("broken")] * 500
    lost = run_beside(scene, lose_one(scene))
    assert lost.state is State.UNCERTAIN
    assert scene.run().state is State.READY
    assert "job_1" in [doubt["id"] for doubt in scene.store.get(lost.id).doubts]


def test_a_list_of_new_jobs_that_fails_keeps_no_job_from_being_followed(scene: Scene) -> None:
    lost = lose_one(scene)
    scene.service.fail["list_new_jobs"] = [ServerError("That list is broken.")] * 500
    lost = run_beside(scene, lost)
    assert lost.state is State.UNCERTAIN
    assert "That list is broken." in lost.message
    scene.service.fail.clear()
    scene.run()
    assert (scene.store.get(lost.id).state, scene.store.get(lost.id).remote_id) == (State.READY, "job_1")


# What the service says is believed when it is sure.


def says(scene: Scene, change: Any, *, for_s: float) -> None:
    """From when a job has succeeded, the service tells it otherwise for a while."""
    since: list[float] = []

    def listed(job: Job) -> Job:
        if job.is_success:
            since.append(scene.clock())
            return change(job) if scene.clock() - since[0] <= for_s else job
        return job

    scene.service.listed = listed


@pytest.mark.parametrize("word", [JobStatus.FAILURE, JobStatus.CANCELED])
def test_an_end_without_a_result_that_is_told_once_is_not_believed(scene: Scene, word: JobStatus) -> None:
    says(scene, lambda job: replace(job, status=word, asset_ids=()), for_s=1.0)
    scene.add()
    assert scene.run().state is State.READY


def test_a_job_that_is_in_progress_after_its_success_is_followed_until_it_is_done(scene: Scene) -> None:
    told: list[JobStatus] = []

    def change(job: Job) -> Job:
        told.append(JobStatus.IN_PROGRESS if told else JobStatus.SUCCESS)
        return replace(job, status=told[-1], asset_ids=(), progress=0.5)

    says(scene, change, for_s=900.0)
    scene.add()
    with pytest.raises(AssertionError, match="still running"):
        scene.run(rounds=600)
    assert scene.run().state is State.READY


def test_a_job_that_the_service_shows_only_after_minutes_is_not_given_up(scene: Scene) -> None:
    scene.service.shows_after_s = 240.0
    get_job = scene.service.get_job

    def late(job_id: str) -> Job:
        job = get_job(job_id)
        if job.created_at + 240.0 > scene.clock():
            raise NotFoundError("There is no such job.")
        return job

    scene.service.get_job = late  # type: ignore[method-assign]
    scene.add()
    assert scene.run().state is State.READY
    assert scene.clock() > 240.0


def test_a_word_for_a_status_that_is_not_understood_is_told_and_asked_about_seldom(scene: Scene) -> None:
    word = "laminated" * 9
    scene.service.listed = lambda job: replace(job, status=JobStatus.UNKNOWN, status_word=word)
    scene.add()
    with pytest.raises(AssertionError, match="still queued"):
        scene.run(rounds=900)
    job = scene.store.list_jobs()[0]
    assert f"“{word[:40]}”, which is not understood" in job.message
    asked = scene.service.calls["list_jobs"] + scene.service.calls["get_job"]
    with pytest.raises(AssertionError, match="still queued"):
        scene.run(rounds=900, worker=scene.workers[-1])
    assert scene.service.calls["list_jobs"] + scene.service.calls["get_job"] - asked <= 32
    scene.service.listed = lambda job: job
    assert scene.run().message == ""


# Runs.


def test_runs_with_the_same_settings_come_first_and_the_newest_are_kept(scene: Scene) -> None:
    runs = scene.store.runs
    for seconds in range(200):
        runs.add("s", "m", "other", Run(1.0, float(seconds)))
    assert [run.took_s for run in runs.find("s", "m", "these")] == [199.0 - each for each in range(MOST_PAST)]
    for _ in range(3):
        runs.add("s", "m", "these", Run(0.0, 7.0))
    assert runs.find("s", "m", "these") == [Run(0.0, 7.0)] * 3
    assert runs.find("elsewhere", "m", "these") == []
    assert runs.find("s", "n", "these") == []


def test_runs_are_there_when_the_store_is_opened_again(scene: Scene) -> None:
    run_one(scene, 30.0)
    again = Store(scene.store.folder)
    (run,) = again.runs.find("test", "model_x", settings_of({"prompt": "another"}))
    again.close()
    assert run == Run(0.0, 30.0)


def test_settings_are_alike_whatever_the_words_the_seed_and_the_pictures() -> None:
    picture, other = (StoredFile(f"input/{n}/{n}.png", f"{n}.png", "image") for n in "ab")
    one = settings_of({"image": picture, "prompt": "a", "negativePrompt": "b", "seed": 1, "faces": 4000})
    same = settings_of({"faces": 4000, "image": other, "prompt": "c", "negativePrompt": "", "seed": 2})
    assert one == same
    assert one != settings_of({"image": picture, "prompt": "a", "faces": 40_000})
    assert settings_of({"images": [picture]}) != settings_of({"images": [picture, other]})
