# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests in a real window: Blender on a virtual screen, driven with mouse and keyboard by tests/window/.

Every scenario gets a window, a screen and a user's folder of its own, with the zip installed; nothing that it
starts outlives it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple

import blenders
import steps
import venvs
from blenders import Outcome
from steps import BUILD, ROOT, fail, quietly, say, step

SCREEN = "1600x900x24"
TIMEOUT_S = 1800  # of a scenario, which takes a minute where nothing else runs
REAL_VERSION = "4.3"  # the genuine Blender in a chroot; the others are wheels
FEW = (REAL_VERSION, "5.2")
ALL = ("4.2", REAL_VERSION, "4.5", "5.2")
TESTS = ROOT / "tests" / "window"
BENCH = "bench_window"  # no scenario of `test-window`: tests say nothing about speed
LATENCY = "bench_latency"  # nor is this
GUIDE = {  # docs/guide/NAME.jpg: the scenario and its picture
    "start": ("journey", "start"),
    "make": ("journey", "make"),
    "waiting": ("journey", "waiting"),
    "arrived": ("journey", "arrived"),
    "jobs": ("journey", "jobs"),
    "blockouts": ("blockouts", "blockouts"),
    "retexture": ("retexture", "retexture"),
    "retexture-dialog": ("dialog", "guide"),
    "compare": ("compare", "compare-menu"),
    "finish": ("finish", "finish-dialog"),
    "library": ("online", "online"),
}
PROGRAMS = ("Xvfb", "openbox", "xprop", "xdotool", "import")
APT = (
    f"{venvs.APT} libegl1 libegl-mesa0 libgl1-mesa-dri libglx-mesa0"
    " imagemagick openbox x11-utils xdotool xvfb"
)


class Look(NamedTuple):
    """How Blender's interface is shown: in its own language if that is empty, at this scale."""

    language: str = ""
    scale: str = "1"


USUAL = Look()


class Window(NamedTuple):
    """How a Blender with a window is started, and the Blender without one that installs the zip for it."""

    version: str
    command: list[str | Path]
    background: Path


def set_up_programs() -> None:
    """Installs what a virtual screen needs (as root on Debian), or names it."""
    missing = [program for program in PROGRAMS if not shutil.which(program)]
    if not missing:
        return
    if sys.platform != "linux":
        raise steps.MissingError("the tests in a window need Linux: a virtual screen of X11")
    if not steps.is_root_on_debian():
        what = f"no {', '.join(missing)}. Install what a window needs: sudo apt-get install {APT}"
        raise steps.MissingError(what)
    with step(f"a virtual screen ({', '.join(missing)} missing)"):
        steps.apt_install(APT)


def set_up(version: str) -> Window:
    """The Blender of this version; steps.MissingError if this machine cannot have it."""
    if version == REAL_VERSION:
        background = blenders.set_up_real()
        script = ROOT / "tools" / "real_blender.sh"
        home = BUILD / "home-4.3"  # keeps the compiled shaders: 10 s at each start
        home.mkdir(parents=True, exist_ok=True)
        command = [
            "bash",
            script,
            "run",
            blenders.REAL_CHROOT,
            "--screen",
            SCREEN,
            "--home",
            home,
            "--",
            "blender",
        ]
        return Window(version, [*command, "--gpu-backend", "opengl"], background)
    wheel = next((wheel for wheel in venvs.WHEELS if wheel.blender == version), None)
    if not wheel:
        fail(f"no Blender {version} here, but {', '.join(ALL)}")
    set_up_programs()
    venv = venvs.make_test_wheel(wheel)
    python = venvs.program(venv, "python")
    return Window(version, [python, ROOT / "tools" / "bpy_window.py"], venvs.launcher(venv))


