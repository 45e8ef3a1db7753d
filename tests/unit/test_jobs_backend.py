# SPDX-License-Identifier: GPL-3.0-or-later
"""What a window works with: what hinders it is told, and signed out it asks nothing."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from backend_scene import HUNYUAN, BackendScene
from maquette.jobs import Backend, NewJob, State
from service import Clock


def test_a_store_that_breaks_is_told_and_does_not_raise(opened: BackendScene) -> None:
    opened.backend.store.close()
    assert opened.backend.tick() == []
    assert "does not answer" in opened.backend.trouble


def test_the_worker_s_trouble_is_shown_until_it_is_over(opened: BackendScene) -> None:
    opened.add()
    assert opened.other.take_lease("s", "w")
    opened.other.set_trouble("s", "w", "No network.", "NetworkError")
    opened.settle()
    assert opened.backend.trouble == "No network."
    opened.other.set_trouble("s", "w", "", "")
    opened.settle()
    assert opened.backend.trouble == ""


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


def test_signed_out_nothing_is_asked_and_no_worker_started(tmp_path: Path) -> None:
    opened = BackendScene(tmp_path / "state", is_signed_in=False)
    opened.add()
    opened.backend.catalogue.ask_models()
    opened.backend.catalogue.ask_price(HUNYUAN, {})
    opened.settle()
    assert len(opened.backend.jobs.by_id) == 1
    assert opened.other.lookups.list_open("s", -1) == []


def test_a_job_that_was_paid_makes_the_balance_worth_asking_again(opened: BackendScene) -> None:
    opened.backend.catalogue.ask_balance()
    opened.work()
    (job,) = opened.add()
    opened.settle()
    opened.other.request_cancel(opened.other.update(job, cost_cu=3.0))
    opened.settle()
    opened.backend.catalogue.ask_balance()
    opened.work()
    assert opened.service.calls["get_balance"] == 2
