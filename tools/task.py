# SPDX-License-Identifier: GPL-3.0-or-later
"""The project's tasks, the same for people and CI, on Linux, macOS and Windows: python3 tools/task.py NAME

Needs nothing but a Python from 3.8 on. Without a name it lists the tasks.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, List

import blenders
import browser
import coverage_headless
import dev_blender
import fault_report
import gltf
import plans
import steps
import venvs
import windows
from blenders import Outcome
from steps import BUILD, ROOT, quietly, run, say, step

Rest = List[str]
# `make test` runs these on the other Python, too: what hangs on the standard library's processes, database,
# files and sockets. `make test-all` runs all.
DIFFER_BY_PYTHON = (
    "test_package.py",
    "test_jobs_blender_pool.py",
    "test_jobs_parts.py",
    "test_jobs_store.py",
    "test_client_transfers.py",
    "test_sandbox_life.py",
)
NEEDS_DEVELOPMENT_TOOLS = ("tests/unit/test_sandbox_sdk.py",)  # Scenario's own SDK is there alone


def venv(rest: Rest) -> int:
    """make .venv with the newest Blender module for this machine and its `blender` command"""
    _, folder = venvs.make_main()
    say(f"  the command: {venvs.launcher(folder).relative_to(ROOT)} --background ...")
    return 0


def lock(rest: Rest) -> int:
    """pin anew what tools/requirements-*.in ask for, with what they need: versions and hashes, by uv"""
    venvs.lock()
    return 0


def build(rest: Rest) -> int:
    """build and validate the extension's zip, by Blender's own tool, into dist/"""
    say(f"  {build_zip()}")
    return 0


def build_zip(dist: Path = ROOT / "dist") -> Path:
    """Builds the zip with the environment's Blender; returns its path."""
    _, folder = venvs.make_main()
    with step("the extension's zip"):
        shutil.rmtree(dist, ignore_errors=True)
        dist.mkdir(parents=True)
        extension = [venvs.launcher(folder), "--command", "extension"]
        quietly([*extension, "build", "--source-dir", ROOT, "--output-dir", dist])
        (zip_file,) = dist.glob("*.zip")
        quietly([*extension, "validate", zip_file])
    return zip_file


def demo(rest: Rest) -> int:
    """turn three pictures, a text and four views into 3D models in one scene: out/demo.png and more"""
    zip_file = build_zip()
    python = venvs.program(ROOT / ".venv", "python")
    run([python, ROOT / "tools" / "demo.py", venvs.launcher(ROOT / ".venv"), zip_file, *rest])
    return 0


def lint(rest: Rest) -> int:
    """check the code with ruff, and the spelling (`lint --fix` repairs and formats)"""
    dev = venvs.make_dev()
    ruff = venvs.program(dev, "ruff")
    with step("lint"):
        run([ruff, "check", *rest, "."])
        run([ruff, "format", *([] if rest else ["--check"]), "."])
        run([venvs.program(dev, "codespell")])
    return 0


def types(rest: Rest) -> int:
    """check the types with pyright"""
    dev = venvs.make_dev()
    with step("types"):
        link_as_package()
        run([venvs.program(dev, "pyright"), "--pythonpath", venvs.program(dev, "python"), *rest])
    return 0


def link_as_package() -> None:
    """Lets pyright find the repository under the name that the tests import it by."""
    link = BUILD / "types" / "maquette"
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.exists():
        steps.link(link, ROOT)


def dev(rest: Rest) -> int:
    """start Blender with the working tree in it, loaded anew at each change (or `dev PATH-OF-BLENDER ...`)"""
    is_named = bool(rest) and not rest[0].startswith("-")
    found = [Path(rest[0])] if is_named else blenders.find_real()
    if not found:
        steps.fail("which Blender? python3 tools/task.py dev PATH, or set MAQUETTE_BLENDERS")
    dev_blender.start(found[0], rest[is_named:])
    return 0


def unit(rest: Rest) -> int:
    """run the tests that need neither Blender nor a browser, on one Python (under a minute)"""
    dev = venvs.make_dev()
    arguments = ["-m", "not browser and not slow", *rest]
    return blenders.summarize([run_unit(venvs.read_stamp(dev)["python"], dev, arguments)])


