# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests inside Blender: in every Blender that can be had, against the zip as Blender installs it.

Each run has its own preferences and extensions, and a time limit; nothing of the user's own Blender is read.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import steps
import venvs
from steps import BUILD, IS_CI, ROOT, fail, quietly, say, step

PACKAGE = "bl_ext.user_default.maquette"
TIMEOUT_S = 1500
REAL = ROOT / ".venvs" / "blender-4.3"  # the chroot; its `blender` command stands beside it
REAL_COMMAND = ROOT / ".venvs" / "blender-4.3.sh"


class Outcome(NamedTuple):
    """How one run of tests, or one check, went."""

    name: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    note: str = ""
    log: Path | None = None


def read_report(name: str, report: Path, code: int) -> Outcome:
    """The outcome that pytest wrote to `report`; a run that ended without one, or oddly, is one failure."""
    try:
        suite = ElementTree.parse(str(report)).getroot().find("testsuite")
        counts = (
            {key: int(value) for key, value in suite.attrib.items() if value.isdigit()}
            if suite is not None
            else {}
        )
    except (OSError, ElementTree.ParseError):
        return Outcome(name, failed=1, note=f"ended with exit code {code} and no report")
    failed = counts.get("failures", 0) + counts.get("errors", 0)
    skipped = counts.get("skipped", 0)
    passed = max(0, counts.get("tests", 0) - failed - skipped)
    if code and not failed:
        return Outcome(name, passed, 1, skipped, f"pytest ended with exit code {code}")
    return Outcome(name, passed, failed, skipped)


def clean_environment() -> dict[str, str]:
    """This process's environment less what is the user's own: accounts, settings, Python paths."""
    own = re.compile("SCENARIO_|MAQUETTE_|BLENDER_|PYTHON|PYTEST_|VIRTUAL_ENV$")
    return {name: value for name, value in os.environ.items() if not own.match(name)}


def call(command: list[object], env: dict[str, str], log: Path, timeout_s: float) -> int:
    """Runs a command, its output in `log`; one that takes too long is ended with its children: 124."""
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
        try:
            return process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            output.write(f"\nno end after {timeout_s:.0f} s: ended\n".encode())
            return 124
        finally:
            end_with_children(process)


def end_with_children(process: subprocess.Popen) -> None:
    """Kills what is left of a process's group, also when the process itself has ended."""
    if steps.IS_WINDOWS:
        if process.poll() is None:
            subprocess.call(["taskkill", "/F", "/T", "/PID", str(process.pid)], stdout=subprocess.DEVNULL)
    else:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
    process.wait()


