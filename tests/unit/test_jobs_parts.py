"""Names of files, accounts, the supervisor, and the real worker process."""

import json
import os
import stat
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maquette.client import Credentials
from maquette.jobs import (
    AccountError,
    Backend,
    NewJob,
    Store,
    Supervisor,
    WorkerError,
    WorkerSettings,
    erase_credentials,
    read_credentials,
    safe_name,
    service_name,
    start_worker,
    write_credentials,
)
from maquette.jobs.environment import environment_without
from maquette.jobs.matching import Likeness, compare, likeness
from service import Clock, MemoryService

_OPENING = ("open", "os.scandir", "os.listdir", "sqlite3.connect", "socket.connect", "subprocess.Popen")


@given(st.text())
def test_no_name_leaves_its_folder(name: str) -> None:
    safe = safe_name(name)
    assert safe
    assert len(safe) <= 82
    assert Path("/x", safe).parent == Path("/x")
    assert not set(safe) & set('/\\:*?"<>|\0\n')
    assert safe not in (".", "..")
    assert safe.split(".")[0].lower() not in ("con", "nul", "aux", "prn", "com1")


def test_a_name_keeps_its_suffix() -> None:
    assert safe_name("C:\\fakepath\\Meine Küche.PNG") == "Meine Küche.PNG"
    assert safe_name("x" * 300 + ".glb").endswith("x.glb")
    assert safe_name("con.glb") == "_con.glb"


def test_a_service_is_an_address_and_a_project() -> None:
    assert service_name("https://h/v1", None) == "https://h/v1"
    assert service_name("https://h/v1", "proj_1") == "https://h/v1#proj_1"


def job_at(store: Store, **values: Any) -> Any:
    from dataclasses import replace

    return replace(store.add(NewJob(name="n", model_id="m", inputs={})), **values)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_a_value_equals_itself(value: Any) -> None:
    assert compare(value, json.loads(json.dumps(value))) is Likeness.SAME


SAME, DOUBTFUL, OTHER = Likeness.SAME, Likeness.DOUBTFUL, Likeness.OTHER


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (30, 30.0, SAME),
        (30, "30", SAME),
        ("30", 30, SAME),
        (0.7, 0.699999988, SAME),
        (2**53, "9007199254740992", SAME),
        (4000, 4001, OTHER),
        (30, "many", OTHER),
        (True, True, SAME),
        (True, "true", SAME),
        (True, 1, OTHER),
        (True, False, OTHER),
        ("a red  cup\r\n", "a red cup", SAME),
        ("cafe\u0301", "caf\u00e9", SAME),
        ("a cup", "a mug", OTHER),
        ("asset_1", ["asset_1"], SAME),
        (["asset_1"], "asset_1", SAME),
        (["asset_1"], ["asset_1", "asset_2"], OTHER),
        (["asset_1", "asset_2"], ["asset_2", "asset_1"], OTHER),
        (None, None, SAME),
        (None, 5, SAME),
        ("", None, SAME),
        ([], None, SAME),
        (5, None, DOUBTFUL),
        (False, None, DOUBTFUL),
        ("asset_1", {"assetId": "asset_1"}, DOUBTFUL),
        ({"n": 1}, {}, DOUBTFUL),
        ({"n": 1}, "n", DOUBTFUL),
        ({"views": [{"n": 1}]}, {"views": [{"n": 1.0, "added": None}], "modelId": "m"}, SAME),
        ({"views": [{"n": 1}]}, {"views": [{"n": True}]}, OTHER),
        ({"told": 1, "untold": 2}, {"told": 1}, DOUBTFUL),
        ({"told": 1, "untold": 2}, {"told": 3}, OTHER),
    ],
)  # fmt: skip
def test_what_was_sent_is_known_however_it_is_written(ours: Any, theirs: Any, expected: Likeness) -> None:
    assert compare(ours, theirs) is expected


