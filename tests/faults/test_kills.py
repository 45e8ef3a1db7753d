# SPDX-License-Identifier: GPL-3.0-or-later
"""What is killed, full, forbidden, locked or wrong, and when: the model arrives, and is paid for once.

The processes are real: the worker that Maquette starts, and a child of its. The command is killed in
tests/blender/test_killed.py, since it needs Blender.
"""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from faults.proxy import carried_out, lose
from faults.rig import ANSWER, SERVICE, Rig
from maquette.client import Credentials
from maquette.jobs import JobRecord, NewJob, State, Store, StoreError, WorkerSettings, start_worker
from maquette.jobs.database import DATABASE
from service import fake_blender
from stored_rows import execute

SUBMIT = r"POST /v1/generate/custom/[^?]*$"
POINTS = {
    "upload": r"POST /v1/assets$",
    "submit": SUBMIT,
    "poll": r"GET /v1/jobs\?",
    "assets": r"POST /v1/assets/get-bulk",
    "download": r"GET /files/|GET /",
}
pytestmark = pytest.mark.slow
Record = Callable[[str, Any], None]
posix = pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0 or not sys.platform.startswith("linux"),
    reason="mounts a small disk",
)


@contextmanager
def real_worker(rig: Rig) -> Iterator[subprocess.Popen[bytes]]:
    """The process, on the machine's own clock; it is ended whatever happens."""
    settings = WorkerSettings(
        service=SERVICE,
        blender=rig.blender,
        api_url=rig.api_proxy.url,
        credentials=Credentials(rig.key.key, rig.key.secret),
    )
    process = start_worker(rig.store.folder, settings)
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)
        assert process.stdin is not None
        process.stdin.close()


def wait_until(is_so: Callable[[], bool], rig: Rig, timeout_s: float = 60.0) -> None:
    """Looks and keeps the sandbox ticking; the timeout is for what hangs, not for what is slow."""
    ends_at = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < ends_at, [(job.state, job.message) for job in rig.store.list_jobs()]
        rig.clock.time = time.time()
        rig.sandbox.lifecycle.tick()
        time.sleep(0.02)


def forget_lease(rig: Rig) -> None:
    """As if eight seconds had passed."""
    execute(rig.store.folder, "DELETE FROM lease")


@posix
@pytest.mark.parametrize("moment", ["request", "answer"])
@pytest.mark.parametrize("point", POINTS)
def test_a_worker_killed_at_any_point_of_its_conversation_is_followed_by_one_that_finishes(
    point: str, moment: str, rig: Rig, tmp_path: Path, record_property: Record
) -> None:
    rig.clock.time = time.time()
    rig.store.close()
    rig.store = Store(tmp_path / "real")
    rig.blender = fake_blender(tmp_path, ANSWER)
    rig.add()
    proxy = rig.cdn_proxy if point == "download" else rig.api_proxy
    proxy.hold(POINTS[point], moment)
    with real_worker(rig) as process:
        wait_until(proxy.is_held.is_set, rig)
        process.send_signal(signal.SIGKILL)
    proxy.go_on()
    forget_lease(rig)
    with real_worker(rig):
        # A submission that never arrived is asked about, after the time in which it may be listed.
        is_lost = (point, moment) == ("submit", "request")
        ends = (State.UNCERTAIN,) if is_lost else (State.READY,)
        wait_until(lambda: rig.job().state in ends, rig)
    job = rig.job()
    record_property("kill", json.dumps(["worker", f"{point}, {moment}", job.state, rig.paid()]))
    assert rig.paid() == (0 if is_lost else 1)
    assert not [path for path in rig.store.folder.rglob("*.part") if path.parent.name != "result"]


