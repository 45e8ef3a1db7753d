# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is killed at whatever point, the model gets made, and is paid for once."""

import contextlib
import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import pytest
from commands import HORSE, TIMEOUT_S, Sandbox, command, kill_worker, run, running_sandbox
from holding import HoldingProxy
from leaks import descendants

jobs = importlib.import_module(os.environ["MAQUETTE_PACKAGE"] + ".jobs")

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="SIGKILL"),
    pytest.mark.skipif(
        bpy.app.version[:2] not in ((5, 2), (4, 3)),
        reason="the processes are the same in every Blender: two do",
    ),
]

LONG_AGO_S = 7200.0
SUBMIT = r"POST /v1/generate/custom/[^?]*$"
UPLOAD = (r"POST /v1/assets\?|POST /v1/assets$", "answer")
DOWNLOAD = (r"POST /v1/assets/get-bulk", "answer")
POINTS = {
    "upload": UPLOAD,
    "submit": (SUBMIT, "answer"),
    "poll": (r"GET /v1/jobs\?", "answer"),
    "download": DOWNLOAD,
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
        self.frozen: list[int] = []  # the processes of the Blender that converts

    def start(self, point: tuple[str, str] | None, *words: str) -> None:
        """Returns when it has come to the point of the conversation; None: to the conversion."""
        if point or sys.platform == "linux":
            self.proxy.hold(*(point or DOWNLOAD))
        self.process = subprocess.Popen(
            command("generate", HORSE, "-p", "targetFaceNum=2000", "-o", str(self.target), *words),
            env=self.env, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        if point or sys.platform == "linux":
            assert self.proxy.is_held.wait(TIMEOUT_S)
        if not point:
            if sys.platform == "linux":
                self.freeze_converter()
                self.proxy.go_on()
            self.wait_for_state(jobs.State.CONVERTING)

    def freeze_converter(self) -> None:
        """Stops the Blender that is started ahead of the result: a conversion is over in no time."""
        assert self.process is not None
        deadline = time.monotonic() + TIMEOUT_S
        while not self.frozen:
            assert time.monotonic() < deadline
            time.sleep(0.05)
            for pid in descendants(self.process.pid):
                with contextlib.suppress(OSError):  # it has just ended
                    if b"background_main.py" in Path(f"/proc/{pid}/cmdline").read_bytes():
                        os.kill(pid, signal.SIGSTOP)
                        self.frozen.append(pid)

    def thaw_converter(self) -> None:
        for pid in self.frozen:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self.frozen.clear()

    def wait_for_state(self, state: str) -> None:
        deadline = time.monotonic() + TIMEOUT_S
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

    def jobs(self) -> list[Any]:
        store = jobs.Store(self.state)
        try:
            return store.list_jobs()[::-1]
        finally:
            store.close()

    def interrupt(self, number: signal.Signals) -> str:
        """What the command says to that signal."""
        assert self.process is not None
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=TIMEOUT_S)
        assert self.process.returncode == 130, said
        assert "Traceback" not in said
        return said

    def kill_worker(self) -> None:
        kill_worker(self.state)
        self.thaw_converter()  # which goes on by itself

    def kill_command(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.communicate(timeout=30)


@pytest.fixture
def stopped(sandbox: Sandbox, tmp_path: Path) -> Iterator[Run]:
    made = Run(sandbox, tmp_path)
    yield made
    made.thaw_converter()
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
    _, said = stopped.process.communicate(timeout=TIMEOUT_S)
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
    done = run("resume", *(["--pay"] if point == "upload" else []), env=stopped.env)
    assert done.returncode == 0, done.stderr
    assert stopped.target.exists()
    assert sandbox.stats()["paidJobs"] == paid + 1


def test_a_job_that_was_killed_before_its_submission_is_submitted_by_no_other_command(
    sandbox: Sandbox, stopped: Run
) -> None:
    paid = sandbox.stats()["paidJobs"]
    stopped.start(UPLOAD)
    stopped.kill_worker()
    stopped.kill_command()
    stopped.proxy.go_on()
    other = stopped.target.with_name("word.glb")
    done = run("generate", "--prompt", "word", "-o", str(other), "--max-cost", "14", env=stopped.env)
    assert done.returncode == 0, done.stderr
    assert sandbox.stats()["paidJobs"] == paid + 1
    left = run("resume", env=stopped.env)
    job_id = stopped.jobs()[0].id
    assert left.returncode == 4
    assert f"horse ({job_id}): 20.25 CU" in left.stderr
    assert f"maquette resume {job_id}` pays for it" in left.stderr
    dear = run("resume", "--pay", "--max-cost", "20", env=stopped.env)
    assert dear.returncode == 4
    assert "Not started: it costs 20.25 CU" in dear.stderr
    assert sandbox.stats()["paidJobs"] == paid + 1
    done = run("resume", job_id, "--max-cost", "20.25", env=stopped.env)
    assert done.returncode == 0, done.stderr
    assert stopped.target.exists()
    assert sandbox.stats()["paidJobs"] == paid + 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_was_not_submitted_is_canceled_by_an_interruption_and_costs_nothing(
    sandbox: Sandbox, stopped: Run, number: signal.Signals
) -> None:
    paid = sandbox.stats()["paidJobs"]
    stopped.start(UPLOAD)
    said = stopped.interrupt(number)
    assert "horse: canceled, not submitted: nothing was paid." in said
    stopped.proxy.go_on()
    assert [job.state for job in stopped.jobs()] == [jobs.State.CANCELED]
    assert run("resume", env=stopped.env).stderr.strip() == "Nothing to resume."
    other = stopped.target.with_name("word.glb")
    assert run("generate", "--prompt", "word", "-o", str(other), env=stopped.env).returncode == 0
    assert sandbox.stats()["paidJobs"] == paid + 1


@pytest.mark.parametrize("point", ["submit", "poll"])
def test_what_was_submitted_goes_on_after_an_interruption_and_is_never_called_unpaid(
    sandbox: Sandbox, stopped: Run, point: str
) -> None:
    paid = sandbox.stats()["paidJobs"]
    stopped.start(POINTS[point], "--state", str(stopped.state))
    said = stopped.interrupt(signal.SIGINT)
    assert "nothing was paid" not in said
    (job,) = stopped.jobs()
    assert f"maquette resume {job.id} --state {stopped.state}`" in said
    stopped.proxy.go_on()
    done = run("resume", env=stopped.env)
    assert done.returncode == 0, done.stderr
    assert "horse" in done.stderr
    assert "costs nothing more" in done.stderr
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


def lose_long_ago(state: Path, job: Any) -> None:
    """As if it had been sent hours ago, before what the sandbox has made since, and its answer been lost."""
    store = jobs.Store(state)
    try:
        sent_at = job.submitted_at - LONG_AGO_S
        lost = {"submitted_at": sent_at, "lost_at": sent_at, "lost_here_at": time.time() - LONG_AGO_S}
        store.move(job, jobs.State.UNCERTAIN, **lost)
    finally:
        store.close()


def test_a_submission_that_never_left_is_made_once_and_by_a_persons_wish_alone(
    sandbox: Sandbox, stopped: Run
) -> None:
    paid = sandbox.stats()["paidJobs"]
    stopped.start((SUBMIT, "request"))
    stopped.kill_worker()
    stopped.kill_command()
    stopped.proxy.go_on()
    assert sandbox.stats()["paidJobs"] == paid
    (job,) = stopped.jobs()
    lose_long_ago(stopped.state, job)
    looked = run("resume", env=stopped.env)
    assert looked.returncode == 1
    assert f"maquette resume {job.id}` submits it, which is paid for." in looked.stderr
    assert sandbox.stats()["paidJobs"] == paid
    done = run("resume", job.id, env=stopped.env)
    assert done.returncode == 0, done.stderr
    assert stopped.target.exists()
    assert sandbox.stats()["paidJobs"] == paid + 1