@contextlib.contextmanager
def screen(env: dict[str, str], log: Path) -> Iterator[dict[str, str]]:
    """The environment for programs on a virtual screen with a window manager, which end with the block."""
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", SCREEN, "-dpi", "96", "-nolisten", "tcp"]
    with contextlib.ExitStack() as stack, log.open("ab") as output:

        def start(command: list[str], env: dict[str, str]) -> None:
            process = subprocess.Popen(
                command, env=env, pass_fds=[write], stdout=output, stderr=output, start_new_session=True
            )
            stack.callback(blenders.end_with_children, process)

        start([*command, "-noreset", "-ac", "+extension", "GLX"], env)
        os.close(write)
        with os.fdopen(read) as pipe:
            number = pipe.readline().strip()
        if not number:
            fail(f"Xvfb did not start: see {log}")
        env = {**env, "DISPLAY": f":{number}", "LIBGL_ALWAYS_SOFTWARE": "1", "GALLIUM_DRIVER": "llvmpipe"}
        write = os.open(os.devnull, os.O_WRONLY)
        start(["openbox"], env)
        ready = "until xprop -root _NET_SUPPORTING_WM_CHECK | grep -q 0x; do sleep 0.05; done"
        subprocess.run(["timeout", "120", "sh", "-c", ready], env=env, check=True, stdout=output)
        yield env


def install(window: Window, folder: Path, zip_file: Path) -> Path:
    """A user's folder with the zip installed and enabled, to copy for each scenario. Raises TaskError."""
    user, log = folder / "installed", folder / "install.txt"
    shutil.rmtree(folder, ignore_errors=True)
    user.mkdir(parents=True)
    command = ["--command", "extension", "install-file", "-r", "user_default", "--enable", zip_file]
    env = {**blenders.clean_environment(), "BLENDER_USER_RESOURCES": str(user)}
    code = blenders.call([window.background, *command], env, log, 300)
    if code:
        fail(f"the zip could not be installed: exit code {code}, see {log}")
    return user


def run_scenario(window: Window, scenario: str, installed: Path, folder: Path, look: Look = USUAL) -> Outcome:
    """Runs one scenario, a Blender for each of its parts, and counts its checks."""
    name = f"window {window.version} {scenario}"
    folder.mkdir(parents=True)
    shutil.copytree(str(installed), str(folder / "user"))
    log = folder / "log.txt"
    env = {
        **blenders.clean_environment(),
        "BLENDER_USER_RESOURCES": str(folder / "user"),
        "MAQUETTE_PACKAGE": blenders.PACKAGE,
    }
    outcome = Outcome(name, log=log)
    with contextlib.ExitStack() as stack:
        if window.version != REAL_VERSION:
            env = stack.enter_context(screen(env, log))
        part: object = 1
        while part:
            say(f"- {name}{f', part {part}' if part != 1 else ''} ...")
            result = folder / f"result-{part}.json"
            run = ["--python", TESTS / "run.py", "--", scenario, folder, str(part), *look]
            limit_s = TIMEOUT_S * (3 if scenario in (BENCH, LATENCY) else 1)
            code = blenders.call([*window.command, *run], env, log, limit_s)
            (folder / "ended-at.txt").write_text(str(time.time()), encoding="utf-8")
            outcome, part = count(outcome, result, code)
    return outcome if outcome.failed else outcome._replace(note=measured(folder))


def count(outcome: Outcome, file: Path, code: int) -> tuple[Outcome, object]:
    """Adds a part's result to the outcome; returns it with the next part's number, 0 if there is none."""
    try:
        result = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        note = f"Blender ended with exit code {code} and no result"
        return outcome._replace(failed=outcome.failed + 1, note=note), 0
    failed = [check["text"] for check in result["checks"] if not check["ok"]]
    failed += [result["error"].strip().splitlines()[-1]] if result["error"] else []
    failed += [] if code == 0 else [f"Blender ended with exit code {code}"]
    for text in failed:
        say(f"    FAILED: {text}")
    passed = sum(check["ok"] for check in result["checks"])
    outcome = outcome._replace(passed=outcome.passed + passed, failed=outcome.failed + len(failed))
    return outcome._replace(note=outcome.note or (failed or [""])[0]), result["next"]


