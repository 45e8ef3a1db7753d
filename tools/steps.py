# SPDX-License-Identifier: GPL-3.0-or-later
"""A task's steps: each says what it does and how long it took; one that fails names itself."""

from __future__ import annotations

import contextlib
import importlib
import os
import subprocess
import sys
import time
import types
from pathlib import Path
from typing import Any, Iterator, Mapping, NoReturn, Sequence

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
IS_CI = os.environ.get("CI") == "true"
IS_WINDOWS = os.name == "nt"


class TaskError(Exception):
    """A step could not be done; the text says why and what to do."""


class MissingError(TaskError):
    """This machine cannot have what the step needs; the text says what that is."""


def fail(message: str) -> NoReturn:
    raise TaskError(message)


def say(text: str) -> None:
    sys.stdout.write(text + "\n")  # in one piece: two may speak at once
    sys.stdout.flush()


@contextlib.contextmanager
def step(title: str) -> Iterator[None]:
    """Prints `title` before and the seconds after; a failure inside gets the title as its name."""
    say(f"- {title} ...")
    start = time.monotonic()
    try:
        yield
    except TaskError as failure:
        raise type(failure)(f"{title}: {failure}") from None
    say(f"  {title}: {time.monotonic() - start:.1f} s")


def run(command: Sequence[str | Path], *, env: Mapping[str, str] | None = None) -> None:
    """Runs a command in the project's folder, its output on the screen; an exit code but 0 is a TaskError."""
    code = subprocess.call([str(part) for part in command], cwd=ROOT, env=env)
    if code:
        fail(f"{Path(command[0]).name} ended with exit code {code}")


def ask(command: Sequence[str | Path], *, timeout_s: float = 60) -> tuple[int, str]:
    """Runs a command quietly; returns its exit code (127: not there, 124: too slow) and its output."""
    try:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_s,
        )
    except OSError as error:
        return 127, str(error)
    except subprocess.TimeoutExpired:
        return 124, f"no end after {timeout_s:.0f} s"
    return done.returncode, done.stdout.decode("utf-8", "replace")


def quietly(command: Sequence[str | Path], *, timeout_s: float = 1800) -> None:
    """Runs a command without showing its output. Raises TaskError with the output's end if it fails."""
    code, output = ask(command, timeout_s=timeout_s)
    if code:
        end = "\n    ".join(output.strip().splitlines()[-25:])
        fail(f"exit code {code} from {' '.join(str(part) for part in command)}\n    {end}")


def link(at: Path, to: Path) -> None:
    """Makes `at` another name of the folder `to`."""
    if IS_WINDOWS:  # a junction needs no special rights there, a symbolic link does
        quietly(["cmd", "/c", "mklink", "/J", at, to])
    else:
        at.symlink_to(to)


def remove_link(at: Path) -> None:
    """Removes the name alone: nothing follows it into the folder."""
    if IS_WINDOWS:
        at.rmdir()
    else:
        at.unlink()


def is_root_on_debian() -> bool:
    return sys.platform == "linux" and os.geteuid() == 0 and Path("/etc/debian_version").exists()


def apt_install(packages: str) -> None:
    """Installs Debian's packages of these names."""
    quietly(["apt-get", "update", "-qq"])
    quietly(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages.split()])


def own_module(name: str) -> Any:
    """A module of Maquette's own, such as `jobs.profile`, from the repository."""
    if "maquette" not in sys.modules:
        package = types.ModuleType("maquette")
        package.__path__ = [str(ROOT)]
        sys.modules["maquette"] = package
    return importlib.import_module(f"maquette.{name}")


def write_between(document: Path, start: str, end: str, text: str) -> None:
    """Puts the text between these two marks of the document."""
    before, _, rest = document.read_text(encoding="utf-8").partition(start)
    _, _, after = rest.partition(end)
    document.write_text(f"{before}{start}\n\n{text}\n\n{end}{after}", encoding="utf-8")
