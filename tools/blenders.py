# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests inside Blender: in every Blender that can be had, against the zip as Blender installs it.

pytest-blender starts Blender and pytest inside it. What it does not do is here: install the zip as an
extension, with preferences of the run's own; several Blenders, some at a time; a time limit; the counts.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Callable, Iterator, NamedTuple, Sequence

import steps
import venvs
from steps import BUILD, IS_CI, ROOT, fail, quietly, say, step

PACKAGE = "bl_ext.user_default.maquette"
TIMEOUT_S = 3600
UNDER_WAY: set[subprocess.Popen] = set()  # of `call`: in sessions of their own, which Ctrl-C does not reach
INTERRUPTED: list[int] = []  # the signals that came while runs were under way
REAL_VERSION = "4.3"
REAL_CHROOT = ROOT / ".venvs" / "blender-4.3"  # the chroot; its `blender` command stands beside it
REAL_COMMAND = ROOT / ".venvs" / "blender-4.3.sh"


class Outcome(NamedTuple):
    """How one run of tests, or one check, went."""

    name: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    note: str = ""
    log: Path | None = None
    failures: tuple[str, ...] = ()  # one line a test that failed: its name and what it said


def read_report(name: str, report: Path, code: int) -> Outcome:
    """The outcome that pytest wrote to `report`; a run that ended without one, or oddly, is one failure."""
    try:
        suite = ElementTree.parse(str(report)).getroot().find("testsuite")
        attributes = suite.attrib if suite is not None else {}
        counts = {key: int(value) for key, value in attributes.items() if value.isdigit()}
    except (OSError, ElementTree.ParseError):
        return Outcome(name, failed=1, note=f"ended with exit code {code} and no report")
    failed = counts.get("failures", 0) + counts.get("errors", 0)
    skipped = counts.get("skipped", 0)
    passed = max(0, counts.get("tests", 0) - failed - skipped)
    if code and not failed:
        return Outcome(name, passed, 1, skipped, f"pytest ended with exit code {code}")
    return Outcome(name, passed, failed, skipped, failures=tuple(name_failures(suite)))


def name_failures(suite: ElementTree.Element | None) -> Iterator[str]:
    """A line for each test of a pytest report that failed: its name, and the first line of its message."""
    for case in suite.iter("testcase") if suite is not None else ():
        for kind in ("failure", "error"):
            problem = case.find(kind)
            if problem is not None:
                message = (problem.get("message") or "").partition("\n")[0]
                yield f"{case.get('classname')}::{case.get('name')}: {message}"[:300]


def clean_environment() -> dict[str, str]:
    """This process's environment less what is the user's own: accounts, settings, Python paths."""
    own = re.compile("SCENARIO_|MAQUETTE_|BLENDER_|PYTHON|PYTEST_|VIRTUAL_ENV$")
    return {name: value for name, value in os.environ.items() if not own.match(name)}


def call(command: list[object], env: dict[str, str], log: Path, timeout_s: float) -> int:
    """Runs a command, its output in `log`; one that takes too long is ended with its children: 124.

    Raises TaskError where all runs have been interrupted.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=str(ROOT),
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=not steps.IS_WINDOWS,
        )
        UNDER_WAY.add(process)
        try:
            if INTERRUPTED:
                kill_group(process)
            code = process.wait(timeout_s)
            if INTERRUPTED:
                fail("interrupted")
            return code
        except subprocess.TimeoutExpired:
            output.write(f"\nno end after {timeout_s:.0f} s: ended\n".encode())
            return 124
        finally:
            end_with_children(process)
            UNDER_WAY.discard(process)


def end_with_children(process: subprocess.Popen) -> None:
    """Kills what is left of a process's group, also when the process itself has ended."""
    kill_group(process)
    process.wait()


def kill_group(process: subprocess.Popen) -> None:
    """Kills a process and its children, without waiting for their end."""
    if steps.IS_WINDOWS:
        if process.poll() is None:
            subprocess.call(["taskkill", "/F", "/T", "/PID", str(process.pid)], stdout=subprocess.DEVNULL)
    else:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def interrupt(number: int, frame: object) -> None:
    """Ends what is under way; an exception from here could leave a lock of the pool taken, for good."""
    INTERRUPTED.append(number)
    for process in list(UNDER_WAY):
        kill_group(process)