def measured(folder: Path) -> str:
    """How long a scenario took, and its longest hold of the main thread, in words."""
    results = [json.loads(file.read_text(encoding="utf-8")) for file in folder.glob("result-*.json")]
    holds = [(hold["max_ms"], name) for result in results for name, hold in result["holds"].items()]
    seconds = sum(result["seconds"] for result in results)
    longest_ms, name = max(holds, default=(0.0, "nothing"))
    return f"{seconds:.0f} s, held for {longest_ms:.1f} ms at most by {name}"


def run_all(
    versions: tuple[str, ...], scenarios: list[str], zip_file: Path, out: Path, look: Look = USUAL
) -> list[Outcome]:
    """Runs the scenarios (none named: all) in each of these Blenders; pictures and results go to `out`."""
    known = sorted(file.stem[len("scenario_") :] for file in TESTS.glob("scenario_*.py"))
    unknown = set(scenarios) - {*known, BENCH, LATENCY}
    if unknown:
        fail(f"no scenario {', '.join(sorted(unknown))} in tests/window/, but {', '.join(known)}")
    outcomes = []
    for version in versions:
        try:
            window = set_up(version)
            installed = install(window, out / version, zip_file)
        except steps.TaskError as failure:
            # CI has to have them all.
            is_skipped = isinstance(failure, steps.MissingError) and not steps.IS_CI
            outcome = Outcome(f"window {version}", note=str(failure))
            outcomes.append(outcome._replace(**{"skipped" if is_skipped else "failed": 1}))
            say(f"  {blenders.describe(outcomes[-1])}")
            continue
        for scenario in scenarios or known:
            outcome = run_scenario(window, scenario, installed, out / version / scenario, look)
            if outcome.failed:  # a busy machine may lose a key press: once more, and the summary says so
                blenders.report_on(outcome)
                again = out / version / f"{scenario}-again"
                outcome = run_scenario(window, scenario, installed, again, look)
                outcome = outcome._replace(note=f"in the second attempt; {outcome.note}")
            blenders.report_on(outcome)
            outcomes.append(outcome)
    return outcomes


def take_pictures(out: Path) -> None:
    """Brings the guide's pictures from a run's folder into docs/guide/."""
    guide = ROOT / "docs" / "guide"
    guide.mkdir(exist_ok=True)
    for name, (scenario, picture) in GUIDE.items():
        quietly(["convert", out / scenario / f"{picture}.png", "-quality", "85", guide / f"{name}.jpg"])


def speed_table(out: Path) -> str:
    """What the bench found in each Blender, as a page for docs/."""
    lines = []
    for file in sorted(out.glob(f"*/{BENCH}/speed.json")):
        found = json.loads(file.read_text(encoding="utf-8"))
        lines += [f"## Blender {found['blender']}", ""]
        lines += ["| faces | texture | Maquette's longest step | direct glTF import | shorter by |"]
        lines += ["|--:|--:|--:|--:|--:|"]
        for row in found["rows"]:
            ours, theirs = row["ours_ms"], row["import_ms"]
            size = f"{row['faces']:,} | {row['texture']}²"
            lines.append(f"| {size} | {ours:.1f} ms | {theirs:,.0f} ms | {theirs / ours:.0f} × |")
        tick, sidebar, label, beats = (found[key] for key in ("tick_ms", "sidebar_ms", "overlay_ms", "beats"))
        machine = found["machine"]
        lines += [
            "",
            f"- A tick with nothing new, the sidebar in sight: {tick['p50_ms']:.2f} ms"
            f" (p99 {tick['p99_ms']:.2f} ms).",
            f"- Drawing the whole sidebar with 1,000 jobs in the list: {sidebar['p50_ms']:.2f} ms"
            f" (p99 {sidebar['p99_ms']:.1f} ms).",
            f"- Labels of placeholders, in each redraw of the view: {label['p50_ms']:.2f} ms"
            f" (p99 {label['p99_ms']:.1f} ms, waiting for the software that draws here).",
        ]
        pulse = {
            name: f"p50 {beats[name]['p50_ms']} ms, p99 {beats[name]['p99_ms']} ms, longest"
            f" {beats[name]['max_ms']} ms"
            for name in ("idle", "working")
        }
        lines += [
            f"- A timer of 10 ms, nothing being drawn, idle: {pulse['idle']}; while {found['heavy_mb']} MB"
            f" are downloaded and converted: {pulse['working']}.",
            f"- The machine itself, then: new memory took {machine['page_us']} µs for 4 KB, and a loop that"
            f" does nothing was held up for {machine['pause_ms']} ms at most.",
            "",
        ]
        lines += [f"- missed: {miss}" for miss in speed_missed(found)] or ["All goals are met."]
        lines.append("")
    return "\n".join(lines)