def run_unit(
    version: str, folder: Path, arguments: Rest, report_name: str = "", log: Path | None = None
) -> Outcome:
    """Runs unit tests; in four processes where there is pytest-xdist: half of it is waiting.

    What pytest says goes to `log`; without one to the terminal, as it is said.
    """
    name = f"unit tests on Python {version}"
    report = BUILD / "tests" / f"{report_name or f'unit-{version}'}.xml"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink() if report.exists() else None
    command = [venvs.program(folder, "python"), "-m", "pytest", f"--junitxml={report}"]
    if "dev" in venvs.read_stamp(folder):
        command += ["--numprocesses=4"]
    else:
        command += [f"--ignore={name}" for name in NEEDS_DEVELOPMENT_TOOLS]
    command += [*(["-v"] if steps.IS_CI else []), *arguments]
    say(f"- {name} ...")
    env = blenders.clean_environment()
    if log:
        log.unlink() if log.exists() else None
        code = blenders.call(command, env, log, blenders.TIMEOUT_S)
        return blenders.read_report(name, report, code)._replace(log=log)
    code = subprocess.call([str(part) for part in command], env=env, cwd=str(ROOT))
    return blenders.read_report(name, report, code)


def plan_unit(is_all: bool) -> list[blenders.Run]:
    """A run of all unit tests on one Python, and on the other of all or of those that can differ there."""
    try:
        browser.set_up()
    except steps.TaskError as failure:  # its tests say that they are skipped
        say(f"  {failure}")
    dev = venvs.make_dev()
    environments = {venvs.read_stamp(dev)["python"]: dev}
    try:
        wheel, main = venvs.make_main(("test",))
        environments.setdefault(wheel.python, main)
    except steps.TaskError as failure:
        say(f"  {failure}")
    return [
        lambda version=version: run_unit_on(version, environments.get(version), is_all, dev)
        for version in sorted({wheel.python for wheel in venvs.WHEELS})
    ]


def run_unit_on(version: str, folder: Path | None, is_all: bool, dev: Path) -> Outcome:
    """Unit tests on one of the Pythons that Blender has; none in `folder`: skipped."""
    if folder is None:
        note = venvs.pythons.look_for(version)[1]
        return Outcome(f"unit tests on Python {version}", skipped=1, note=note)
    words = [] if is_all or folder == dev else [f"tests/unit/{name}" for name in DIFFER_BY_PYTHON]
    words += ["--cov"] if folder == dev else []  # a fifth longer; its floor is in pyproject.toml
    return run_unit(version, folder, words, log=BUILD / "tests" / f"unit-{version}.txt")


def blender(rest: Rest) -> int:
    """run the tests inside every Blender, against the installed zip (or `blender 5.2 -k NAME`)"""
    versions = [word for word in rest if re.fullmatch(r"\d+\.\d+", word)]
    arguments = [word for word in rest if word not in versions]
    return blenders.summarize(blenders.run_all(plans.plan(build_zip(), versions, arguments)))


def test_window(rest: Rest) -> int:
    """drive Blender in a window, as a user does: 4.3 and 5.2 (or `test-window 4.5 SCENARIO --out DIR`)"""
    return blenders.summarize(windows.run_words(windows.FEW, rest, build_zip))


def test_window_all(rest: Rest) -> int:
    """the same in every Blender with a window: 4.2, 4.3, 4.5 and 5.2"""
    return blenders.summarize(windows.run_words(windows.ALL, rest, build_zip))


def soak_batch(rest: Rest) -> int:
    """kill a batch of 60 rows at 30 random moments, run it to its end, look at its page (10 minutes)"""
    browser.set_up()
    return blenders.summarize(
        [blenders.run_wheel(venvs.WHEELS[0], build_zip(), ["-s", *rest, "tests/blender/soak_batch.py"])]
    )