@posix
def test_a_child_that_is_killed_fails_its_job_in_words_and_another_takes_it_up(
    rig: Rig, tmp_path: Path, record_property: Record
) -> None:
    mark = tmp_path / "killed-once"
    rig.blender = fake_blender(tmp_path, ANSWER)
    script = Path(rig.blender)
    suicide = (
        "    import signal\n"
        f"    if not os.path.exists({str(mark)!r}):\n"
        f"        open({str(mark)!r}, 'w').close()\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    script.write_text(script.read_text().replace("    if answer is None", suicide + "    if answer is None"))
    rig.add()
    rig.run()
    first = rig.job()
    assert first.state is State.FAILED and "crashed" in first.message
    rig.store.resume(first, may_spend=True)
    rig.run()
    record_property("kill", json.dumps(["child", "convert", rig.job().state, rig.paid()]))
    assert rig.job().state is State.READY
    assert rig.paid() == 1


@pytest.mark.parametrize("step_s", [-3600.0, 120.0, 200.0, 3600.0])
def test_a_machine_clock_that_is_set_before_the_answer_is_lost_pays_once(
    step_s: float, rig: Rig, record_property: Record
) -> None:
    rig.add()
    worker = rig.worker()
    # After the last answer, before the one that is lost: the round after the upload submits.
    rig.run(worker, until=lambda: rig.api_proxy.count("POST /v1/assets") > 0)
    assert rig.job().state is State.UPLOADING
    rig.machine_ahead_s += step_s
    rig.api_proxy.arm(SUBMIT, carried_out(lose), 1)
    rig.run(worker, for_s=1200)
    settled = rig.job()
    if settled.resume_state:  # a person is told and resumes
        rig.store.resume(settled, may_spend=True)
        rig.run(worker, for_s=1200)
    record_property("kill", json.dumps(["clock", f"{step_s:+.0f} s", rig.job().state, rig.paid()]))
    assert rig.job().state is State.READY
    assert rig.paid() == 1


@contextmanager
def small_disk(folder: Path, size: str = "80m") -> Iterator[Path]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def add_many(rig: Rig) -> None:
    for _ in range(50):
        rig.add()


def fill(folder: Path) -> Path:
    path = folder / "ballast"
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * (1 << 20))
        except OSError:
            return path


@as_root
@pytest.mark.parametrize("when", ["before the job", "while it runs", "at the download"])
def test_a_full_disk_is_said_and_nothing_is_lost(
    when: str, rig: Rig, tmp_path: Path, record_property: Record
) -> None:
    with small_disk(tmp_path / "disk") as disk:
        rig.store.close()
        rig.store = Store(disk / "state", clock=rig.machine_time)
        try:
            if when == "before the job":
                ballast = fill(disk)
                with pytest.raises(StoreError):
                    add_many(rig)
                assert rig.paid() == 0
                ballast.unlink()
                for job in rig.store.list_jobs():
                    rig.store.request_cancel(job)
                job = rig.add()
            else:
                job = rig.add()
                stop = State.QUEUED if when == "while it runs" else State.DOWNLOADING
                worker = rig.worker()
                rig.run(worker, until=lambda: rig.job().state is stop)
                ballast = fill(disk)
                told = rounds_until_said(rig, worker)
                assert told
                ballast.unlink()
            rig.sleep(100)
            last = rig.store.get(job.id)
            if last.resume_state:
                rig.store.resume(last, may_spend=True)
            rig.run(for_s=4000)
            state = rig.store.get(job.id).state
            record_property("kill", json.dumps(["full disk", when, state, rig.paid()]))
            assert state is State.READY
            assert rig.paid() == 1
        finally:
            for worker in rig.workers:
                worker.close()
            rig.store.close()


def rounds_until_said(rig: Rig, worker: Any) -> str:
    """What the worker says (or the error it ends with, as the supervisor's log tells it) on a full disk."""
    try:
        rig.run(worker, for_s=300)
    except (StoreError, OSError, sqlite3.Error) as error:
        return str(error)
    return rig.job().message or rig.store.get_trouble(SERVICE)[0]


@as_root
def test_a_folder_that_is_read_only_is_said_and_nothing_is_paid(
    rig: Rig, tmp_path: Path, record_property: Record
) -> None:
    with small_disk(tmp_path / "disk") as disk:
        Store(disk / "state").close()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(StoreError, match="cannot be"):
            open_and_add(disk / "state")
    record_property("kill", json.dumps(["read-only folder", "opening", "said", rig.paid()]))
    assert rig.paid() == 0


def open_and_add(folder: Path) -> JobRecord:
    store = Store(folder, is_interactive=True)
    try:
        return store.add(NewJob(name="cup", model_id="model_x", inputs={"prompt": "a cup"}, service=SERVICE))
    finally:
        store.close()


@pytest.mark.parametrize("until", [State.PREPARED, State.UPLOADING, State.QUEUED, State.DOWNLOADING])
def test_a_store_that_another_process_locks_for_a_while_goes_on_afterwards(
    until: State, rig: Rig, record_property: Record
) -> None:
    rig.store.close()
    rig.store = Store(rig.store.folder, is_interactive=True, clock=rig.machine_time)  # it waits a moment only
    rig.add()
    worker = rig.worker()
    rig.run(worker, until=lambda: rig.job().state is until)
    with sqlite3.connect(rig.store.folder / DATABASE, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        said = rounds_until_said(rig, worker)
        other.execute("ROLLBACK")
    other.close()
    rig.abandon(worker)
    rig.run(for_s=4000)
    record_property("kill", json.dumps(["locked store", str(until), rig.job().state, rig.paid()]))
    assert "locked" in said
    assert rig.job().state is State.READY
    assert rig.paid() == 1
