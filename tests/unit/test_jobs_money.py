# SPDX-License-Identifier: GPL-3.0-or-later
"""What the window knows of the money: what was spent, what is on its way, refunds, and a refused key."""

from pathlib import Path

from backend_scene import HUNYUAN, MODELS, BackendScene
from maquette.client import NetworkError, SignInError
from maquette.jobs import JobCache, JobRecord, NewJob, State, Store
from png_files import png


def to_service(store: Store, job: JobRecord, cost_cu: float) -> JobRecord:
    """As the worker moves it on, up to where the service has taken its price."""
    worker = "worker"
    assert store.take_lease(job.service, worker)
    for state in (State.UPLOADING, State.SUBMITTING):
        job = store.move(job, state, lease=worker)
    job = store.move(job, State.QUEUED, lease=worker, remote_id=f"job_{job.id}", cost_cu=cost_cu)
    store.drop_lease(job.service, worker)
    return job


def test_a_refund_makes_the_balance_old_and_is_not_among_what_was_spent(opened: BackendScene) -> None:
    backend, changes = opened.backend, list[None]()
    jobs = JobCache(backend.store, "s", backend.supervisor, lambda: changes.append(None))
    (job,) = opened.add()
    began_at = job.created_at - 1
    jobs.read()
    job = to_service(opened.other, job, 20.25)
    jobs.read()
    assert jobs.spent_cu(began_at) == 20.25
    assert jobs.spent_cu(job.created_at + 1) == 0
    assert len(changes) == 1
    assert opened.other.take_lease(job.service, "worker")
    opened.other.move(job, State.FAILED, lease="worker", refunded_cu=20.25)
    opened.other.drop_lease(job.service, "worker")
    jobs.read()
    assert jobs.spent_cu(began_at) == 0
    assert len(changes) == 2


def test_what_is_on_its_way_to_the_service_is_told_until_it_is_charged(opened: BackendScene) -> None:
    new = NewJob(name="n", model_id="m", inputs={}, service="s", estimate_cu=12.0)
    job = opened.other.add(new)
    opened.settle()
    assert opened.backend.jobs.unpaid_cu() == 12
    to_service(opened.other, job, 13.0)
    opened.settle()
    assert opened.backend.jobs.unpaid_cu() == 0


def test_a_balance_that_was_asked_for_before_a_charge_is_asked_for_again(opened: BackendScene) -> None:
    catalogue = opened.backend.catalogue
    catalogue.ask_balance()
    catalogue.expire_balance()
    opened.work()
    asked = opened.service.calls["get_balance"]
    catalogue.ask_balance()
    opened.work()
    assert opened.service.calls["get_balance"] == asked + 1


def test_a_refused_key_is_told_apart_from_a_network_until_an_answer_comes(opened: BackendScene) -> None:
    catalogue = opened.backend.catalogue
    opened.service.fail["get_balance"] = [NetworkError("Nothing answers.")]
    catalogue.ask_balance()
    opened.work()
    assert not opened.backend.is_key_refused
    opened.service.fail["get_balance"] = [SignInError("The service does not accept the key.")]
    opened.backend.ask_again()
    catalogue.ask_balance()
    opened.work()
    assert opened.backend.is_key_refused
    opened.backend.ask_again()
    catalogue.ask_balance()
    opened.work()
    assert not opened.backend.is_key_refused


def test_a_broken_picture_is_found_by_the_worker_and_looked_at_again(
    opened: BackendScene, tmp_path: Path
) -> None:
    catalogue, path = opened.backend.catalogue, tmp_path / "a.png"
    path.write_bytes(png(8)[:-20])
    catalogue.ask_picture(str(path))
    assert catalogue.picture_problem(str(path)) == ""
    opened.work()
    assert "cut short" in catalogue.picture_problem(str(path))
    path.write_bytes(png(8))
    opened.clock.time += 10
    catalogue.ask_picture(str(path))
    opened.work()
    assert catalogue.picture_problem(str(path)) == ""
    assert not opened.service.calls


def test_prices_that_are_not_of_today_are_shown_and_asked_for_again_behind(opened: BackendScene) -> None:
    catalogue = opened.backend.catalogue
    opened.service.models = {HUNYUAN: MODELS[HUNYUAN]}
    catalogue.ask_models()
    opened.work(8)
    known = catalogue.typical_cost_cu(HUNYUAN)
    assert known is not None
    asked = opened.service.calls["get_model"]
    catalogue.refresh_prices()
    opened.work(8)
    assert opened.service.calls["get_model"] == asked
    opened.clock.time += 100_000
    catalogue.refresh_prices()
    assert catalogue.typical_cost_cu(HUNYUAN) == known
    opened.work(8)
    assert opened.service.calls["get_model"] == asked + 1