def faults(rest: Rest) -> int:
    """try every fault at every step, kills and mutated files; the table goes into docs/reliability.md"""
    dev = venvs.make_dev()
    arguments = ["tests/faults", "tests/unit/test_jobs_damaged.py", *rest]
    outcomes = [run_unit(venvs.read_stamp(dev)["python"], dev, arguments, "faults")]
    reports = [BUILD / "tests" / "faults.xml"]
    inside = [f"tests/blender/test_{name}.py" for name in ("mutated_files", "killed")]
    outcomes.append(blenders.run_wheel(venvs.WHEELS[0], build_zip(), inside))
    if outcomes[-1].log:
        reports.append(outcomes[-1].log.with_name("report.xml"))
    table = fault_report.make_table(fault_report.read_records([path for path in reports if path.exists()]))
    document = ROOT / "docs" / "reliability.md"
    steps.write_between(document, fault_report.START, fault_report.END, table)
    say(table)
    return blenders.summarize(outcomes)


def soak_faults(rest: Rest) -> int:
    """try thousands of histories of two machines, other ones each time (`soak-faults 5000`)"""
    dev = venvs.make_dev()
    command = [venvs.program(dev, "python"), "-m", "pytest", "-s", "--timeout=7200"]
    env = {**blenders.clean_environment(), "MAQUETTE_EXAMPLES": (rest or ["2000"])[0]}
    run([*command, "tests/faults/test_stateful.py"], env=env)
    return 0


def soak_files(rest: Rest) -> int:
    """convert ten thousand mutated files in background Blenders (or `soak-files 500`)"""
    count = (rest or ["10000"])[0]
    arguments = [f"--mutated={count}", "--timeout=1500", "tests/blender/test_mutated_files.py"]
    return blenders.summarize([blenders.run_wheel(venvs.WHEELS[0], build_zip(), arguments)])


def test(rest: Rest) -> int:
    """lint, types, unit tests, all tests in the newest Blender, what can differ in the oldest, coverage"""
    return test_with(plans.plan_few, is_all=False)


def test_all(rest: Rest) -> int:
    """the same with all tests in genuine Blenders and on both Pythons, and in each Blender between"""
    return test_with(plans.plan_all, is_all=True)


def test_with(plan: Callable[[Path], list[blenders.Run]], is_all: bool) -> int:
    """Runs all checks, goes on after a failure, and sums up."""
    outcomes = [check(lint)]
    for name in plans.newest_names():  # an earlier run's, should that Blender be gone
        shutil.rmtree(blenders.measured_in(name), ignore_errors=True)
    try:
        units = plan_unit(is_all)
        outcomes += blenders.run_all([*plan(build_zip()), *units, lambda: check(types)])
        outcomes.append(gltf.validate())
        outcomes.append(coverage_headless.sum_up(map(blenders.measured_in, plans.newest_names())))
    except steps.TaskError as failure:
        outcomes.append(Outcome("tests", failed=1, note=str(failure)))
    return blenders.summarize(outcomes)


def bench_window(rest: Rest) -> int:
    """measure how long Blender's window is held, beside the direct import (5.2; or `bench-window 4.3`)"""
    out = BUILD / "bench-window"
    words = [windows.BENCH, *rest, "--out", str(out)]
    code = blenders.summarize(windows.run_words(("5.2",), words, build_zip))
    say("\n" + windows.speed_table(out))
    return code


def pictures(rest: Rest) -> int:
    """take the pictures of docs/guide.md from a real window (Blender 5.2)"""
    out = BUILD / "pictures"
    words = [*sorted({scenario for scenario, _ in windows.GUIDE.values()}), "--out", str(out)]
    code = blenders.summarize(windows.run_words(("5.2",), words, build_zip))
    windows.take_pictures(out / "5.2")
    return code


def check(task: Callable[[Rest], int]) -> Outcome:
    """Runs a task as one check of many."""
    try:
        task([])
    except steps.TaskError as failure:
        say(f"  FAILED: {failure}")
        return Outcome(task.__name__, failed=1, note=str(failure))
    return Outcome(task.__name__, passed=1)