def prepare(blender: Path, zip_file: Path, folder: Path) -> dict[str, str]:
    """Installs the zip into a user's folder of this run's own; returns the environment for tests there."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "user").mkdir(parents=True)
    (folder / "kept").mkdir()
    env = {
        **clean_environment(),
        "BLENDER_USER_RESOURCES": str(folder / "user"),
        "MAQUETTE_PACKAGE": PACKAGE,
        "MAQUETTE_ZIP": str(zip_file),
        "MAQUETTE_KEEP": str(folder / "kept"),
    }
    install = ["--command", "extension", "install-file", "-r", "user_default", "--enable", zip_file]
    log = folder / "log.txt"
    code = call([blender, *install], env, log, 300)
    if code:
        fail(f"the zip could not be installed: exit code {code}, see {log}")
    return env


def run_in(
    name: str,
    blender: Path,
    zip_file: Path,
    arguments: list[str],
    extra_path: str = "",
    is_measured: bool = False,
) -> Outcome:
    """Runs pytest inside this Blender; `extra_path` has a pytest for one that has its own Python.

    With `is_measured` each of our own `blender` commands notes what of headless/ it runs.
    """
    folder = BUILD / "tests" / name.replace(" ", "-")
    log, report = folder / "log.txt", folder / "report.xml"
    try:
        env = prepare(blender, zip_file, folder)
    except steps.TaskError as failure:
        return Outcome(name, failed=1, note=str(failure), log=log)
    if is_measured:
        measured_in(name).mkdir()
        env["COVERAGE_FILE"] = str(measured_in(name) / "part")
    python = venvs.program(venvs.make_runner(), "python")
    options = ["-v", "--durations=30", "-p", "no:cacheprovider"]
    options += [f"--junitxml={report}", f"--basetemp={folder / 'tmp'}", *arguments]
    if not any(word.startswith("tests") for word in arguments):  # else -k NAME alone
        options.append("tests/blender")
    command = [python, "-m", "pytest", "--blender-executable", blender, *options]
    if extra_path:
        command += ["--", "--python-expr", f"import sys; sys.path.append({extra_path!r})"]
    code = call(command, env, log, TIMEOUT_S)
    return read_report(name, report, code)._replace(log=log)


def measured_in(name: str) -> Path:
    """Where the processes of a run leave what they noted."""
    return BUILD / "tests" / name.replace(" ", "-") / "coverage"


def name_of(wheel: venvs.Wheel) -> str:
    return f"Blender {wheel.version}"


def run_wheel(
    wheel: venvs.Wheel, zip_file: Path, arguments: list[str], part: str = "", is_measured: bool = False
) -> Outcome:
    """Tests in an official build as a Python module; `part` tells two runs of one apart."""
    name = name_of(wheel) + part
    try:
        venv = venvs.make_test_wheel(wheel)
    except steps.MissingError as reason:
        return Outcome(name, skipped=1, note=str(reason))
    except steps.TaskError as failure:
        return Outcome(name, failed=1, note=str(failure))
    say(f"- tests in {name} ...")
    return run_in(name, venvs.launcher(venv), zip_file, arguments, is_measured=is_measured)


def set_up_real() -> Path:
    """Installs a genuine Blender with its window into a chroot, and writes the command that starts it."""
    with step("genuine Blender 4.3.2 in a chroot (1.4 GB the first time)"):
        script = ROOT / "tools" / "real_blender.sh"
        if not steps.is_root_on_debian() or not shutil.which("unshare"):
            text = "needs Debian and root. Elsewhere set MAQUETTE_BLENDERS to paths of Blenders, 4.2 on"
            raise steps.MissingError(text)
        quietly(["bash", script, "setup", REAL_CHROOT])
        REAL_COMMAND.write_text(f'#!/bin/sh\nexec bash "{script}" run "{REAL_CHROOT}" -- blender "$@"\n')
        REAL_COMMAND.chmod(0o755)
        quietly([REAL_COMMAND, "--version"])
    return REAL_COMMAND


def find_real() -> list[Path]:
    """The genuine Blenders to test in: $MAQUETTE_BLENDERS, or one on PATH, or (as root on Debian) our own."""
    named = [Path(name) for name in os.environ.get("MAQUETTE_BLENDERS", "").split(os.pathsep) if name]
    for path in named:
        if not path.exists():
            fail(f"MAQUETTE_BLENDERS: there is no {path}")
    if named:
        return named
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        found = shutil.which("blender", path=folder)
        if found and ROOT not in Path(found).resolve().parents:
            return [Path(found)]
    return [set_up_real()] if REAL_COMMAND.exists() or steps.is_root_on_debian() else []


def run_real(blender: Path, zip_file: Path, arguments: list[str]) -> Outcome:
    """Tests in a genuine Blender."""
    code, output = steps.ask([blender, "--version"])
    version = re.search(r"Blender ((\d+)\.(\d+)[.\d]*)", output)
    if code or not version:
        note = f"{blender} --version ended with exit code {code}: {output.strip()}"
        return Outcome("genuine Blender", failed=1, note=note)
    name = f"genuine Blender {version[1]}"
    if (int(version[2]), int(version[3])) < (4, 2):
        return Outcome(name, skipped=1, note="the extension needs 4.2. Set MAQUETTE_BLENDERS to newer ones")
    try:
        extra_path = pytest_for_others()
    except steps.TaskError as failure:
        return Outcome(name, failed=1, note=str(failure))
    say(f"- tests in {name} ...")
    return run_in(name, blender, zip_file, arguments, str(extra_path))


def pytest_for_others() -> Path:
    """A folder with pytest, which is pure Python, for a Blender that has its own Python."""
    (folder,) = venvs.make_runner().glob("Lib/site-packages" if steps.IS_WINDOWS else "lib/*/site-packages")
    return folder


Run = Callable[[], Outcome]


def run_all(runs: Sequence[Run]) -> list[Outcome]:
    """What the runs found; more at a time than cores, as each waits half its time; none once INTERRUPTED."""
    outcomes = []
    handlers = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with ThreadPoolExecutor(max_workers=min(4, 2 * (os.cpu_count() or 1))) as pool:
            begun = [pool.submit(lambda run=run: fail("stopped") if INTERRUPTED else run()) for run in runs]
            for each in begun:
                while not each.done():
                    wait([each], timeout=1)  # one without an end misses a signal that comes just before it
                outcomes.append(each.result())
                report_on(outcomes[-1])
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if INTERRUPTED:
            raise KeyboardInterrupt
    return sorted(outcomes, key=lambda outcome: outcome.name)


def report_on(outcome: Outcome) -> None:
    """Prints how a run went; its log too if something failed, and in CI."""
    if outcome.log and (outcome.failed or IS_CI):
        say(f"\n----- {outcome.name}: {os.path.relpath(str(outcome.log), str(ROOT))}")
        say(outcome.log.read_text(encoding="utf-8", errors="replace"))
        say("-----")
    say(f"  {describe(outcome)}")


def describe(outcome: Outcome) -> str:
    """One outcome in words."""
    counts = [
        f"{getattr(outcome, word)} {word}"
        for word in ("passed", "failed", "skipped")
        if getattr(outcome, word)
    ]
    note = f" ({outcome.note})" if outcome.note else ""
    return f"{outcome.name}: {', '.join(counts) or 'nothing ran'}{note}"


def summarize(outcomes: list[Outcome]) -> int:
    """Prints a line for each outcome, then the sum as the last line; returns the exit code."""
    say("\nSummary")
    for outcome in outcomes:
        say("  " + describe(outcome))
        for failure in outcome.failures:
            say("    " + failure)
    passed = sum(outcome.passed for outcome in outcomes)
    failed = sum(outcome.failed for outcome in outcomes)
    skipped = sum(outcome.skipped for outcome in outcomes)
    sys.stderr.flush()
    say(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0
