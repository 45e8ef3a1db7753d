# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the Pythons that bpy wheels exist for, and names the command that installs a missing one.

A Python counts only after it has run and imported what a virtual environment needs: names on PATH may be
shims of a Python that is not there, and Debian splits the standard library into packages.
"""

from __future__ import annotations

import functools
import os
import shutil
import sys
from pathlib import Path
from typing import Iterator

import steps

PRIVATE_UV = steps.ROOT / ".venvs" / "uv"
PROBE = (
    "import sys; print('%d.%d' % sys.version_info[:2]); print(sys.executable)\n"
    "import venv, ensurepip, sqlite3, ssl, zlib, ctypes"
)


def candidates(version: str) -> Iterator[list[str]]:
    """Commands that may start Python `version`, likeliest first."""
    if "{}.{}".format(*sys.version_info) == version:
        yield [sys.executable]
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        found = shutil.which(f"python{version}", path=folder)
        if found:
            yield [found]
    if steps.IS_WINDOWS and shutil.which("py"):
        yield ["py", f"-{version}"]
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"
    for found_in in sorted(pyenv.glob(f"{version}.*"), reverse=True):
        yield [str(found_in / ("python.exe" if steps.IS_WINDOWS else "bin/python"))]
    framework = Path(f"/Library/Frameworks/Python.framework/Versions/{version}/bin/python{version}")
    if framework.exists():
        yield [str(framework)]
    uv = uv_or_none()
    if uv:
        code, output = steps.ask([uv, "python", "find", "--no-project", version])
        if code == 0:
            yield [output.strip().splitlines()[-1]]


def uv_or_none() -> str | None:
    """The machine's uv, or the one that `fetch_uv` put into the project."""
    own = PRIVATE_UV / ("Scripts/uv.exe" if steps.IS_WINDOWS else "bin/uv")
    return shutil.which("uv") or (str(own) if own.exists() else None)


def probe(command: list[str], version: str) -> tuple[Path | None, str]:
    """The interpreter that `command` starts if it is `version` and whole; else None and what it lacks."""
    code, output = steps.ask([*command, "-c", PROBE], timeout_s=30)
    lines = output.split("\n")
    if lines[0].strip() != version:
        return None, ""
    if code == 0:
        return Path(lines[1].strip()), ""
    return None, f"{lines[1].strip()} is incomplete: {output.strip().splitlines()[-1]}"


@functools.lru_cache(None)
def look_for(version: str) -> tuple[Path | None, str]:
    """The Python `version` of this machine, or None and the reason with the command that installs it."""
    flaws = []
    for command in candidates(version):
        found, flaw = probe(command, version)
        if found:
            return found, ""
        if flaw and flaw not in flaws:
            flaws.append(flaw)
    uv = uv_or_none()
    if uv and steps.ask([uv, "python", "install", version], timeout_s=300)[0] == 0:
        code, output = steps.ask([uv, "python", "find", "--no-project", version])
        found, flaw = probe([output.strip().splitlines()[-1]], version) if code == 0 else (None, "")
        if found:
            return found, ""
    what = "; ".join(flaws) or f"no Python {version} on this machine"
    return None, f"{what}. Install it: {install_command(version)}"


def install_command(version: str) -> str:
    """The command that installs Python `version`, as fits this machine."""
    if steps.IS_WINDOWS:
        return f"winget install Python.Python.{version}"
    if sys.platform == "darwin":
        return f"brew install python@{version}"
    with_uv = f"pip install uv, then: uv python install {version}"
    if shutil.which("dnf"):
        return f"sudo dnf install python{version}  (or {with_uv})"
    if shutil.which("apt-get"):
        return (
            f"sudo apt-get install python{version} python{version}-venv  (where Debian has none: {with_uv})"
        )
    return with_uv


def fetch_uv() -> None:
    """Puts a uv into the project, for a machine without any Python that bpy exists for; or does nothing."""
    if steps.ask([sys.executable, "-m", "venv", PRIVATE_UV])[0] == 0:
        python = PRIVATE_UV / ("Scripts/python.exe" if steps.IS_WINDOWS else "bin/python")
        steps.ask([python, "-m", "pip", "install", "-q", "uv"], timeout_s=300)
    look_for.cache_clear()
