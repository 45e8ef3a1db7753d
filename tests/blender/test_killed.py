# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is killed at whatever point, the model gets made, and is paid for once."""

import importlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import bpy
import pytest
from commands import HORSE, Sandbox, command, kill_worker, run, running_sandbox
from holding import HoldingProxy

jobs = importlib.import_module(os.environ["MAQUETTE_PACKAGE"] + ".jobs")

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="SIGKILL"),
    pytest.mark.skipif(
        bpy.app.version[:2] not in ((5, 2), (4, 3)),
        reason="the processes are the same in every Blender: two do",
    ),
]

SUBMIT = r"POST /v1/generate/custom/[^?]*$"
POINTS = {
    "upload": (r"POST /v1/assets\?|POST /v1/assets$", "answer"),
    "submit": (SUBMIT, "answer"),
    "poll": (r"GET /v1/jobs\?", "answer"),
    "download": (r"POST /v1/assets/get-bulk", "answer"),
    "convert": None,
}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("killed"), "--delay", "1") as running:
        yield running


class Run:
    """One `generate` through the proxy, stopped at a point of its conversation."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.proxy = HoldingProxy(sandbox.api)
        self.target = folder / "horse.glb"
        self.state = folder / "state"
        self.env = {**sandbox.env, "MAQUETTE_API_URL": self.proxy.api, "MAQUETTE_STATE": str(self.state)}
        self.process: subprocess.Popen[str] | None = None

    def start(self, point: tuple[str, str] | None) -> None:
        if point:
            self.proxy.hold(*point)
        self.process = subprocess.Popen(
            command("generate", HORSE, "-p", "targetFaceNum=2000", "-o", str(self.target)),
            env=self.env, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        if point:
            assert self.proxy.is_held.wait(90)
        else:
            self.wait_for_state(jobs.State.CONVERTING)

    def wait_for_state(self, state: str) -> None:
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            if (self.state / "maquette.db").exists():
                store = jobs.Store(self.state)
                try:
                    if any(job.state == state for job in store.list_jobs()):
                        return
                finally:
                    store.close()
            time.sleep(0.05)
        raise AssertionError(f"no job came to {state}")

    def kill_worker(self) -> None:
        kill_worker(self.state)

    def kill_command(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.communicate(timeout=30)


@pytest.fixture
def stopped(sandbox: Sandbox, tmp_path: Path) -> Iterator[Run]:
    made = Run(sandbox, tmp_path)
    yield made
    made.proxy.close()
    if made.process is not None and made.process.poll() is None:
        made.process.kill()
        made.process.communicate(timeout=30)


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_worker_is_replaced_and_the_command_ends_well(
    sandbox: Sandbox, stopped: Run, point: str
) -> None:
    paid = sandbox.stats()["paidJobs"]
    stopped.start(POINTS[point])
    stopped.kill_worker()
    stopped.proxy.go_on()
    assert stopped.process is not None
    _, said = stopped.process.communicate(timeout=200)
    assert stopped.process.returncode == 0, said
    assert stopped.target.exists()
    assert sandbox.stats()["paidJobs"] == paid + 1


@pytest.mark.parametrize("point", POINTS)
def test_after_everything_was_killed_resume_ends_with_the_model(
    sandbox: Sandbox, stopped: Run, point: str
) -> None:
    paid = sandbox.stats()["paidJobs"]
    stopped.start(POINTS[point])
    stopped.kill_worker()
    stopped.kill_command()
    stopped.proxy.go_on()
    assert not stopped.target.exists()
    done = run("resume", env=stopped.env)
    assert done.returncode == 0, done.stderr
    assert stopped.target.exists()
    assert sandbox.stats()["paidJobs"] == paid + 1


@pytest.mark.parametrize("point", ["submit", "poll"])
def test_after_the_command_was_killed_resume_ends_with_the_model(
    sandbox: Sandbox, stopped: Run, point: str
) -> None:
    paid = sandbox.stats()["paidJobs"]
    stopped.start(POINTS[point])
    stopped.kill_command()
    stopped.proxy.go_on()
    done = run("resume", env=stopped.env)
    assert done.returncode == 0, done.stderr
    assert stopped.target.exists()
    assert sandbox.stats()["paidJobs"] == paid + 1


def test_a_submission_that_never_left_is_made_once_by_resume(sandbox: Sandbox, stopped: Run) -> None:
    paid = sandbox.stats()["paidJobs"]
    stopped.start((SUBMIT, "request"))
    stopped.kill_worker()
    stopped.kill_command()
    stopped.proxy.go_on()
    assert sandbox.stats()["paidJobs"] == paid
    done = run("resume", env=stopped.env)
    assert done.returncode == 0, done.stderr
    assert stopped.target.exists()
    assert sandbox.stats()["paidJobs"] == paid + 1
