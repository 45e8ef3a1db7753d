"""What goes wrong with one job is its own trouble, and a clock that is set holds nobody up."""

import inspect
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from job_scene import LOST, Scene
from maquette.client import AnswerError, RateLimitedError
from maquette.client.elapsed import elapsed_s
from maquette.jobs import InputFile, JobRecord, State, Store
from maquette.jobs import steps as steps_module
from maquette.jobs.database import StoreTroubleError
from maquette.jobs.leased_store import LeasedStore, retry_delay_s
from maquette.jobs.matching import GRACE_S, WINDOW_S
from maquette.jobs.poller import Poller
from maquette.jobs.store import LEASE_S, MAX_DELAY_S
from maquette.jobs.tasks import Tasks
from maquette.jobs.worker import STORE_PATIENCE_S, STORE_PAUSE_S, Worker
from service import Clock
from stored_rows import execute


def both(scene: Scene) -> tuple[JobRecord, JobRecord]:
    """A job that a defect meets, and another one."""
    return scene.add(inputs={"prompt": "bad"}), scene.add(inputs={"prompt": "good"})


def ended(scene: Scene, jobs: tuple[JobRecord, JobRecord]) -> tuple[JobRecord, JobRecord]:
    scene.run()
    return scene.store.get(jobs[0].id), scene.store.get(jobs[1].id)


def defect(
    scene: Scene,
    bad: JobRecord,
    patch: pytest.MonkeyPatch,
    where: Any,
    name: str,
    *words: str,
    error: Exception | None = None,
) -> Callable[[], None]:
    """That function has a defect where it is called about the bad job with all these words (values or names
    among its arguments, the job's state), until what is returned is called. No input causes a defect: so one
    is put in, where the steps call what is others'.
    """
    real = getattr(where, name)

    def called(*given: Any, **named: Any) -> Any:
        known = {*map(str, given), *named, str(scene.store.get(bad.id).state)}
        if any(getattr(one, "id", one) == bad.id for one in given) and known.issuperset(words):
            raise error or KeyError("kind")
        return real(*given, **named)

    patch.setattr(where, name, called)
    return lambda: patch.setattr(where, name, real)


DEFECT = "Maquette met a defect (KeyError: 'kind'). worker.log tells more."


@pytest.mark.parametrize(
    ("where", "name", "words", "resume_state"),
    [
        (steps_module, "is_prepared", (), State.PREPARED),
        (LeasedStore, "update", ("sent",), State.PREPARED),
        (Tasks, "start", ("download", "downloading"), State.DOWNLOADING),
        (LeasedStore, "move", ("converting",), State.DOWNLOADING),
        (Tasks, "start", ("convert",), State.CONVERTING),
        (LeasedStore, "end", ("ready",), State.CONVERTING),
        (Poller, "apply", (), State.QUEUED),
    ],
)
def test_one_jobs_defect_is_its_own_and_the_others_are_made(
    scene: Scene,
    monkeypatch: pytest.MonkeyPatch,
    where: Any,
    name: str,
    words: tuple[str, ...],
    resume_state: State,
) -> None:
    jobs = both(scene)
    mend = defect(scene, jobs[0], monkeypatch, where, name, *words)
    bad, good = ended(scene, jobs)
    assert (bad.state, bad.resume_state, bad.error_kind) == (State.FAILED, resume_state, "KeyError")
    assert bad.message == DEFECT
    assert good.state is State.READY
    mend()
    scene.store.resume(bad, may_spend=True)
    scene.run()
    assert scene.store.get(bad.id).state is State.READY
    assert len(scene.service.paid) == 2


