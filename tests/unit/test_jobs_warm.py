# SPDX-License-Identifier: GPL-3.0-or-later
"""A background Blender waits for a result that is expected and for no other, and ends with its worker."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from job_scene import Scene
from maquette.client import Credentials, JobStatus
from maquette.jobs import (
    BlenderPool,
    ChildError,
    NewJob,
    State,
    Store,
    WorkerSettings,
    load_worker,
    process,
    start_worker,
)
from maquette.jobs.expected_results import count_expected
from maquette.jobs.poll_schedule import Outlook, with_mark
from maquette.jobs.runs import Run

BLENDER = f"""#!{sys.executable}
import json, os, pathlib, sys
note = pathlib.Path({{folder!r}}, "starts", str(os.getpid()))
note.parent.mkdir(exist_ok=True)
part = note.with_name(f".{{{{note.name}}}}.part")
part.write_text(" ".join(sys.argv[sys.argv.index("--") :] if "--" in sys.argv else []))
os.replace(part, note)  # whole, whoever looks
if {{is_broken}}:
    sys.exit(1)
for line in sys.stdin:
    task = json.loads(line)
    if task.get("is_end_of_waiting") and "--" in sys.argv:
        os._exit(9)  # as if it had ended just before
    open(task["log"], "a").close()
    if task.get("crash"):
        os._exit(11)
    pathlib.Path(task.get("target", os.devnull)).write_bytes(b"BLENDER")
    part = pathlib.Path(task["answer"] + ".part")
    part.write_text(json.dumps({{{{"ok": True, "faces": 12, "objects": 1, "pid": os.getpid()}}}}))
    os.replace(part, task["answer"])