def bench(rest: Rest) -> int:
    """measure speed and memory: tests/bench/ (or `bench batch --rows 100` for one of them)"""
    if rest[:2] == ["latency", "--window"]:
        return windows.bench_latency(rest[2:], build_zip)
    _, folder = venvs.make_main(("test",))
    scripts = sorted((ROOT / "tests" / "bench").glob("bench_*.py"))
    names = {script.stem.partition("_")[2]: script for script in scripts}
    if rest and rest[0] in names:
        scripts, rest = [names[rest[0]]], rest[1:]
    names_with_blender = ("bench_convert", "bench_finish", "bench_growth", "bench_latency", "bench_report")
    arguments = {name: [venvs.launcher(folder)] for name in names_with_blender}
    if names["batch"] in scripts:
        arguments["bench_batch"] = [venvs.launcher(folder), build_zip()]
    for script in scripts:
        with step(script.stem):
            command = [venvs.program(folder, "python"), script, *arguments.get(script.stem, []), *rest]
            run(command, env=blenders.clean_environment())
    return 0


def corpus(rest: Rest) -> int:
    """convert all 3D files of a folder and compare them with Blender's own import (`corpus FOLDER`)"""
    versions = [word for word in rest if re.fullmatch(r"\d+\.\d+", word)]
    words = [word for word in rest if word not in versions]
    if not words and not versions:
        steps.fail("which folder? python3 tools/task.py corpus FOLDER, or make corpus FOLDER=...")
    _, folder = venvs.make_main()
    blender = venvs.launcher(folder)
    for version in versions:
        wheel = next((each for each in venvs.WHEELS if each.blender == version), None)
        blender = venvs.launcher(venvs.make_test_wheel(wheel)) if wheel else blenders.find_real()[0]
    given = [] if "--document" in words else [blender]
    command = [venvs.program(folder, "python"), ROOT / "tools" / "corpus.py", *given, *words]
    return subprocess.call([str(part) for part in command], env=blenders.clean_environment())


def real_blender(rest: Rest) -> int:
    """install a genuine Blender 4.3.2 into a chroot for the tests (Debian, as root)"""
    say(f"  the command: {blenders.set_up_real().relative_to(ROOT)} --background ...")
    return 0


def clean(rest: Rest) -> int:
    """remove what the tasks made: out/, build/, dist/ (`clean --all`: the environments too)"""
    names = ["out", "build", "dist", ".pytest_cache", ".ruff_cache"]
    link = BUILD / "types" / "maquette"
    if link.exists():
        steps.remove_link(link)
    for name in names + ([".venv", ".venvs"] if "--all" in rest else []):
        shutil.rmtree(ROOT / name, ignore_errors=True)
    return 0


EVERY = [
    venv, demo, dev, test, test_all, lint, types, unit, blender, test_window, test_window_all, bench_window,
    soak_batch, faults, soak_faults, soak_files, pictures, bench, corpus, build, lock, clean, real_blender,
]  # fmt: skip
TASKS: dict[str, Callable[[Rest], int]] = {task.__name__.replace("_", "-"): task for task in EVERY}
LAST_LINE_IS_THE_COUNT = {
    "test",
    "test-all",
    "unit",
    "blender",
    "test-window",
    "test-window-all",
    "soak-batch",
}


def main(argv: Rest) -> int:
    parser = argparse.ArgumentParser(
        prog="task.py", description=(__doc__ or "").split("\n")[0], add_help=False
    )
    parser.add_argument("name", nargs="?", choices=TASKS)
    chosen, rest = parser.parse_known_args(argv)
    if chosen.name and {"-h", "--help"} & set(rest):
        say(f"{chosen.name}: {TASKS[chosen.name].__doc__}")
        return 0
    if chosen.name is None:
        for name, task in TASKS.items():
            say(f"  {name:15} {task.__doc__}")
        return 0
    start = time.monotonic()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends what was started, as Ctrl-C does
    try:
        return TASKS[chosen.name](rest)
    except steps.TaskError as failure:
        sys.stdout.flush()
        print(f"\n{chosen.name} failed: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    finally:
        if chosen.name not in LAST_LINE_IS_THE_COUNT:
            say(f"{chosen.name}: {time.monotonic() - start:.1f} s in all")


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUTF8", "1")  # for the Pythons started from here
    sys.exit(main(sys.argv[1:]))