def test_a_defect_in_a_look_at_a_jobs_files_is_its_own(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = {"image": InputFile(scene.picture)}
    jobs = scene.add(inputs={"prompt": "bad", **picture}), scene.add(inputs={"prompt": "good", **picture})
    defect(scene, jobs[0], monkeypatch, steps_module, "is_for_blender")
    bad, good = ended(scene, jobs)
    assert (bad.state, bad.resume_state, bad.message) == (State.FAILED, State.PREPARED, DEFECT)
    assert good.state is State.READY
    assert len(scene.service.paid) == 1


def test_a_defect_after_the_request_is_looked_for_and_not_repeated(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = both(scene)
    defect(scene, jobs[0], monkeypatch, LeasedStore, "since", "uncertain", "submitting")
    bad, good = ended(scene, jobs)
    assert {bad.state, good.state} == {State.READY}
    assert scene.service.calls["generate"] == 2
    assert scene.service.calls["list_new_jobs"] > 0


def test_a_share_that_may_not_be_read_is_the_jobs_error_in_the_disks_words(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    denied = PermissionError(13, "Permission denied", "/share/horse.png")
    jobs = both(scene)
    defect(scene, jobs[0], monkeypatch, steps_module, "is_prepared", error=denied)
    bad, good = ended(scene, jobs)
    assert (bad.state, bad.resume_state, bad.error_kind) == (State.FAILED, State.PREPARED, "PermissionError")
    assert "Permission denied: '/share/horse.png'" in bad.message
    assert good.state is State.READY


def test_a_defect_in_looking_for_a_lost_job_holds_no_other_up(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.service.fail["answer"] = [LOST]
    jobs = both(scene)
    mend = defect(scene, jobs[0], monkeypatch, LeasedStore, "move", "uncertain", "queued")
    with pytest.raises(AssertionError):
        scene.run(rounds=60)
    bad, good = (scene.store.get(job.id) for job in jobs)
    assert (bad.state, bad.resume_state, bad.message) == (State.UNCERTAIN, None, DEFECT)
    assert good.state is State.READY
    mend()
    scene.run()
    assert scene.store.get(bad.id).state is State.READY
    assert len(scene.service.paid) == 2


def test_a_defect_in_polling_is_told_as_trouble_and_polling_goes_on(scene: Scene) -> None:
    real, calls = scene.service.list_jobs, [KeyError("kind"), TypeError("x"), KeyError("kind")]

    def list_jobs(**since: Any) -> Any:
        if calls:
            raise calls.pop(0)
        return real(**since)

    scene.service.list_jobs = list_jobs  # type: ignore[method-assign]
    scene.add()
    worker = scene.worker()
    with pytest.raises(AssertionError):
        scene.run(rounds=10, worker=worker)
    assert scene.store.get_trouble("test") == (DEFECT, "KeyError")
    assert scene.run().state is State.READY
    assert not calls


def test_polling_waits_no_longer_than_a_minute_however_often_it_failed() -> None:
    assert retry_delay_s(KeyError("kind"), 5000) == 60.0


def test_an_odd_record_of_another_job_does_not_stop_polling(scene: Scene) -> None:
    """Each is read as far as it is understood; ours goes on by what is."""
    scene.service.is_finishing = False
    scene.add()
    job = scene.run(until=State.QUEUED)
    odd = scene.service.make("model_x", {}, created_at=0.0)
    scene.service.jobs[job.remote_id or ""] = replace(
        scene.service.jobs[job.remote_id or ""], created_at=0.0, input={}, model_id=None
    )
    scene.service.is_finishing = True
    assert scene.run().state is State.READY
    assert odd.id != job.remote_id


def test_a_job_whose_own_record_is_not_understood_holds_no_other_up(scene: Scene) -> None:
    """Neither is in the list, and one request a look asks for one of them."""
    odd, good = scene.add(inputs={"prompt": "odd"}), scene.add(inputs={"prompt": "good"})
    scene.service.is_finishing = False
    with pytest.raises(AssertionError):
        scene.run(rounds=20)
    real, odd_id = scene.service.get_job, scene.store.get(odd.id).remote_id
    scene.service.shows_after_s = 1e9
    scene.service.is_finishing = True

    def get_job(job_id: str) -> Any:
        if job_id == odd_id:
            raise AnswerError("The service's answer is not understood.")
        return real(job_id)

    scene.service.get_job = get_job  # type: ignore[method-assign]
    with pytest.raises(AssertionError):
        scene.run(rounds=200)
    assert scene.store.get(good.id).state is State.READY
    assert scene.store.get(odd.id).state is State.QUEUED


def test_a_store_that_cannot_be_read_right_before_the_request_stops_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_given: Any) -> bool:
        raise sqlite3.OperationalError("disk I/O error")

    scene.add()
    with monkeypatch.context() as patch:
        patch.setattr(steps_module, "may_send", refuse)
        with pytest.raises(AssertionError):
            scene.run(rounds=30)
    assert scene.service.paid == []
    assert scene.run().state is State.READY
    assert len(scene.service.paid) == 1


def test_a_removed_job_whose_task_ends_stops_nothing(scene: Scene) -> None:
    jobs = both(scene)
    worker = scene.worker()
    assert worker.take_lease()
    worker.round()
    worker.tasks.wait(10)
    execute(scene.store.folder, "DELETE FROM jobs WHERE id = ?", (jobs[0].id,))
    scene.run(worker=worker)
    assert scene.store.get(jobs[1].id).state is State.READY


def test_while_the_store_takes_nothing_an_answer_that_was_paid_for_is_kept(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk or a lock is no job's fault."""
    scene.add()
    worker = scene.worker()
    assert worker.take_lease()
    while scene.store.list_jobs()[0].state is not State.SUBMITTING:
        worker.round()
        worker.tasks.wait(10)
    worker.tasks.wait(10)
    full = sqlite3.OperationalError("database or disk is full")

    def refuse(*_given: Any, **_named: Any) -> Any:
        raise StoreTroubleError("The job store cannot be written to just now.") from full

    with monkeypatch.context() as patch:
        patch.setattr(Store, "move", refuse)
        for _ in range(3):
            with pytest.raises(StoreTroubleError):
                worker.round()
    assert scene.store.list_jobs()[0].state is State.SUBMITTING
    worker.round()
    job = scene.store.list_jobs()[0]
    assert (job.state, job.remote_id) == (State.QUEUED, "job_1")
    assert scene.service.calls["list_new_jobs"] == 0


def test_a_worker_bears_with_a_store_that_takes_nothing_for_a_while(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.add()
    pauses: list[float] = []
    worker = scene.worker(sleep=pauses.append)
    left, real = [5], worker.round

    def stumbling() -> bool:
        if left[0]:
            left[0] -= 1
            scene.clock.time += 1.0
            raise sqlite3.OperationalError("database is locked")
        scene.clock.time += 1.0
        return real()

    monkeypatch.setattr(worker, "round", stumbling)
    worker.run()
    assert scene.store.list_jobs()[0].state is State.READY
    assert pauses == [STORE_PAUSE_S] * 5
    left[0] = 10**6
    scene.add()
    began_at = scene.clock.time
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        worker.run()
    assert scene.clock.time - began_at == pytest.approx(STORE_PATIENCE_S, abs=2)


# Clocks that are set.


class Stepping:
    """The wall clock of a machine whose time is set while it works."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.step_s = clock, 0.0

    def __call__(self) -> float:
        return self.clock.time + self.step_s


@pytest.mark.parametrize("step_s", [-7200.0, 7200.0])
def test_a_clock_that_is_set_stops_neither_polling_nor_the_lease(scene: Scene, step_s: float) -> None:
    wall = scene.store.clock = Stepping(scene.clock)
    scene.service.is_finishing = False
    scene.add()
    worker = scene.worker()
    assert worker.take_lease()
    for _ in range(20):
        worker.round()
        worker.tasks.wait(10)
        scene.clock.time += 1.0
    wall.step_s = step_s
    polls = scene.service.calls["list_jobs"]
    for _ in range(60):
        worker.round()
        worker.tasks.wait(10)
        scene.clock.time += 1.0
    assert scene.service.calls["list_jobs"] > polls + 5
    ((renewed_at,),) = execute(scene.store.folder, "SELECT renewed_at FROM lease")
    assert abs(renewed_at - wall()) <= LEASE_S
    scene.service.is_finishing = True
    assert scene.run(worker=worker).state is State.READY


@pytest.mark.parametrize("step_s", [-3600.0, 120.0, 200.0, 3600.0])
def test_a_clock_that_is_set_between_the_last_answer_and_the_lost_one_loses_no_job(
    scene: Scene, step_s: float
) -> None:
    wall = scene.store.clock = Stepping(scene.clock)
    scene.service.on_connect = lambda: setattr(wall, "step_s", step_s)
    scene.service.fail["answer"] = [LOST]
    scene.service.shows_after_s = 75.0
    scene.add()
    job = scene.run()
    assert (job.state, job.remote_id) == (State.READY, "job_1")
    assert scene.service.calls["generate"] == 1


@pytest.mark.parametrize("step_s", [-7200.0, 7200.0])
def test_a_clock_that_is_set_does_not_shorten_the_search_for_a_lost_job(scene: Scene, step_s: float) -> None:
    wall = scene.store.clock = Stepping(scene.clock)
    scene.service.fail["generate"] = [LOST]
    scene.add()
    job = scene.run(until=State.UNCERTAIN)
    wall.step_s = step_s
    job = scene.run()
    assert job.resume_state is State.PREPARED
    assert job.lost_at and scene.clock.time > job.lost_at + WINDOW_S + GRACE_S


@pytest.mark.parametrize("step_s", [-7200.0, -1800.0])
def test_a_job_that_was_put_off_before_the_clock_was_set_back_waits_no_longer(
    scene: Scene, step_s: float
) -> None:
    wall = scene.store.clock = Stepping(scene.clock)
    scene.service.fail["generate"] = [RateLimitedError("many", retry_after_s=50.0)]
    scene.add()
    with pytest.raises(AssertionError):
        scene.run(rounds=5)
    wall.step_s = step_s
    assert scene.run(rounds=100).state is State.READY
    assert len(scene.service.paid) == 1


def test_no_delay_that_is_written_down_is_longer_than_the_longest(scene: Scene) -> None:
    scene.service.fail["generate"] = [RateLimitedError("many", retry_after_s=9_000_000.0)]
    scene.add()
    with pytest.raises(AssertionError):
        scene.run(rounds=5)
    job = scene.store.list_jobs()[0]
    assert 0 < job.not_before - scene.clock.time <= MAX_DELAY_S


def test_a_worker_measures_by_a_clock_that_nobody_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    assert inspect.signature(Worker).parameters["clock"].default is elapsed_s
    monkeypatch.setattr("time.time", lambda: 0.0)
    first = elapsed_s()
    assert 0 <= elapsed_s() - first < 60
