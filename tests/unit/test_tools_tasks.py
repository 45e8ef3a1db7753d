# SPDX-License-Identifier: GPL-3.0-or-later
"""The tasks' machinery: it finds what is there, names what is missing, and counts what happened."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import blenders
import plans
import pytest
import pythons
import steps
import task
import venvs
import windows

ROOT = Path(__file__).resolve().parents[2]
NOW = "{}.{}".format(*sys.version_info)
posix = pytest.mark.skipif(os.name == "nt", reason="the stand-ins for Python are shell scripts")


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + text, encoding="utf-8")
    path.chmod(0o755)
    return path


def run_task(*words: str, **env: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(ROOT / "tools" / "task.py"), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, **env})


def test_without_a_name_every_task_is_listed_with_what_it_does() -> None:
    done = run_task()
    assert done.returncode == 0
    names = [line.split()[0] for line in done.stdout.splitlines()]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert names == makefile.split("TASKS := ")[1].splitlines()[0].split()
    assert all(len(line.split()) > 3 for line in done.stdout.splitlines())


def test_asking_for_help_on_a_task_runs_nothing() -> None:
    done = run_task("clean", "--help")
    assert (done.returncode, done.stdout[:13]) == (0, "clean: remove")


def test_an_unknown_task_is_wrong_usage() -> None:
    done = run_task("tets")
    assert done.returncode == 2
    assert "invalid choice" in done.stderr


def test_this_python_is_found_and_really_is_its_version() -> None:
    found, flaw = pythons.probe([sys.executable], NOW)
    assert (found, flaw) == (Path(sys.executable), "")
    assert pythons.probe([sys.executable], "2.7") == (None, "")


@posix
def test_a_shim_that_fails_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path / "shims" / "python7.5", "echo 'command not found' >&2; exit 127\n")
    script(tmp_path / "real" / "python7.5", "echo 7.5; echo /opt/python7.5\n")
    monkeypatch.setenv("PATH", f"{tmp_path}/shims{os.pathsep}{tmp_path}/real")
    pythons.look_for.cache_clear()
    assert pythons.look_for("7.5") == (Path("/opt/python7.5"), "")


@posix
def test_a_python_without_ensurepip_is_named_with_what_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = "ModuleNotFoundError: No module named 'ensurepip'"
    text = f'echo 7.6; echo /usr/bin/python7.6; echo "{error}" >&2; exit 1\n'
    script(tmp_path / "python7.6", text)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(pythons, "uv_or_none", lambda: None)
    found, reason = pythons.look_for("7.6")
    assert found is None
    assert reason.startswith(
        "/usr/bin/python7.6 is incomplete: ModuleNotFoundError: No module named 'ensurepip'"
    )
    assert "Install it: " in reason


@pytest.mark.parametrize(
    ("platform", "tool", "command"),
    [
        ("linux", "apt-get", "apt-get install python3.13 python3.13-venv"),
        ("linux", "dnf", "dnf install python3.13"),
        ("linux", "", "uv python install 3.13"),
        ("darwin", "brew", "brew install python@3.13"),
        ("win32", "winget", "winget install Python.Python.3.13"),
    ],
)
def test_a_missing_python_comes_with_the_command_that_fits_the_machine(
    platform: str, tool: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(steps, "IS_WINDOWS", platform == "win32")
    monkeypatch.setattr(pythons.shutil, "which", lambda name: name if name == tool else None)
    assert command in pythons.install_command("3.13")


def test_without_any_usable_python_a_task_says_so_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        pythons, "look_for", lambda version: (None, f"no Python {version}. Install it: somehow")
    )
    monkeypatch.setattr(pythons, "uv_or_none", lambda: "uv")
    with pytest.raises(
        steps.TaskError, match=r"no Blender for this machine(.|\n)*no Python 3\.11\. Install it: somehow"
    ):
        venvs.make_main()


def test_a_half_made_environment_is_made_again_and_a_whole_one_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed: list[str] = []
    monkeypatch.setattr(venvs, "install", lambda venv, what: installed.append(what[0]))
    monkeypatch.setattr(venvs, "quietly", lambda command: command[-1].mkdir())  # python -m venv
    venv = tmp_path / "venv"
    (venv / "left over").mkdir(parents=True)
    for _ in range(2):
        venvs.fill(venv, Path(sys.executable), "3.11", "bpy==1", ("test",))
    assert not (venv / "left over").exists()
    assert installed == ["bpy==1", "-r"]
    venvs.fill(venv, Path(sys.executable), "3.11", "bpy==2", ("test",))
    assert installed[2:] == ["bpy==2", "-r"]
    assert set(venvs.read_stamp(venv)) == {"python", "bpy==2", "test"}


@posix
@pytest.mark.parametrize("tool", ["apt-get", "dnf"])
def test_a_missing_system_library_comes_with_the_command_that_installs_it(
    tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = "ImportError: libXfixes.so.3: cannot open shared object file: No such file or directory"
    script(tmp_path / "bin" / "python", f"echo '{error}' >&2; exit 1\n")
    monkeypatch.setattr(steps, "IS_CI", False)
    monkeypatch.setattr(venvs, "IS_CI", False, raising=False)
    monkeypatch.setattr(venvs.shutil, "which", lambda name: name if name == tool else None)
    package = "libxfixes3" if tool == "apt-get" else "libXfixes"
    with pytest.raises(
        steps.TaskError, match=rf"system library libXfixes\.so\.3.*{tool} install .*{package}"
    ):
        venvs.check_import(tmp_path)


@pytest.mark.parametrize(
    ("counts", "code", "outcome"),
    [
        ('tests="9" failures="0" errors="0" skipped="2"', 0, (7, 0, 2)),
        ('tests="9" failures="1" errors="2" skipped="0"', 1, (6, 3, 0)),
        ('tests="9" failures="0" errors="0" skipped="0"', 2, (9, 1, 0)),
        ('tests="0" failures="0" errors="0" skipped="0"', 5, (0, 1, 0)),
    ],
)
def test_a_run_is_counted_from_its_report(
    counts: str, code: int, outcome: tuple[int, int, int], tmp_path: Path
) -> None:
    report = tmp_path / "report.xml"
    report.write_text(
        f'<testsuites><testsuite name="pytest" {counts} time="1.5"/></testsuites>', encoding="utf-8"
    )
    assert blenders.read_report("x", report, code)[1:4] == outcome


def test_the_summary_names_each_test_that_failed_and_what_it_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.xml"
    report.write_text(
        '<testsuites><testsuite tests="3" failures="1" errors="1" skipped="0">'
        '<testcase classname="tests.a" name="test_good"/>'
        '<testcase classname="tests.a" name="test_bad"><failure message="assert 1 == 2&#10;more"/></testcase>'
        '<testcase classname="tests.b" name="test_worse"><error message="no fixture"/></testcase>'
        "</testsuite></testsuites>",
        encoding="utf-8",
    )
    blenders.summarize([blenders.read_report("x", report, 1)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[-4:-1] == [
        "  x: 1 passed, 2 failed",
        "    tests.a::test_bad: assert 1 == 2",
        "    tests.b::test_worse: no fixture",
    ]


def test_a_run_that_crashed_before_its_report_is_a_failure(tmp_path: Path) -> None:
    crashed = blenders.read_report("Blender 4.2.23", tmp_path / "missing.xml", -11)
    assert (crashed.failed, crashed.note) == (1, "ended with exit code -11 and no report")


def test_the_last_line_is_the_sum_and_a_failure_is_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    good = blenders.Outcome("a", passed=3)
    skipped = blenders.Outcome("b", skipped=1, note="no Python 3.11 on this machine")
    assert blenders.summarize([good, skipped]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "3 passed, 0 failed, 1 skipped"
    assert "  b: 1 skipped (no Python 3.11 on this machine)" in lines
    assert blenders.summarize([good, blenders.Outcome("c", failed=1)]) == 1
    assert blenders.summarize([skipped]) == 1, "a run in which nothing passed has shown nothing"


@pytest.mark.parametrize(("is_ci", "counts"), [(False, (0, 1)), (True, (1, 0))])
def test_a_window_that_this_machine_cannot_have_is_skipped_with_the_reason_but_not_in_ci(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_ci: bool, counts: tuple[int, int]
) -> None:
    def set_up(version: str) -> windows.Window:
        with steps.step(f"Blender {version}"):
            raise steps.MissingError("there is no screen")

    monkeypatch.setattr(windows, "set_up", set_up)
    monkeypatch.setattr(steps, "IS_CI", is_ci)
    (outcome,) = windows.run_all(("4.2",), [], tmp_path / "maquette.zip", tmp_path)
    assert (outcome.failed, outcome.skipped) == counts
    assert outcome.note == "Blender 4.2: there is no screen"


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str]]]:
    """What would have run where: the Blender, and pytest's arguments."""
    found: list[tuple[str, list[str]]] = []

    def run_wheel(
        wheel: venvs.Wheel, zip_file: Path, arguments: list[str], part: str = "", is_measured: bool = False
    ) -> blenders.Outcome:
        found.append((wheel.blender, arguments))
        return blenders.Outcome(wheel.blender, passed=1)

    def run_real(blender: Path, zip_file: Path, arguments: list[str]) -> blenders.Outcome:
        found.append((str(blender), arguments))
        return blenders.Outcome(str(blender), passed=1)

    monkeypatch.delenv("MAQUETTE_BLENDERS", raising=False)
    monkeypatch.setattr(blenders, "run_wheel", run_wheel)
    monkeypatch.setattr(blenders, "run_real", run_real)
    monkeypatch.setattr(blenders, "find_real", lambda: [Path("real")])
    return found