def speed_missed(found: dict[str, Any]) -> list[str]:
    """The goals that the window's bench has not reached."""
    tick = found["tick_ms"]
    # Where custom normals are no attribute yet, a mesh that has them is appended in one piece.
    fold = 2 if found["blender"].startswith(("4.2.", "4.3.")) else 1
    wanted = [
        (f"{row['faces']:,} faces, {row['texture']}²: longest step", row["ours_ms"], fold * goal_ms)
        for row in found["rows"]
        for goal_ms in [8.0 if row["faces"] <= 500_000 else 16.7]
    ]
    wanted += [("a tick with nothing new", tick["p50_ms"], 0.1), ("its p99", tick["p99_ms"], 2.0)]
    return [f"{what} {ms:.2f} ms, the goal is {goal:g} ms" for what, ms, goal in wanted if ms > goal]


def latency_table(out: Path) -> str:
    """What that bench found in each Blender."""
    lines: list[str] = []
    for file in sorted(out.glob(f"*/{LATENCY}/latency.json")):
        found = json.loads(file.read_text(encoding="utf-8"))
        lines += [f"In a window of Blender {found['blender']}, one job of {found['seconds']} s:", ""]
        lines += ["| file | ready, s | placed (worst), s | Maquette's longest step | direct glTF import |"]
        lines += ["|--:|--:|--:|--:|--:|"]
        for row in found["rows"]:
            times = f"{row['ready_s']:.2f} | {row['placed_s']:.2f} ({row['worst_s']:.2f})"
            holds = f"{row['held_ms']:.1f} ms | {row['import_ms']:,.0f} ms"
            lines.append(f"| {row['mb']} MB | {times} | {holds} |")
        lines.append("")
    return "\n".join(lines)


def run_words(default: tuple[str, ...], words: list[str], build: Callable[[Path], Path]) -> list[Outcome]:
    """`[VERSION...] [SCENARIO...] [--out DIR] [--language CODE] [--scale 2]`: what the arguments ask for."""
    options = {"--out": str(BUILD / "window"), "--language": "", "--scale": "1"}
    for name in options:
        if name in words:
            at = words.index(name)
            options[name] = words[at + 1]
            words = words[:at] + words[at + 2 :]
    out = Path(options["--out"]).resolve()
    look = Look(options["--language"], options["--scale"])
    versions = tuple(word for word in words if word[0].isdigit())
    scenarios = [word for word in words if not word[0].isdigit()]
    return run_all(versions or default, scenarios, build(out / "dist"), out, look)


def bench_latency(words: list[str], build: Callable[[Path], Path]) -> int:
    """`bench latency --window`; returns the exit code."""
    out = BUILD / "bench-latency"
    outcomes = run_words(("5.2",), [LATENCY, *words, "--out", str(out)], build)
    code = blenders.summarize(outcomes)
    say("\n" + latency_table(out))
    return code