"""
Make = Callable[..., BlenderPool]


needs_proc = pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks at processes by Linux's means")


def stand_in(folder: Path, *, is_broken: bool = False) -> str:
    script = folder / "waiting-blender"
    script.write_text(BLENDER.format(folder=str(folder), is_broken=is_broken))
    script.chmod(0o755)
    return str(script)


def starts(folder: Path) -> dict[int, str]:
    """The stand-ins that were started, by process id, with what they were told to be ready for."""
    return {int(path.name): path.read_text() for path in (folder / "starts").glob("[0-9]*")}


def soon(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Make]:
    made: list[BlenderPool] = []

    def make(**options: bool) -> BlenderPool:
        made.append(BlenderPool(stand_in(tmp_path, **options)))
        return made[-1]

    yield make
    for each in made:
        each.end()


@pytest.mark.parametrize(
    ("age_s", "progress", "past_s", "count"),
    [
        (1.0, None, (), 0),
        (10.0, None, (), 1),
        (1000.0, None, (), 0),
        (60.0, None, (180.0,), 0),
        (172.0, None, (180.0,), 1),
        (1000.0, None, (180.0,), 0),
        (172.0, None, (180.0,) * 9, 1),
        (300.0, None, (180.0,) * 9, 0),
        (30.0, 0.25, (), 0),
        (95.0, 0.95, (), 1),
        (30.0, 0.9, (180.0,), 1),
    ],
)
def test_a_result_is_expected_shortly_before_its_job_should_end_and_not_for_ever(
    age_s: float, progress: float | None, past_s: tuple[float, ...], count: int
) -> None:
    assert count_expected([Outlook(age_s, with_mark((), age_s, progress), past_s)]) == count


def test_of_many_jobs_some_results_are_expected_before_it_is_known_of_which() -> None:
    assert count_expected([Outlook(3.0)]) == 0
    assert 5 <= count_expected([Outlook(3.0)] * 100) <= 20
    assert count_expected([]) == 0


def test_a_result_that_has_come_is_expected_whatever_was_guessed(scene: Scene) -> None:
    expected = scene.store.expected
    job = scene.add()
    assert expected.count(job.service, job.session, 4) == 0
    scene.run(until=State.DOWNLOADING)
    assert expected.count(job.service, job.session, 4) == 1
    assert expected.count(job.service, job.session, 0) == 0


def test_a_long_job_that_tells_its_progress_in_tenths_has_its_result_expected_before_its_end(
    scene: Scene,
) -> None:
    scene.service.lasts_s = 1e6
    scene.add()
    job = scene.run(until=State.QUEUED)
    begun_at = job.submitted_at or 0.0
    expected_at: list[int] = []
    for age_s in range(int(scene.clock.time - begun_at) + 1, 600):
        scene.clock.time = begun_at + age_s
        if (progress := age_s // 60 / 10) != job.progress:
            job = scene.store.update(job, progress=progress)
        if scene.store.expected.count(job.service, job.session, 1):
            expected_at.append(age_s)
    assert expected_at[-1] == 599
    assert next(age_s for age_s in expected_at if age_s > 400) > 540


def test_a_blender_waits_for_each_task_that_is_expected_and_does_it(pool: Make, tmp_path: Path) -> None:
    blenders = pool()
    blenders.expect(2, "convert")
    blenders.expect(2, "convert")
    soon(lambda: len(starts(tmp_path)) == 2)
    assert set(starts(tmp_path).values()) == {"-- convert"}
    blenders.end(keep=2)
    first, second = (blenders.begin("convert", {}, tmp_path, "it") for _ in range(2))
    pids: list[object] = []
    for task in (first, second):
        while (answer := task.poll()) is None:
            time.sleep(0.01)
        pids.append(answer["pid"])
    assert set(pids) == set(starts(tmp_path))


def test_those_at_work_count_among_the_ones_that_are_expected(pool: Make, tmp_path: Path) -> None:
    blenders = pool()
    task = blenders.begin("convert", {}, tmp_path, "it")
    blenders.expect(1, "convert")
    while task.poll() is None:
        time.sleep(0.01)
    assert len(starts(tmp_path)) == 1


@needs_proc
def test_a_blender_ends_when_nothing_is_expected_any_more(pool: Make, tmp_path: Path) -> None:
    blenders = pool()
    blenders.expect(2, "convert")
    soon(lambda: len(starts(tmp_path)) == 2)
    blenders.end(keep=1)
    assert sum(map(is_running, starts(tmp_path))) == 1
    blenders.end()
    assert not any(map(is_running, starts(tmp_path)))


def test_a_blender_that_ended_while_it_waited_is_not_a_file_that_cannot_be_read(
    pool: Make, tmp_path: Path
) -> None:
    blenders = pool()
    blenders.expect(1, "convert")
    assert blenders.run("convert", {"is_end_of_waiting": True}, tmp_path, "it")["ok"]
    assert sorted(starts(tmp_path).values()) == ["", "-- convert"]


def test_a_file_that_crashes_the_blender_that_waited_is_told_and_not_read_twice(
    pool: Make, tmp_path: Path
) -> None:
    blenders = pool()
    blenders.expect(1, "convert")
    with pytest.raises(ChildError, match="crashed") as raised:
        blenders.run("convert", {"crash": True}, tmp_path, "it")
    assert raised.value.is_unreadable
    assert len(starts(tmp_path)) == 1


@needs_proc
def test_a_blender_that_does_not_start_is_not_started_again_and_again(pool: Make, tmp_path: Path) -> None:
    blenders = pool(is_broken=True)
    blenders.expect(1, "convert")
    soon(lambda: starts(tmp_path) and not any(map(is_running, starts(tmp_path))))
    for _ in range(3):
        blenders.expect(1, "convert")
    assert len(starts(tmp_path)) == 1
    BlenderPool("none").expect(1, "convert")


@needs_proc
def test_a_blender_waits_while_a_job_runs_and_converts_its_result(scene: Scene) -> None:
    scene.blender = stand_in(scene.folder)
    scene.service.is_finishing = False
    job = scene.add()
    for _ in range(9):
        scene.store.runs.add(job.service, job.model_id, "", Run(0.0, 130.0))
    worker = scene.worker()
    scene.run(until=State.QUEUED, worker=worker)  # a hundred seconds pass with that
    (remote,) = scene.service.jobs
    scene.service.jobs[remote] = replace(scene.service.jobs[remote], status=JobStatus.IN_PROGRESS)
    rounds(scene, worker, 4)
    assert starts(scene.folder) == {}
    rounds(scene, worker, 30)
    soon(lambda: starts(scene.folder))
    ((waiting, expected),) = starts(scene.folder).items()
    assert expected == "-- convert"
    scene.service.is_finishing = True
    job = scene.run(worker=worker)
    assert job.state is State.READY
    assert job.result["pid"] == waiting
    worker.close()
    assert not is_running(waiting)


def test_a_conversion_begins_in_the_round_that_sees_the_end_of_the_download(scene: Scene) -> None:
    job_id = scene.add().id
    worker = scene.worker()
    scene.run(until=State.DOWNLOADING, worker=worker)
    while scene.store.get(job_id).state is State.DOWNLOADING:
        assert worker.round()
    assert scene.store.get(job_id).state is State.CONVERTING
    assert job_id in worker.tasks
    worker.tasks.drain()


@pytest.mark.parametrize("session", ["", "batch"])
def test_a_result_for_a_window_is_there_before_its_report(scene: Scene, session: str) -> None:
    script = scene.folder / "measuring-blender"
    script.write_text(f"""#!{sys.executable}
import json, os, pathlib, sys, time
go_on = pathlib.Path({str(scene.folder)!r}, "go on")
for line in sys.stdin:
    task = json.loads(line)
    open(task["log"], "a").close()
    pathlib.Path(task["target"]).write_bytes(b"BLENDER")
    answer, report = {{"ok": True, "objects": 1}}, {{"ok": True, "report": {{"faces": 12}}}}
    part = pathlib.Path(task["answer"] + ".part")
    if task["is_report_later"]:
        part.write_text(json.dumps(answer | {{"is_to_be_continued": True}}))
        os.replace(part, task["answer"])
        while not go_on.exists():
            time.sleep(0.01)
    part.write_text(json.dumps(report if task["is_report_later"] else answer | report))
    os.replace(part, task["answer"] + ".more" * task["is_report_later"])