def test_the_newest_blender_has_all_tests_and_the_oldest_those_that_can_differ(
    runs: list[tuple[str, list[str]]],
) -> None:
    blenders.run_all(plans.plan_few(Path("x.zip")))
    newest = [arguments for version, arguments in runs if version == venvs.WHEELS[0].blender]
    parts = [[f"tests/blender/{name}" for name in part] for part in plans.SAME_EVERYWHERE]
    rest = ["tests/blender", *(f"--ignore={name}" for part in parts for name in part)]
    assert sorted(newest) == sorted([*parts, rest])
    few = [*rest, *(f"--ignore=tests/blender/{name}" for name in plans.WITH_JOBS)]
    assert sorted(entry for entry in runs if entry[0] != "5.2") == [("4.2", few), ("real", few)]


def test_with_all_tests_genuine_blenders_have_all_and_the_other_wheels_those_that_can_differ(
    runs: list[tuple[str, list[str]]],
) -> None:
    blenders.run_all(plans.plan_all(Path("x.zip")))
    found = dict(runs)
    assert {version for version, arguments in runs if not arguments} == {"real"}
    assert sum(version == "5.2" for version, _ in runs) == len(plans.newest_names())
    assert "--ignore=tests/blender/test_batch.py" in found["4.5"]
    assert found["4.5"] == found["5.0"] == found["4.2"]


