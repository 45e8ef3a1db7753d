# SPDX-License-Identifier: GPL-3.0-or-later
"""The virtual environments: .venv with the newest bpy that this machine can run, .venvs/ with the others.

Each holds a stamp of what was put into it. One without its stamp is half made, and made again.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import shutil
import threading  # of the tasks: two Blenders are tested at a time
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import pythons
import steps
from steps import ROOT, fail, quietly, step

TOOLS = ROOT / "tools"
STAMP = "maquette.json"
LOCKS: defaultdict[Path, threading.Lock] = defaultdict(threading.Lock)  # two runs may want one environment


class Wheel(NamedTuple):
    """An official build of Blender as a Python module."""

    blender: str
    version: str
    python: str


WHEELS = (  # newest first
    Wheel("5.2", "5.2.3", "3.13"),
    Wheel("5.0", "5.0.1", "3.11"),
    Wheel("4.5", "4.5.15", "3.11"),
    Wheel("4.2", "4.2.23", "3.11"),
)

# What bpy links to, by Debian's and Fedora's names (`ldd` of the 4.2 to 5.2 wheels).
APT = (
    "libgl1 libgomp1 libice6 libsm6 libx11-6 libxext6 libxfixes3 libxi6 libxkbcommon0 libxrender1 libxxf86vm1"
)
DNF = "libICE libSM libX11 libXext libXfixes libXi libXrender libXxf86vm libgomp libxkbcommon mesa-libGL"


def program(venv: Path, name: str) -> Path:
    """A program in a virtual environment."""
    return venv / "Scripts" / f"{name}.exe" if steps.IS_WINDOWS else venv / "bin" / name


def launcher(venv: Path) -> Path:
    """The environment's `blender` command."""
    return venv / "Scripts" / "blender.cmd" if steps.IS_WINDOWS else venv / "bin" / "blender"