def test_a_job_made_long_before_or_after_the_submission_is_not_ours(tmp_path: Path) -> None:
    clock = Clock()
    service = MemoryService(clock)
    moments = {"submitted_at": clock(), "lost_at": clock() + 60.0}
    ours = job_at(Store(tmp_path, clock=clock), sent={"image": "a"}, **moments)
    assert likeness(ours, service.make("m", {"image": "a", "modelId": "m"})) is SAME
    assert likeness(ours, service.make("m", {"image": "a"}, has_model=False)) is DOUBTFUL
    assert likeness(ours, service.make("m", {"image": "a"}, created_at=0.0)) is DOUBTFUL
    assert likeness(ours, service.make("m", {})) is DOUBTFUL
    assert likeness(ours, service.make("m", {}, has_model=False, type="upload")) is OTHER
    assert likeness(ours, service.make("m", {"image": "a"}, type="splat")) is SAME
    assert likeness(ours, service.make("other", {"image": "a"})) is OTHER
    assert likeness(ours, service.make("m", {"image": "b"})) is DOUBTFUL
    assert likeness(ours, service.make("m", {"image": "b"}, has_model=False)) is DOUBTFUL
    for ahead_s in (-300.0, -60.0, 60.0 + 200.0, 60.0 + 470.0):
        made = service.make("m", {"image": "a"}, created_at=clock() + ahead_s)
        assert likeness(ours, made) is DOUBTFUL
    clock.time += 600
    assert likeness(ours, service.make("m", {"image": "a"})) is OTHER
    clock.time -= 1200
    assert likeness(ours, service.make("m", {"image": "a"})) is OTHER


def test_the_key_comes_from_the_environment_before_the_file(tmp_path: Path) -> None:
    assert read_credentials(tmp_path, {}) is None
    write_credentials(tmp_path, Credentials("k", "s"))
    assert read_credentials(tmp_path, {}) == Credentials("k", "s")
    named = {"SCENARIO_SDK_API_KEY": "e", "SCENARIO_SDK_API_SECRET": "f"}
    assert read_credentials(tmp_path, named) == Credentials("e", "f")
    with pytest.raises(AccountError, match="SCENARIO_SDK_API_SECRET is not set"):
        read_credentials(tmp_path, {"SCENARIO_SDK_API_KEY": "e"})
    erase_credentials(tmp_path)
    assert read_credentials(tmp_path, {}) is None


@pytest.mark.skipif(os.name != "posix", reason="other systems guard the user's folder by themselves")
def test_the_key_file_is_its_owners_alone_and_refused_otherwise(tmp_path: Path) -> None:
    write_credentials(tmp_path, Credentials("k", "s"))
    path = tmp_path / "account.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    with pytest.raises(AccountError, match="chmod 600"):
        read_credentials(tmp_path, {})


def test_a_broken_key_file_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "account.json").touch(0o600)
    with pytest.raises(AccountError, match="Enter it again"):
        read_credentials(tmp_path, {})


def test_the_supervisor_tells_of_changes_by_others_and_of_its_own_on_invalidate(tmp_path: Path) -> None:
    store, other = Store(tmp_path), Store(tmp_path)
    watch = Supervisor(store, "s", lambda: pytest.fail("nothing to do, no worker"))
    assert watch.check()
    assert not watch.check()
    job = other.add(NewJob(name="n", model_id="m", inputs={}, service="elsewhere"))
    assert watch.check()
    assert not watch.check()
    store.request_cancel(job)
    watch.invalidate()
    assert watch.check()


def test_a_worker_that_dies_at_once_is_not_started_for_ever(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.add(NewJob(name="n", model_id="m", inputs={}, service="s"))
    clock = Clock()

    def start() -> "subprocess.Popen[bytes]":
        process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"], stdin=subprocess.PIPE)
        process.wait()
        return process

    watch = Supervisor(store, "s", start, clock=clock)
    for _ in range(3):
        watch.check()
        clock.time += 2
    with pytest.raises(WorkerError, match=r"worker\.log"):
        watch.check()


def test_a_watch_starts_a_worker_for_its_own_sessions_jobs_alone(tmp_path: Path) -> None:
    store, started = Store(tmp_path), list[str]()

    def start() -> "subprocess.Popen[bytes]":
        started.append("mine")
        return subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.PIPE)

    watch = Supervisor(store, "s", start, session="mine")
    store.add(NewJob(name="n", model_id="m", inputs={}, service="s", session="another"))
    store.add(NewJob(name="n", model_id="m", inputs={}, service="s"))
    watch.check()
    assert not started
    store.add(NewJob(name="n", model_id="m", inputs={}, service="s", session="mine"))
    assert store.take_lease("s", "window")  # which is not this session's
    watch.invalidate()
    watch.check()
    assert started == ["mine"]
    watch.close()


