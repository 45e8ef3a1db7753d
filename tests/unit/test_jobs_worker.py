"""The worker takes a job through its life, and pays once whatever happens on the way."""

import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from random import Random
from threading import Event

import pytest
from job_scene import ANSWER, LOST, Scene
from maquette.client import (
    CancelRefusedError,
    InputError,
    JobStatus,
    NetworkError,
    NotFoundError,
    RateLimitedError,
    ScenarioError,
    ServerError,
    SignInError,
    TransferError,
)
from maquette.jobs import InputFile, State, StoreError
from maquette.jobs.poll_schedule import FIRST_SPARE, PAGE_SHARE, RATE
from maquette.jobs.store import ABANDONED_S, LEASE_S, LEFT, REFUSED, LeaseLostError, StaleError
from maquette.jobs.worker import Worker
from service import asset, fake_blender


def test_a_job_ends_ready_with_its_result_on_disk(scene: Scene) -> None:
    scene.add()
    job = scene.run()
    assert job.state is State.READY
    assert job.result == ANSWER
    assert job.cost_cu == 2.5
    assert (scene.store.job_folder(job.id) / "result.blend").read_bytes() == b"BLENDER"
    assert scene.service.paid == [("model_x", {"image": "asset_1", "targetFaceNum": 4000})]