def read_stamp(venv: Path) -> dict[str, str]:
    """What is in the environment: {"python": "3.13", "bpy==5.2.3": "", "test": hash}; empty if half made."""
    try:
        stamp = json.loads((venv / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def fill(venv: Path, python: Path, version: str, package: str, groups: tuple[str, ...]) -> None:
    """Makes `venv` hold `package` ("": none) and the requirement files `groups`; does what is missing."""
    stamp = read_stamp(venv)
    if stamp.get("python") != version or (package and package not in stamp):
        shutil.rmtree(venv, ignore_errors=True)
        quietly([python, "-m", "venv", venv])
        stamp = {"python": version}
        if package:
            install(venv, [package])
            stamp[package] = ""
    for group in groups:
        lock_file = TOOLS / f"requirements-{group}.txt"
        wanted = hashlib.sha256(lock_file.read_bytes()).hexdigest()[:16]
        if stamp.get(group) != wanted:
            install(venv, ["-r", str(lock_file)])
            stamp[group] = wanted
    if stamp != read_stamp(venv):
        part = venv / f"{STAMP}.{os.getpid()}"
        part.write_text(json.dumps(stamp), encoding="utf-8")
        part.replace(venv / STAMP)  # a task that runs beside this one never reads half a stamp


def lock() -> None:
    """Writes the lock files, of every package's version and hashes on each system, from what is asked for."""
    if not pythons.uv_or_none():
        pythons.fetch_uv()
    uv = pythons.uv_or_none() or fail("the lock files are written by uv. Install it: pip install uv")
    options = ["--universal", "--python-version", "3.11", "--generate-hashes", "--no-annotate", "--upgrade"]
    options += ["--custom-compile-command", "python3 tools/task.py lock"]
    for group in ("runner", "test", "dev"):
        files = [TOOLS / f"requirements-{group}.{ending}" for ending in ("in", "txt")]
        quietly([uv, "pip", "compile", "-q", *options, files[0], "-o", files[1]])


def install(venv: Path, what: list[str]) -> None:
    """Runs pip in the environment; the index and proxy are those that the machine's pip is set to."""
    try:
        quietly([program(venv, "python"), "-m", "pip", "--disable-pip-version-check", "install", "-q", *what])
    except steps.TaskError as failure:
        if "No matching distribution" in str(failure) and what[0].startswith("bpy"):
            raise steps.MissingError(f"the package index has no {what[0]} for this machine") from None
        raise


def check_import(venv: Path) -> None:
    """Imports bpy; names the command that installs a missing system library, or in CI as root installs it."""
    code, output = steps.ask([program(venv, "python"), "-c", "import os, bpy; os._exit(0)"], timeout_s=300)
    missing = re.search(r"ImportError: (lib[\w.+-]+)", output)
    if not code:
        return
    if not missing:
        fail(f"bpy does not start (exit code {code}):\n{output.strip()}")
    if steps.IS_CI and steps.is_root_on_debian():
        with step(f"system libraries for bpy ({missing[1]} is missing)"):
            steps.apt_install(APT)
        code, output = steps.ask(
            [program(venv, "python"), "-c", "import os, bpy; os._exit(0)"], timeout_s=300
        )
        if not code:
            return
    command = f"sudo dnf install {DNF}" if shutil.which("dnf") else f"sudo apt-get install {APT}"
    fail(f"bpy needs the system library {missing[1]}. Install what it needs: {command}")


def make_wheel(wheel: Wheel, venv: Path, groups: tuple[str, ...] = ()) -> Path:
    """An environment with this bpy and a `blender` command. Raises MissingError where there is none."""
    python, reason = pythons.look_for(wheel.python)
    if not python:
        raise steps.MissingError(reason)
    with LOCKS[venv], step(
        f"Blender {wheel.version} (bpy on Python {wheel.python}) in {venv.relative_to(ROOT)}"
    ):
        is_new = f"bpy=={wheel.version}" not in read_stamp(venv)
        fill(venv, python, wheel.python, f"bpy=={wheel.version}", groups)
        if is_new:
            try:
                check_import(venv)
            except steps.TaskError:
                (venv / STAMP).unlink()
                raise
        quietly([program(venv, "python"), TOOLS / "bpy_blender.py", "--install"])
    return venv


def make_main(groups: tuple[str, ...] = ()) -> tuple[Wheel, Path]:
    """.venv with the newest wheel that this machine can have."""
    if not any(pythons.look_for(wheel.python)[0] for wheel in WHEELS) and not pythons.uv_or_none():
        with step("no Python that bpy exists for is here: looking for one with uv"):
            pythons.fetch_uv()
    reasons = []
    for wheel in WHEELS:
        try:
            return wheel, make_wheel(wheel, ROOT / ".venv", groups)
        except steps.MissingError as reason:
            reasons.append(f"Blender {wheel.blender}: {reason}")
    fail("no Blender for this machine. One of these is enough:\n  " + "\n  ".join(reasons))


def make_test_wheel(wheel: Wheel) -> Path:
    """An environment with this bpy for its tests: .venv if that is the one in it."""
    main = ROOT / ".venv"
    in_main = f"bpy=={wheel.version}" in read_stamp(main)
    return make_wheel(wheel, main if in_main else ROOT / ".venvs" / wheel.blender, ("test",))


def make_dev() -> Path:
    """An environment without Blender: lint, types and unit tests."""
    return make_plain("dev", "tools for development")


@functools.lru_cache(None)
def make_runner() -> Path:
    """The environment of pytest-blender, which takes over every pytest where it is installed."""
    return make_plain("runner", "pytest-blender")


def make_plain(group: str, what: str) -> Path:
    """An environment without Blender."""
    venv = ROOT / ".venvs" / ("pytest-blender" if group == "runner" else group)
    for version in ("3.11", "3.13"):
        python, _ = pythons.look_for(version)
        if python:
            with LOCKS[venv], step(f"{what} on Python {version} in {venv.relative_to(ROOT)}"):
                fill(venv, python, version, "", (group,))
            return venv
    fail(pythons.look_for("3.11")[1])
