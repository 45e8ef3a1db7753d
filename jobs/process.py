# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting our own Python processes: the worker, and the sandbox.

They run Blender's Python without Blender, get the package's folder as an argument and
secrets on stdin, never as an argument; their end of stdin is the leash.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ..client import Credentials

_PACKAGE = Path(__file__).resolve().parent.parent
# The package under its plain name, whatever it is called inside Blender; nothing else of its folder's.
_BOOTSTRAP = """
import importlib, sys, types
package = types.ModuleType("maquette")
package.__path__ = [sys.argv[1]]
sys.modules["maquette"] = package
module = importlib.import_module("maquette." + sys.argv[2])
del sys.argv[1:3]
sys.exit(module.main(*([sys.argv[1:]] if sys.argv[1:] else [])))
"""
_LOG_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What a worker needs to know; `service` is the name that its jobs carry, `blender` an executable."""

    api_url: str
    credentials: Credentials
    service: str
    blender: str
    project_id: str | None = None
    grace_s: float | None = None


def python_command(module: str, arguments: Sequence[str] = ()) -> list[str]:
    """The command that runs `main` of one of our modules ("jobs.worker") in Blender's Python."""
    return [sys.executable, "-I", "-c", _BOOTSTRAP, str(_PACKAGE), module, *arguments]


def start_python(
    module: str,
    arguments: Sequence[str] = (),
    *,
    stdout: int | IO[bytes] | None,
    stderr: int | IO[bytes] | None,
) -> subprocess.Popen[bytes]:
    """Start `main` of one of our modules, with a pipe to its stdin, out of reach of the terminal's Ctrl-C."""
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
    return subprocess.Popen(
        python_command(module, arguments),
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=stderr,
        creationflags=flags,
        start_new_session=sys.platform != "win32",
    )


def start_worker(store: Path, settings: WorkerSettings) -> subprocess.Popen[bytes]:
    """Start a worker on the store in `store`; closing its stdin lets it finish its transfers and end."""
    log_path = store / "worker.log"
    if log_path.exists() and log_path.stat().st_size > _LOG_BYTES:
        log_path.replace(store / "worker.old.log")
    with log_path.open("ab") as log:
        process = start_python("jobs.worker", stdout=log, stderr=log)
    line: Mapping[str, object] = {
        "store": str(store.resolve()),
        "api_url": settings.api_url,
        "service": settings.service,
        "project_id": settings.project_id,
        "blender": settings.blender,
        "key": settings.credentials.key,
        "secret": settings.credentials.secret,
    } | ({} if settings.grace_s is None else {"grace_s": settings.grace_s})
    assert process.stdin is not None
    try:
        process.stdin.write(json.dumps(line).encode() + b"\n")
        process.stdin.flush()
    except BrokenPipeError:
        log.close()  # it ended before it read: `Watch` sees the exit code and tells where the log is
    return process