def test_no_secret_of_the_environment_is_handed_on_and_what_is_needed_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = "SCENARIO_X GITHUB_TOKEN MY_SECRET db_password OTHER_API_KEY OPENAI_KEY AWS_ACCESS_KEY_ID GH_PAT"
    secrets = [*words.split(), "DATABASE_URL"]
    needed = ["PATH", "HOME", "PWD", "XAUTHORITY", "HTTPS_PROXY", "KEYBOARD", "LC_PATTERN", "MAQUETTE_X"]
    for name in (*secrets, *needed):
        monkeypatch.setenv(name, "postgres://me:planted@host/x")
    for name in needed:
        if name != "HTTPS_PROXY":
            monkeypatch.setenv(name, "/a:b@c")
    given = environment_without()
    assert not given.keys() & set(secrets)
    assert given.keys() >= set(needed)
    assert "planted" in given["HTTPS_PROXY"]
    assert not environment_without("MAQUETTE_", "_PROXY").keys() & {"MAQUETTE_X", "HTTPS_PROXY"}


def test_the_worker_process_gets_its_key_unseen_and_ends_with_its_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SCENARIO_SDK_API_SECRET", "GITHUB_TOKEN", "db_password", "OTHER_API_KEY"):
        monkeypatch.setenv(name, "thesecret")
    store = Store(tmp_path / "state")
    store.add(NewJob(name="n", model_id="m", inputs={"prompt": "x"}, service="s"))
    settings = WorkerSettings(
        api_url="http://127.0.0.1:9/v1",
        credentials=Credentials("thekey", "thesecret"),
        service="s",
        blender="b",
    )
    process = start_worker(store.folder, settings)
    deadline = time.monotonic() + 60
    while not store.is_lease_alive("s"):
        assert process.poll() is None, (store.folder / "worker.log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    shown = process.args
    if Path("/proc/self").exists():
        shown = [
            *shown,  # type: ignore[misc]
            Path(f"/proc/{process.pid}/environ").read_text(),
            Path(f"/proc/{process.pid}/cmdline").read_text(),
        ]
    assert "thesecret" not in str(shown)
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(timeout=30) == 0
    assert "thesecret" not in (store.folder / "worker.log").read_text()
    for path in store.folder.glob("maquette.db*"):
        assert b"thesecret" not in path.read_bytes()
    assert not store.is_lease_alive("s")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks at processes by Linux's means")
def test_a_worker_brings_its_sandbox_and_takes_it_along_even_when_it_is_killed(tmp_path: Path) -> None:
    store = Store(tmp_path / "state")
    settings = WorkerSettings(service="sandbox", blender="none", is_sandbox=True, linger_s=60.0)
    store.lookups.ask("sandbox", "balance")
    worker = start_worker(store.folder, settings)
    deadline = time.monotonic() + 60
    while store.lookups.has_open("sandbox"):
        assert worker.poll() is None, (store.folder / "worker.log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (answered,) = store.lookups.answered_since("sandbox", 0, 9)
    assert (answered.answer, answered.error) == (10_000.0, "")
    (sandbox,) = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
    worker.kill()
    worker.wait()
    with suppress(FileNotFoundError, ProcessLookupError):  # it has ended, and was collected
        while "Z (zombie)" not in Path(f"/proc/{sandbox}/status").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert worker.stdin is not None
    worker.stdin.close()


def test_reading_jobs_loads_neither_the_http_library_nor_sqlite() -> None:
    """Blender's start is not to wait for them: the one is the worker's alone, the other the first tick's."""
    conftest = Path(__file__).parents[1] / "conftest.py"
    code = f"import runpy, sys; runpy.run_path({str(conftest)!r}); import maquette.session_state; "
    code += "sys.exit(not {'requests', 'urllib3', 'sqlite3'}.isdisjoint(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks at open files by Linux's means")
def test_a_tick_with_nothing_new_opens_nothing(tmp_path: Path) -> None:
    backend = Backend(tmp_path, "s", None)
    while backend.tick():
        continue
    opened: list[str] = []
    is_watching = False

    this_thread = threading.get_ident()  # others may be left from other tests

    def note(event: str, args: object) -> None:
        if is_watching and event in _OPENING and threading.get_ident() == this_thread:
            opened.append(f"{event} {args}")

    sys.addaudithook(note)  # for good: Python has no way to take it back
    files, own = open_files(), open_files(tmp_path)
    is_watching = True
    for _ in range(500):
        backend.tick()
    is_watching = False
    assert opened == []
    assert own and open_files(tmp_path) == own
    assert not open_files() - files  # there may be fewer: an earlier test's server closes its last connection
    backend.close()


def open_files(folder: Path | None = None) -> set[str]:
    """The numbers of this process's open files, or of those below `folder`."""
    numbers = set(os.listdir("/proc/self/fd"))
    if folder is None:
        return numbers
    return {each for each in numbers if os.path.realpath(f"/proc/self/fd/{each}").startswith(f"{folder}/")}