def test_the_converter_is_given_no_secrets(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCENARIO_SDK_API_SECRET", "s3cret")
    scene.add()
    job = scene.run()
    assert "secrets: []" in (scene.store.job_folder(job.id) / "convert.log").read_text()


def test_the_input_may_change_after_the_job_was_prepared(scene: Scene) -> None:
    scene.add()
    scene.picture.unlink()
    assert scene.run().state is State.READY


def test_the_same_file_is_uploaded_once_for_two_jobs(scene: Scene) -> None:
    scene.add()
    scene.run()
    scene.add()
    scene.run()
    assert scene.service.calls["upload"] == 1
    assert len(scene.service.paid) == 2


@pytest.mark.parametrize(
    "until", [State.UPLOADING, State.QUEUED, State.RUNNING, State.DOWNLOADING, State.CONVERTING]
)
def test_a_worker_killed_in_any_state_is_followed_by_one_that_finishes_and_pays_once(
    scene: Scene, until: State
) -> None:
    scene.add()
    if until is State.RUNNING:
        scene.service.is_finishing = False
        job = scene.run(until=State.QUEUED)
        remote = next(iter(scene.service.jobs))
        running = replace(scene.service.jobs[remote], status=JobStatus.IN_PROGRESS, progress=0.4)
        scene.service.jobs[remote] = running
        job = scene.run(until=State.RUNNING)
        assert job.progress == 0.4
        scene.service.is_finishing = True
    else:
        scene.run(until=until)
    assert scene.run().state is State.READY
    assert len(scene.service.paid) == 1


def test_a_submission_whose_answer_is_lost_is_found_in_the_list_and_not_repeated(scene: Scene) -> None:
    scene.service.fail["answer"] = [LOST]
    scene.add()
    job = scene.run()
    assert job.state is State.READY
    assert job.remote_id == "job_1"
    assert scene.service.calls["generate"] == 1
    assert len(scene.service.paid) == 1


def test_a_worker_killed_during_the_post_is_followed_by_one_that_finds_the_job(scene: Scene) -> None:
    scene.add()
    scene.run(until=State.SUBMITTING)
    assert scene.run().state is State.READY
    assert scene.service.calls["generate"] == 1


def test_a_worker_killed_before_the_post_left_is_not_followed_by_a_second_post(scene: Scene) -> None:
    scene.service.fail["generate"] = [LOST]  # the request never arrived, and nobody here can know
    scene.add()
    job = scene.run()
    assert job.state is State.UNCERTAIN
    assert job.resume_state is State.PREPARED
    assert "nothing was paid" in job.message
    assert scene.service.calls["generate"] == 1
    scene.store.resume(job, may_spend=True)  # a person's wish
    assert scene.run().state is State.READY
    assert len(scene.service.paid) == 1


def test_a_lost_job_that_shows_up_late_is_found_and_not_paid_again(scene: Scene) -> None:
    scene.service.fail["generate"] = [LOST]
    scene.add()
    job = scene.run()
    assert job.resume_state is State.PREPARED
    now = scene.clock.time  # the service was slow: it has the request, dated when it came
    assert job.submitted_at
    scene.clock.time = job.submitted_at + 1
    scene.service.make("model_x", job.sent)
    scene.clock.time = now + 3600
    assert scene.store.resume(job, may_spend=True).state is State.UNCERTAIN
    job = scene.run()
    assert (job.state, job.remote_id) == (State.READY, "job_1")
    assert scene.service.calls["generate"] == 1
    assert len(scene.service.paid) == 1


@pytest.mark.parametrize("inputs", [{"prompt": "a horse"}, {"image": "a file"}])
def test_a_worker_that_submits_knows_the_service_s_clock(scene: Scene, inputs: dict[str, str]) -> None:
    """By it a lost job is found again: a computer's own clock may be hours off. Any answer tells it."""
    asked: list[str] = []
    scene.service.on_connect = lambda: asked.extend(scene.service.calls)
    given = {"image": InputFile(scene.picture)} if "image" in inputs else inputs
    job = scene.store.move(scene.add(inputs=given), State.UPLOADING, sent=inputs)
    assert scene.run().state is State.READY
    assert job.sent
    assert asked == (["upload"] if "image" in inputs else ["get_model"])


def test_a_lost_job_is_not_submitted_again_by_itself_however_often_it_was_tried_before(scene: Scene) -> None:
    refused = NetworkError("refused", kind="refused")
    scene.service.fail["generate"] = [refused, refused, LOST]
    scene.add()
    job = scene.run()
    assert (job.state, job.resume_state) == (State.UNCERTAIN, State.PREPARED)
    assert scene.service.calls["generate"] == 3
    assert scene.service.paid == []


@pytest.mark.parametrize("seed", range(10))
def test_whatever_comes_in_whatever_order_nothing_is_paid_twice_and_nothing_lost(
    scene: Scene, seed: int
) -> None:
    """Workers that die or stall for longer than their lease, answers that get lost, a person who meddles."""
    random, service, store = Random(seed), scene.service, scene.store
    for number in range(8):
        scene.add(inputs={"prompt": str(number)})
    workers: list[Worker] = []
    wall_steps = [0.0]  # this computer's clock, which is set now and then
    store.clock = lambda: scene.clock.time + wall_steps[-1]
    service.is_finishing, service.shows_after_s = False, random.choice((0.0, 25.0, 50.0))
    service.fail["answer"] = [LOST] * random.randrange(6)
    troubles = [("answer", LOST), ("generate", LOST), ("generate", NetworkError("no", kind="refused"))]
    troubles += [("generate", RateLimitedError("many")), ("list_jobs", ServerError("500"))]
    troubles += [("cancel_job", CancelRefusedError("no")), ("download", TransferError("broken"))]
    for _ in range(250):
        scene.clock.time += random.choice((0.3, 1.0, 1.0, 3.0, 10.0))
        match random.randrange(12):
            case 0:
                workers += [new] if store.take_lease("test", (new := scene.worker()).name) else []
            case 1 if workers:
                workers.remove(random.choice(workers))
            case 2:
                name, error = random.choice(troubles)
                service.fail.setdefault(name, []).append(error)
            case 3:
                service.is_finishing = not service.is_finishing
                service.shows_after_s = random.choice((0.0, 25.0, 50.0, 85.0))
                service.has_list_inputs = random.choice((True, False))
            case 4:
                for job in store.list_jobs():
                    with suppress(StoreError, StaleError):
                        store.resume(job, may_spend=True)
            case 6 if not random.randrange(3):
                wall_steps.append(random.choice((0.0, -7200.0, -60.0, 120.0, 3600.0)))
            case 5 if not random.randrange(9):
                with suppress(StoreError, StaleError):
                    store.request_cancel(random.choice(store.list_jobs()))
            case _ if workers:
                worker = random.choice(workers)
                try:
                    worker.round()
                    worker.tasks.wait(5)
                except LeaseLostError:
                    workers.remove(worker)
            case _:
                continue
    service.fail.clear()
    service.is_finishing, service.shows_after_s = True, 0.0
    scene.clock.time += 100
    while True:
        scene.run(rounds=400)
        if not (left := [job for job in store.list_jobs() if job.resume_state]):
            break
        for job in left:
            store.resume(job, may_spend=True)
    paid = Counter(inputs["prompt"] for _, inputs in service.paid)
    assert set(paid.values()) <= {1}
    for job in store.list_jobs():
        assert job.state in (State.READY, State.CANCELED), job
        assert job.state is State.CANCELED or paid[str(job.inputs["prompt"])] == 1


def test_a_cancel_of_a_lost_job_ends_it_if_the_service_does_not_have_it(scene: Scene) -> None:
    scene.service.fail["generate"] = [LOST]
    scene.add()
    job = scene.run(until=State.UNCERTAIN)
    assert scene.store.request_cancel(job).cancel == "requested"
    job = scene.run()
    assert (job.state, job.resume_state) == (State.CANCELED, None)
    assert "nothing was paid" in job.message


def test_a_job_that_the_service_does_not_know_holds_no_other_up(scene: Scene) -> None:
    scene.service.is_finishing = False
    scene.add(inputs={"prompt": "a horse"})
    lost = scene.run(until=State.QUEUED)
    del scene.service.jobs[lost.remote_id or ""]
    scene.add(inputs={"prompt": "a cup"})
    scene.run(until=State.QUEUED)
    with pytest.raises(AssertionError, match="still queued"):
        scene.run(rounds=500)
    lost = scene.store.get(lost.id)
    assert (lost.state, lost.resume_state) == (State.EXPIRED, State.QUEUED)
    assert "there is no job_1" in lost.message
    scene.service.is_finishing = True
    assert scene.run().state is State.READY
    # With the right account again it is there.
    (other,) = scene.service.jobs.values()
    scene.service.jobs[lost.remote_id or ""] = replace(other, id=lost.remote_id or "")
    scene.store.resume(lost)
    scene.run()
    assert scene.store.get(lost.id).state is State.READY
    assert len(scene.service.paid) == 2


def test_a_job_of_somebody_else_with_other_inputs_is_not_taken_for_ours(scene: Scene) -> None:
    scene.service.fail["generate"] = [LOST]
    scene.service.make("model_x", {"image": "asset_of_somebody", "targetFaceNum": 4000})
    scene.service.make("model_y", {"image": "asset_1", "targetFaceNum": 4000})
    scene.add()
    assert scene.run().state is State.UNCERTAIN


def test_two_lost_answers_for_the_same_inputs_find_a_job_each(scene: Scene) -> None:
    scene.service.fail["answer"] = [LOST, LOST]
    scene.add()
    scene.add()
    scene.run()
    jobs = scene.store.list_jobs()
    assert {job.state for job in jobs} == {State.READY}
    assert {job.remote_id for job in jobs} == {"job_1", "job_2"}
    assert len(scene.service.paid) == 2


def test_a_refusal_for_too_many_jobs_is_waited_out_and_paid_once(scene: Scene) -> None:
    scene.service.fail["generate"] = [RateLimitedError("Too many", retry_after_s=7.0)] * 3
    scene.add()
    assert scene.run().state is State.READY
    assert scene.service.calls["generate"] == 4
    assert len(scene.service.paid) == 1


@pytest.mark.parametrize("wait_s", [None, 0.0])
def test_a_service_that_refuses_for_now_and_does_not_say_for_how_long_is_asked_ever_more_seldom(
    scene: Scene, wait_s: float | None
) -> None:
    scene.service.fail["generate"] = [RateLimitedError("Too many", retry_after_s=wait_s)] * 500
    scene.add()
    with pytest.raises(AssertionError, match="still uploading"):
        scene.run(rounds=600)
    assert 10 <= scene.service.calls["generate"] <= 16
    scene.service.fail.clear()
    assert scene.run().state is State.READY
    assert len(scene.service.paid) == 1


def test_a_request_that_never_left_this_machine_is_sent_later(scene: Scene) -> None:
    scene.service.fail["generate"] = [NetworkError("refused", kind="refused")]
    scene.add()
    assert scene.run().state is State.READY
    assert len(scene.service.paid) == 1


@pytest.mark.parametrize(
    ("error", "kind"),
    [(SignInError("Check the key."), "SignInError"), (InputError("image is wrong"), "InputError")],
)
def test_a_refused_request_fails_with_the_services_words_and_can_be_resumed(
    scene: Scene, error: Exception, kind: str
) -> None:
    scene.service.fail["generate"] = [error]
    scene.add()
    job = scene.run()
    assert (job.state, job.error_kind, job.message) == (State.FAILED, kind, str(error))
    assert scene.store.resume(job, may_spend=True).state is State.PREPARED
    assert scene.run().state is State.READY


@pytest.mark.parametrize(
    "error",
    [
        NotFoundError("unknown"),
        InputError("Asset asset_x does not exist"),
        InputError("image: asset_1 is none of yours"),
        InputError("The image was not found"),
    ],
)
def test_an_upload_that_the_service_forgot_is_made_again_on_resume(
    scene: Scene, error: ScenarioError
) -> None:
    scene.add()
    scene.run()
    scene.service.fail["generate"] = [error]
    scene.add()
    job = scene.run()
    assert job.state is State.FAILED
    scene.store.resume(job, may_spend=True)
    assert scene.run().state is State.READY
    assert scene.service.calls["upload"] == 2


def test_a_failed_generation_tells_the_services_reason_and_cannot_be_resumed(scene: Scene) -> None:
    scene.service.final = JobStatus.FAILURE
    scene.add()
    job = scene.run()
    assert job.state is State.FAILED
    assert job.message == "The subject was not found. Use another picture."
    assert job.resume_state is None


def test_a_canceled_generation_is_canceled(scene: Scene) -> None:
    scene.service.final = JobStatus.CANCELED
    scene.add()
    assert scene.run().state is State.CANCELED


def test_a_download_that_failed_is_resumed_without_paying_again(scene: Scene) -> None:
    scene.service.fail["download"] = [TransferError("broken for good")]
    scene.add()
    job = scene.run()
    assert (job.state, job.resume_state) == (State.FAILED, State.DOWNLOADING)
    scene.store.resume(job, may_spend=True)
    assert scene.run().state is State.READY
    assert len(scene.service.paid) == 1


def test_server_trouble_during_transfers_and_polls_is_waited_out(scene: Scene) -> None:
    for name in ("upload", "list_jobs", "get_assets", "download"):
        scene.service.fail[name] = [ServerError("500"), NetworkError("down", kind="dns")]
    scene.add()
    assert scene.run().state is State.READY
    assert scene.store.get_trouble("test") == ("", "")


def test_while_polling_fails_the_trouble_is_told(scene: Scene) -> None:
    scene.service.fail["list_jobs"] = [SignInError("The key is refused.")] * 500
    scene.add()
    with pytest.raises(AssertionError, match="still queued"):
        scene.run(rounds=60)
    assert scene.store.get_trouble("test") == ("The key is refused.", "SignInError")


def test_a_result_that_is_gone_is_expired(scene: Scene) -> None:
    scene.service.assets_gone = True
    scene.add()
    job = scene.run()
    assert job.state is State.EXPIRED
    scene.service.assets_gone = False  # it was late, or is another account's
    scene.store.resume(job, may_spend=True)
    assert scene.run().state is State.READY
    assert len(scene.service.paid) == 1


def test_a_converter_that_crashes_is_a_job_error_and_can_be_tried_again(scene: Scene) -> None:
    scene.blender = fake_blender(scene.folder, None)
    scene.add()
    job = scene.run()
    assert job.state is State.FAILED
    assert "exit code 11" in job.message
    scene.blender = fake_blender(scene.folder, {"ok": False, "error": "The file is empty."})
    scene.store.resume(job, may_spend=True)
    assert scene.run().message == "The file is empty."
    assert scene.service.calls["download"] == 3  # the file may be to blame: by itself, and by the resume


def test_a_file_that_a_power_cut_spoilt_is_downloaded_again_and_not_paid_again(scene: Scene) -> None:
    scene.add()
    job = scene.run(until=State.CONVERTING)
    path = next((scene.store.job_folder(job.id) / "result").iterdir())
    path.write_bytes(b"\0" * path.stat().st_size)
    assert scene.run().state is State.READY
    assert scene.service.calls["download"] == 2
    assert len(scene.service.paid) == 1


def test_a_missing_blender_is_a_clear_job_error(scene: Scene) -> None:
    scene.blender = str(scene.folder / "nowhere")
    scene.add()
    assert "could not be started" in scene.run().message


def test_a_cancel_before_the_submission_costs_nothing(scene: Scene) -> None:
    job = scene.add()
    assert scene.store.request_cancel(job).state is State.CANCELED
    scene.add()
    job = scene.run(until=State.UPLOADING)
    assert scene.store.request_cancel(job).state is State.CANCELED
    assert scene.run().state is State.CANCELED
    assert scene.service.paid == []


def test_a_cancel_that_the_service_refuses_keeps_the_result(scene: Scene) -> None:
    scene.service.is_finishing = False
    scene.service.fail["cancel_job"] = [CancelRefusedError("no")]
    scene.add()
    job = scene.run(until=State.QUEUED)
    scene.store.request_cancel(job)
    with pytest.raises(AssertionError, match="still"):
        scene.run(rounds=20)
    job = scene.store.get(job.id)
    assert (job.cancel, job.message) == ("refused", REFUSED)
    remote = next(iter(scene.service.jobs))
    scene.service.jobs[remote] = replace(scene.service.jobs[remote], status=JobStatus.IN_PROGRESS)
    job = scene.run(until=State.RUNNING)
    assert (job.cancel, job.message) == ("refused", REFUSED)
    scene.service.is_finishing = True
    job = scene.run()
    assert (job.state, job.cancel) == (State.READY, "")
    assert "did not stop it" in job.message


def test_a_cancel_that_the_service_grants_cancels(scene: Scene) -> None:
    scene.service.is_finishing = False
    scene.add()
    job = scene.run(until=State.QUEUED)
    scene.store.request_cancel(job)
    assert scene.run().state is State.CANCELED


def test_sixty_running_jobs_cost_no_more_requests_than_one(scene: Scene) -> None:
    def requests_of(count: int) -> tuple[int, int]:
        scene.service.is_finishing = False
        for _ in range(count):
            scene.add(inputs={"prompt": "a horse"})
        with pytest.raises(AssertionError):
            scene.run(rounds=count * 2 + 10)
        scene.service.calls.clear()
        with pytest.raises(AssertionError):
            scene.run(rounds=120)
        return scene.service.calls["list_jobs"], scene.service.calls["get_job"]

    one = requests_of(1)
    many = requests_of(59)
    assert many[0] <= one[0] * 1.2 + 1
    assert many[1] <= many[0]


def test_a_list_of_three_pages_is_asked_for_more_seldom(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.service.is_finishing = False
    list_own = scene.service.list_jobs
    others = [scene.service.make("model_x", {"prompt": "a cat"}) for _ in range(250)]
    monkeypatch.setattr(scene.service, "list_jobs", lambda **since: [*list_own(**since), *others])
    scene.add(inputs={"prompt": "a horse"})
    with pytest.raises(AssertionError):
        scene.run(rounds=400)
    each = 1 + 2 * PAGE_SHARE
    assert each * scene.service.calls["list_jobs"] <= FIRST_SPARE + 400 * RATE + each


@pytest.mark.parametrize("count", [4, 30])
def test_neither_a_cancel_nor_a_submission_waits_behind_slow_downloads(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    goes_on = Event()
    download = scene.service.download
    monkeypatch.setattr(scene.service, "download", lambda *a, **k: (goes_on.wait(600), download(*a, **k))[1])
    slow = [scene.add() for _ in range(count)]
    for job in slow:
        remote = scene.service.make("model_x", {"prompt": "a cup"})
        for state in (State.UPLOADING, State.SUBMITTING, State.QUEUED, State.DOWNLOADING):
            job = scene.store.move(job, state, **({"remote_id": remote.id} if state is State.QUEUED else {}))
    running = scene.add()
    for state in (State.UPLOADING, State.SUBMITTING, State.QUEUED):
        running = scene.store.move(running, state)
    remote = scene.service.make("model_x", {"prompt": "a horse"}, created_at=scene.clock() + 1e6)
    running = scene.store.move(running, State.RUNNING, remote_id=remote.id)
    worker = scene.worker()
    assert worker.take_lease()
    worker.round()
    new = scene.add()
    scene.store.request_cancel(running)
    try:
        ends_at = time.monotonic() + 60
        while not (scene.service.calls["cancel_job"] and scene.service.calls["generate"]):
            assert time.monotonic() < ends_at
            worker.round()
            worker.tasks.wait(0.01)
        assert scene.service.calls["cancel_job"] == 1
        assert scene.service.calls["generate"] == 1
    finally:
        goes_on.set()
    scene.run(worker=worker)
    assert {scene.store.get(job.id).state for job in [*slow, new]} == {State.READY}
    assert scene.store.get(running.id).state is State.CANCELED


def test_a_second_worker_leaves_the_store_alone(scene: Scene) -> None:
    scene.add()
    first, second = scene.worker(), scene.worker()
    assert first.take_lease()
    assert not scene.store.take_lease("test", second.name)
    scene.clock.time += 100
    assert scene.store.take_lease("test", second.name)
    with pytest.raises(LeaseLostError):
        first.round()
    assert scene.service.paid == []


def test_textures_and_other_formats_of_a_mesh_are_told_apart(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    assets = [
        asset("m1", file_name="../../etc/horse.glb", output_index=0),
        asset("m2", file_name="horse.obj", mime_type="model/obj", parent_id="m1", output_index=1),
        asset("t1", kind="image", type="3d-texture-albedo", mime_type="image/png", parent_id="m2"),
        asset("t2", kind="image", type="3d-texture-normal", mime_type="image/png", file_name="horse.glb"),
    ]
    monkeypatch.setattr(scene.service, "get_assets", lambda _ids: assets)
    scene.add()
    job = scene.run()
    entries = {entry["path"]: entry["role"] for entry in job.files if isinstance(entry, dict)}
    assert entries == {
        "result/horse.glb": "mesh",
        "result/horse.obj": "derived",
        "result/t1.png": "companion",
        "result/3-horse.glb": "companion",
    }


def test_a_worker_submits_its_own_sessions_jobs_alone(scene: Scene) -> None:
    left = scene.add(session="ended")
    windows = scene.add()
    own = scene.add(session="mine")
    assert scene.run(worker=scene.worker("mine")).id == own.id
    assert scene.store.get(own.id).state is State.READY
    assert scene.store.get(left.id).state is State.PREPARED
    assert scene.store.get(windows.id).state is State.PREPARED
    assert len(scene.service.paid) == 1


@pytest.mark.parametrize("until", [State.QUEUED, State.DOWNLOADING, State.CONVERTING])
def test_what_an_ended_session_paid_for_is_brought_by_any_worker(scene: Scene, until: State) -> None:
    job = scene.add(session="ended")
    scene.run(until=until, worker=scene.worker("ended"))
    assert scene.store.has_work("test")
    scene.run()
    assert scene.store.get(job.id).state is State.READY
    assert len(scene.service.paid) == 1


def test_a_lost_submission_of_an_ended_session_is_looked_for_and_not_made_again(scene: Scene) -> None:
    job = scene.add(session="ended")
    scene.service.fail["generate"] = [LOST]
    job = scene.run(until=State.UNCERTAIN, worker=scene.worker("ended"))
    job = scene.store.update(job, resume_state=State.PREPARED)
    scene.store.resume(job, "ended", may_spend=True)
    job = scene.run()
    assert (job.state, job.resume_state) == (State.UNCERTAIN, State.PREPARED)
    assert scene.service.paid == []


def test_a_session_that_is_alive_keeps_its_jobs(scene: Scene) -> None:
    scene.service.is_finishing = False
    scene.add(session="one")
    one, two = scene.worker("one"), scene.worker("two")
    job = scene.run(until=State.QUEUED, worker=one)
    assert scene.store.take_lease("test", one.name, "one")
    assert not scene.store.has_work("test", "two")
    assert two.take_lease()
    assert not two.round()
    assert scene.store.get(job.id).session == "one"


def test_a_worker_that_was_frozen_does_not_write_about_a_job_that_another_session_has_taken(
    scene: Scene,
) -> None:
    scene.service.is_finishing = False
    scene.add(session="frozen")
    frozen = scene.worker("frozen")
    job = scene.run(until=State.QUEUED, worker=frozen)
    other = scene.worker()
    assert other.take_lease()
    for _ in range(round(LEASE_S) + 1):
        scene.clock.time += 1.0
        other.round()
    assert scene.store.get(job.id).session == ""
    with pytest.raises(StaleError) as raised:
        scene.store.move(job, State.DOWNLOADING, lease=frozen.name)
    assert not isinstance(raised.value, LeaseLostError)  # its session's lease is still its own


def test_an_unpaid_job_of_an_ended_session_is_failed_after_a_while_and_resumed_by_a_person_alone(
    scene: Scene,
) -> None:
    job = scene.add(session="ended")
    assert not scene.store.has_work("test")
    scene.clock.time += ABANDONED_S + 1
    job = scene.run()
    assert (job.state, job.resume_state, job.message) == (State.FAILED, State.PREPARED, LEFT)
    assert scene.store.resume(job, "mine", may_spend=True).session == "mine"
    assert not scene.store.has_work("test")
    scene.run(worker=scene.worker("mine"))
    assert scene.store.get(job.id).state is State.READY
    assert len(scene.service.paid) == 1


def test_the_windows_unpaid_job_is_nobody_elses_however_long_it_waits(scene: Scene) -> None:
    job = scene.add()
    scene.clock.time += ABANDONED_S + 1
    assert not scene.store.has_work("test", "mine")
    assert scene.store.get(job.id).state is State.PREPARED
    assert scene.run().state is State.READY


def test_an_unpaid_job_is_resumed_only_where_its_session_has_ended(scene: Scene) -> None:
    scene.add(session="one")
    one = scene.worker("one")
    job = scene.run(until=State.UPLOADING, worker=one)
    assert scene.store.take_lease("test", one.name, "one")
    with pytest.raises(StoreError, match="nothing to resume"):
        scene.store.resume(job, "two", may_spend=True)
    for _ in range(round(LEASE_S) + 1):
        scene.clock.time += 1.0
        if scene.store.is_left(job):
            break
    assert scene.store.resume(job, "two", may_spend=True).session == "two"


def test_questions_are_answered_by_the_windows_worker(scene: Scene) -> None:
    scene.store.lookups.ask("test", "balance")
    assert not scene.store.has_work("test", "mine")
    scene.add(session="mine")
    scene.run(worker=scene.worker("mine"))
    assert scene.service.calls["get_balance"] == 0
    scene.run()
    assert scene.service.calls["get_balance"] == 1