def test_one_version_and_one_test_can_be_named(runs: list[tuple[str, list[str]]]) -> None:
    blenders.run_all(plans.plan(Path("x.zip"), ["5.2"], ["-k", "name"]))
    assert runs == [("5.2", ["-k", "name"])]
    with pytest.raises(steps.TaskError, match=r"no Blender 3\.6 here, but 4\.2, 4\.3"):
        plans.plan(Path("x.zip"), ["3.6"], [])


def test_the_lists_of_modules_name_what_there_is() -> None:
    named = {*(name for part in plans.SAME_EVERYWHERE for name in part), *plans.WITH_JOBS}
    assert all((ROOT / "tests" / "blender" / name).exists() for name in named)
    assert all((ROOT / "tests" / "unit" / name).exists() for name in task.DIFFER_BY_PYTHON)


def test_official_builds_are_named_with_their_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    builds = [script(tmp_path / name / "blender", "") for name in ("one", "two")]
    monkeypatch.setenv("MAQUETTE_BLENDERS", os.pathsep.join(map(str, builds)))
    assert blenders.find_real() == builds
    monkeypatch.setenv("MAQUETTE_BLENDERS", str(tmp_path / "three"))
    with pytest.raises(steps.TaskError, match=r"there is no .*three"):
        blenders.find_real()