def run_in(name: str, blender: Path, zip_file: Path, arguments: list[str], extra_path: str = "") -> Outcome:
    """Installs the zip into this Blender by Blender's own command, and runs pytest inside it."""
    folder = BUILD / "tests" / name.replace(" ", "-")
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "user").mkdir(parents=True)
    (folder / "kept").mkdir()
    log = folder / "log.txt"
    env = {
        **clean_environment(),
        "BLENDER_USER_RESOURCES": str(folder / "user"),
        "MAQUETTE_PACKAGE": PACKAGE,
        "MAQUETTE_ZIP": str(zip_file),
        "MAQUETTE_TEST_PATH": extra_path,
        "MAQUETTE_KEEP": str(folder / "kept"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    install = ["--command", "extension", "install-file", "-r", "user_default", "--enable", zip_file]
    code = call([blender, *install], env, log, 300)
    if code:
        return Outcome(name, failed=1, note=f"the zip could not be installed: exit code {code}", log=log)
    report = folder / "report.xml"
    script = ROOT / "tests" / "run_inside.py"
    options = ["-v", "-p", "no:cacheprovider", f"--junitxml={report}", f"--basetemp={folder / 'tmp'}"]
    targets = arguments or ["tests/blender"]
    inside = [
        blender,
        "--background",
        "--python-exit-code",
        "1",
        "--python",
        script,
        "--",
        *options,
        *targets,
    ]
    code = call(inside, env, log, TIMEOUT_S)
    return read_report(name, report, code)._replace(log=log)


def run_wheel(wheel: venvs.Wheel, zip_file: Path, arguments: list[str]) -> Outcome:
    """Tests in an official build as a Python module."""
    name = f"Blender {wheel.version}"
    try:
        venv = venvs.make_test_wheel(wheel)
    except steps.Missing as reason:
        return Outcome(name, skipped=1, note=str(reason))
    except steps.Failure as failure:
        return Outcome(name, failed=1, note=str(failure))
    say(f"- tests in {name} ...")
    return run_in(name, venvs.launcher(venv), zip_file, arguments)


def set_up_real() -> Path:
    """Installs a genuine Blender with its window into a chroot, and writes the command that starts it."""
    with step("genuine Blender 4.3.2 in a chroot (1.4 GB the first time)"):
        script = ROOT / "tools" / "real_blender.sh"
        if not steps.is_root_on_debian() or not shutil.which("unshare"):
            text = "needs Debian and root. Elsewhere set MAQUETTE_BLENDER to the path of a Blender, 4.2 on"
            raise steps.Missing(text)
        quietly(["bash", script, "setup", REAL])
        REAL_COMMAND.write_text(f'#!/bin/sh\nexec bash "{script}" run "{REAL}" -- blender "$@"\n')
        REAL_COMMAND.chmod(0o755)
        quietly([REAL_COMMAND, "--version"])
    return REAL_COMMAND


def find_real() -> Path | None:
    """The genuine Blender to test in: $MAQUETTE_BLENDER, one on PATH, else (as root on Debian) our own."""
    named = os.environ.get("MAQUETTE_BLENDER")
    if named:
        return Path(named) if Path(named).exists() else fail(f"MAQUETTE_BLENDER: there is no {named}")
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        found = shutil.which("blender", path=folder)
        if found and ROOT not in Path(found).resolve().parents:
            return Path(found)
    return set_up_real() if REAL_COMMAND.exists() or steps.is_root_on_debian() else None


def run_real(zip_file: Path, arguments: list[str]) -> Outcome:
    """Tests in a genuine Blender."""
    name = "genuine Blender"
    try:
        blender = find_real()
    except steps.Failure as failure:
        is_ours = not os.environ.get("MAQUETTE_BLENDER")
        return Outcome(name, failed=IS_CI or not is_ours, skipped=is_ours and not IS_CI, note=str(failure))
    if not blender:
        return Outcome(
            name, skipped=1, note="none found. Set MAQUETTE_BLENDER to the path of one, 4.2 or newer"
        )
    code, output = steps.ask([blender, "--version"])
    version = re.search(r"Blender ((\d+)\.(\d+)[.\d]*)", output)
    if code or not version:
        return Outcome(
            name, failed=1, note=f"{blender} --version ended with exit code {code}: {output.strip()}"
        )
    name = f"genuine Blender {version[1]}"
    if (int(version[2]), int(version[3])) < (4, 2):
        return Outcome(name, skipped=1, note="the extension needs 4.2. Set MAQUETTE_BLENDER to a newer one")
    try:
        extra_path = pytest_for_others()
    except steps.Failure as failure:
        return Outcome(name, failed=1, note=str(failure))
    say(f"- tests in {name} ...")
    return run_in(name, blender, zip_file, arguments, str(extra_path))


def pytest_for_others() -> Path:
    """A folder with pytest, which is pure Python, for a Blender that has its own Python."""
    folder, wanted = ROOT / ".venvs" / "pytest", ROOT / "tools" / "requirements-blender.txt"
    stamp = folder / wanted.name
    if not stamp.exists() or stamp.read_bytes() != wanted.read_bytes():
        shutil.rmtree(folder, ignore_errors=True)
        python = venvs.program(venvs.make_dev(), "python")
        quietly([python, "-m", "pip", "install", "-q", "--target", folder, "-r", wanted])
        shutil.copyfile(wanted, stamp)
    return folder


def run_all(zip_file: Path, arguments: list[str]) -> list[Outcome]:
    """Tests in every Blender, two at a time where the machine has the cores."""
    with ThreadPoolExecutor(max_workers=min(2, os.cpu_count() or 1)) as pool:
        runs = [pool.submit(run_real, zip_file, arguments)]
        runs += [pool.submit(run_wheel, wheel, zip_file, arguments) for wheel in venvs.WHEELS]
        outcomes = []
        for run in runs:
            outcomes.append(run.result())
            report_on(outcomes[-1])
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
    passed = sum(outcome.passed for outcome in outcomes)
    failed = sum(outcome.failed for outcome in outcomes)
    skipped = sum(outcome.skipped for outcome in outcomes)
    sys.stderr.flush()
    say(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0