""")
    script.chmod(0o755)
    job_id = scene.add(session=session).id
    worker = scene.worker(session, blenders=BlenderPool(str(script)))

    def is_ready() -> bool:
        worker.round()
        scene.clock.time += scene.step_s
        return scene.store.get(job_id).state is State.READY

    soon(is_ready)
    assert scene.store.get(job_id).result == {
        "ok": True,
        "objects": 1,
        **({"report": {"faces": 12}} if session else {}),
    }
    (scene.folder / "go on").touch()
    while worker.round():
        time.sleep(0.01)
    done = scene.store.get(job_id)
    assert (done.state, done.result["report"], done.message) == (State.READY, {"faces": 12}, "")
    worker.close()


@needs_proc
def test_no_blender_waits_when_the_job_has_failed(scene: Scene) -> None:
    scene.service.is_finishing = False
    scene.add()
    scene.add()
    worker = scene.worker(blenders=BlenderPool(stand_in(scene.folder), idle_s=0.0))
    scene.run(until=State.QUEUED, worker=worker)
    for remote, job in scene.service.jobs.items():
        scene.service.jobs[remote] = replace(job, status=JobStatus.IN_PROGRESS)
    rounds(scene, worker, 30)
    soon(lambda: starts(scene.folder))
    (waiting,) = starts(scene.folder)
    for remote, job in scene.service.jobs.items():
        scene.service.jobs[remote] = replace(job, status=JobStatus.FAILURE)
    rounds(scene, worker, 60)
    assert not is_running(waiting)


def rounds(scene: Scene, worker: object, count: int) -> None:
    for _ in range(count):
        worker.round()  # type: ignore[attr-defined]
        worker.tasks.drain()  # type: ignore[attr-defined]
        scene.clock.time += scene.step_s


@needs_proc
@pytest.mark.parametrize("is_killed", [True, False])
def test_a_blender_that_waits_ends_with_its_worker_even_when_it_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_killed: bool
) -> None:
    model = tmp_path / "model.glb"
    model.write_bytes(b"glTF")
    monkeypatch.setenv("MAQUETTE_SANDBOX_OPTIONS", f"--delay 1000 --result {model}")
    store = Store(tmp_path / "state")
    model_id = "model_meshy-txt23d"
    store.runs.add("sandbox", model_id, "", Run(0.0, 14.0))
    store.add(NewJob("n", model_id, {"prompt": "x"}, service="sandbox"))
    settings = WorkerSettings(
        service="sandbox", blender=stand_in(tmp_path), is_sandbox=True, converters=2, linger_s=60.0
    )
    worker = start_worker(store.folder, settings)
    log = store.folder / "worker.log"
    soon(lambda: starts(tmp_path) or (worker.poll() is not None and pytest.fail(log.read_text())))
    (waiting,) = starts(tmp_path)
    assert is_running(waiting)
    assert worker.stdin is not None
    if is_killed:
        worker.kill()
    else:
        worker.stdin.close()
    worker.wait(60)
    soon(lambda: not is_running(waiting))
    worker.stdin.close()


def is_running(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):  # the latter where it ends between opening and reading
        return False


@needs_proc
def test_a_worker_that_was_loaded_ahead_is_the_next_one_and_writes_to_the_stores_log(tmp_path: Path) -> None:
    store = Store(tmp_path / "state")
    store.add(NewJob("n", "m", {"prompt": "x"}, service="s"))
    load_worker()
    ahead = process._loaded[-1].pid  # noqa: SLF001
    settings = WorkerSettings("s", "none", "http://127.0.0.1:9/v1", Credentials("key", "secret"))
    worker = start_worker(store.folder, settings)
    other = start_worker(store.folder, settings)
    assert worker.pid == ahead
    assert other.pid != ahead
    log = store.folder / "worker.log"
    soon(lambda: "uploading" in log.read_text())
    for each in (worker, other):
        assert each.stdin is not None
        each.stdin.close()
        each.wait(60)


@needs_proc
def test_a_worker_that_was_loaded_in_vain_ends_with_the_process_that_loaded_it() -> None:
    conftest = Path(__file__).parents[1] / "conftest.py"
    code = f"import runpy, os; runpy.run_path({str(conftest)!r}); from maquette.jobs import process; "
    code += "process.load_worker(); print(process._loaded[-1].pid, flush=True); os._exit(0)"
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    soon(lambda: not is_running(int(made.stdout)))


@pytest.mark.parametrize(
    ("words", "is_so"),
    [
        ("blender --background --command maquette generate horse.png", True),
        ("blender -b -c maquette generate --prompt horse", True),
        ("blender --background --command maquette generate horse.png --dry-run", False),
        ("blender --background --command maquette generate --help", False),
        ("blender --background --command maquette jobs", False),
        ("blender scene.blend", False),
        ("blender --command", False),
    ],
)
def test_a_worker_is_loaded_ahead_for_a_command_that_will_need_it(words: str, is_so: bool) -> None:
    source = (Path(__file__).parents[2] / "cli" / "command.py").read_text()
    scope: dict[str, Any] = {}
    start = source.index("def _is_to_generate")
    exec(source[start : source.index("\n\n\n", start)], scope)  # the module itself needs Blender
    assert scope["_is_to_generate"](words.split()) == is_so