@posix
def test_a_run_that_takes_too_long_is_ended_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log.txt"
    wait = subprocess.Popen.wait

    def wait_for_child_first(process: "subprocess.Popen[bytes]", timeout: float | None = None) -> int:
        """The second counts from when the child is there, however long that takes."""
        while not log.read_text().endswith("\n"):
            time.sleep(0.01)
        return wait(process, timeout)

    monkeypatch.setattr(subprocess.Popen, "wait", wait_for_child_first)
    code = blenders.call(["sh", "-c", "sleep 60 & echo $!; wait"], dict(os.environ), log, timeout_s=1)
    assert code == 124
    child, *_ = log.read_text().splitlines()
    deadline = time.monotonic() + 60
    while is_running(int(child)) and time.monotonic() < deadline:
        time.sleep(0.05)  # the kernel's doing, not ours: nothing to inject a clock into
    assert not is_running(int(child))
    assert "no end after 1 s" in log.read_text()


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_task_leaves_no_run_behind(number: signal.Signals, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    lines = [
        "import os, signal, sys",
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it",
        "from pathlib import Path",
        f"sys.path.insert(0, {str(ROOT / 'tools')!r})",
        "import blenders, task",
        "def call(name):",
        "    words = ['sh', '-c', f'echo $$ > {name}.part; mv {name}.part {name}; sleep 60']",
        "    return blenders.call(words, dict(os.environ), Path(name + '.log'), 60)",
        f"runs = [lambda name=name: call(name) for name in {[str(one), str(other)] * 2!r}]",
        "task.TASKS['test'] = lambda rest: blenders.run_all(runs)",
        "sys.exit(task.main(['test']))",
    ]
    (tmp_path / "run.py").write_text("\n".join(lines))
    process = subprocess.Popen([sys.executable, str(tmp_path / "run.py")], stderr=subprocess.PIPE, text=True)
    ends_at = time.monotonic() + 60
    while not (one.exists() and other.exists()) and time.monotonic() < ends_at:
        time.sleep(0.02)
    process.send_signal(number)
    said = process.communicate(timeout=50)[1]
    assert process.returncode == 130, said
    assert "interrupted" in said
    assert not any(is_running(int(file.read_text())) for file in (one, other))


@posix
def test_an_interruption_that_wakes_no_wait_ends_the_runs(tmp_path: Path) -> None:
    # As one that comes when the main thread is about to wait: a thread of the pool gets it here.
    begun = tmp_path / "begun"
    lines = [
        "import os, signal, sys, threading, time",
        "from pathlib import Path",
        f"sys.path.insert(0, {str(ROOT / 'tools')!r})",
        "import blenders, task",
        "os.cpu_count = lambda: 2",
        f"begun = Path({str(begun)!r})",
        "def call():",
        "    words = ['sh', '-c', f'echo $$ > {begun}.part; mv {begun}.part {begun}; sleep 150']",
        "    return blenders.call(words, dict(os.environ), Path(f'{begun}.log'), 600)",
        "def interrupt():",
        "    while not begun.exists():",
        "        time.sleep(0.01)",
        "    time.sleep(0.5)  # the main thread waits by now",
        "    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)",
        "    time.sleep(150)",
        "task.TASKS['test'] = lambda rest: blenders.run_all([call, interrupt])",
        "sys.exit(task.main(['test']))",
    ]
    (tmp_path / "run.py").write_text("\n".join(lines))
    with subprocess.Popen([sys.executable, str(tmp_path / "run.py")], stderr=subprocess.DEVNULL) as process:
        ends_at = time.monotonic() + 100
        try:
            while not begun.exists() or is_running(int(begun.read_text())):
                assert time.monotonic() < ends_at, "the run goes on"
                time.sleep(0.02)
        finally:
            process.kill()


def is_running(pid: int) -> bool:
    """False for a zombie too, which in a container may have nobody to collect it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_the_tests_see_no_account_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SCENARIO_SDK_API_KEY", "MAQUETTE_STATE", "BLENDER_USER_RESOURCES", "PYTHONPATH"):
        monkeypatch.setenv(name, "mine")
    assert "mine" not in blenders.clean_environment().values()
    assert blenders.clean_environment()["PATH"] == os.environ["PATH"]


def test_a_command_that_fails_names_itself_and_shows_its_last_words() -> None:
    with (
        pytest.raises(steps.TaskError, match=r"work: exit code 3 from (.|\n)*last words"),
        steps.step("work"),
    ):
        steps.quietly([sys.executable, "-c", "import sys; print('last words'); sys.exit(3)"])


@pytest.mark.parametrize("group", ["runner", "test", "dev"])
def test_what_is_installed_is_pinned_with_hashes_and_names_no_server(group: str) -> None:
    locked = (ROOT / "tools" / f"requirements-{group}.txt").read_text(encoding="utf-8")
    assert "://" not in locked
    assert "--index" not in locked
    entries = locked.replace("\\\n", "").splitlines()
    assert all(" --hash=sha256:" in entry for entry in entries if not entry.startswith("#"))
    pinned = {entry.split()[0] for entry in entries if not entry.startswith("#")}
    asked = (ROOT / "tools" / f"requirements-{group}.in").read_text(encoding="utf-8").splitlines()
    assert {line.replace("[nodejs]", "") for line in asked if not line.startswith(("#", "-r"))} <= pinned
