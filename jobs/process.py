# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting our own Python processes: the worker, and the sandbox.

They run Blender's Python without Blender, get the package's folder as an argument and
secrets on stdin, never as an argument. Each ends when its stdin closes.
"""

import contextlib
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from ..client import Credentials
from .environment import environment_without
from .matching import GRACE_S

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
_loaded: list[subprocess.Popen[bytes]] = []  # of `load_worker`
SANDBOX = "sandbox"  # the service that a sandbox's jobs belong to
SANDBOX_OPTIONS = "MAQUETTE_SANDBOX_OPTIONS"


class SandboxError(Exception):
    """The sandbox did not start; the text says where its log is."""


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What a worker needs to know; `service` and `session` are the names that its jobs carry, `blender` an
    executable.

    A sandbox is started by the worker itself and needs neither address nor credentials.
    """

    service: str
    blender: str
    api_url: str = ""
    credentials: Credentials | None = None
    project_id: str | None = None
    is_sandbox: bool = False
    converters: int = 1  # background Blenders at a time
    is_keeping_downloads: bool = True  # else a result's files are deleted once they are converted
    linger_s: float = 0.0  # how long the worker waits for more to do after the last thing
    grace_s: float = GRACE_S
    session: str = ""  # the command that it works for; empty: the window


def service_name(api_url: str, project_id: str | None) -> str:
    """The service's name in the store: the jobs of a project at an address have a worker of their own."""
    return f"{api_url}#{project_id}" if project_id else api_url


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
        env=environment_without(),
        creationflags=flags,
        start_new_session=sys.platform != "win32",
    )


def load_worker() -> None:
    """Have a process load what a worker needs: the next `start_worker` makes a worker of it.

    Until then it knows nothing and does nothing, and it ends with this process.
    """
    null = subprocess.DEVNULL
    with contextlib.suppress(OSError):  # `start_worker` will say so
        _loaded.append(start_python("jobs.worker", stdout=null, stderr=null))


def start_worker(store: Path, settings: WorkerSettings) -> subprocess.Popen[bytes]:
    """Start a worker on the store in `store`; closing its stdin lets it finish its transfers and end."""
    log_path = store / "worker.log"
    if log_path.exists() and log_path.stat().st_size > _LOG_BYTES:
        with contextlib.suppress(OSError):  # on Windows, while another session's worker writes to it
            log_path.replace(store / "worker.old.log")
    process = _loaded.pop() if _loaded else None
    with log_path.open("ab") as log:
        if process is None or process.poll() is not None:
            process = start_python("jobs.worker", stdout=log, stderr=log)
    line = {"store": str(store.resolve()), "log": str(log_path.resolve()), **asdict(settings)}
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # it has ended already: `Supervisor` sees the exit code
        process.stdin.write(json.dumps(line).encode() + b"\n")
        process.stdin.flush()
    return process


def let_finish(process: subprocess.Popen[bytes]) -> None:
    """Have a worker end after the transfers under way.

    Nothing is written to it: it may have ended, and Blender does not ignore SIGPIPE as Python does.
    """
    assert process.stdin is not None
    process.stdin.close()


def end_at_once(process: subprocess.Popen[bytes]) -> None:
    """End a worker; its store and files are ready for a death at any time."""
    process.kill()


def let_go(process: subprocess.Popen[bytes]) -> None:
    """Have a worker end in its own time, and wait for it no more."""
    let_finish(process)
    if process.poll() is None:
        process.returncode = 0  # it is not waited for: Python need not warn about it


def start_sandbox(
    data: Path, blender: str, options: Sequence[str] = (), *, stdout: int | None, stderr: IO[bytes] | None
) -> subprocess.Popen[bytes]:
    """Start the sandbox on the folder `data`, which is made; it ends when its stdin is closed."""
    data.mkdir(parents=True, exist_ok=True)
    arguments = ["--data", str(data), "--blender", blender, "--exit-with-stdin", *options]
    return start_python("sandbox.server", arguments, stdout=stdout, stderr=stderr)


def open_sandbox(data: Path, blender: str) -> tuple[subprocess.Popen[bytes], str, Credentials]:
    """A sandbox that is ready, its API's address, and the key for it. Raises SandboxError."""
    data.mkdir(parents=True, exist_ok=True)
    options = shlex.split(os.environ.get(SANDBOX_OPTIONS, ""))
    with (data / "sandbox.log").open("ab") as log:
        process = start_sandbox(data, blender, options, stdout=subprocess.PIPE, stderr=log)
    assert process.stdout is not None
    line = b"start"
    while line and not line.startswith(b"{"):  # Blender's Python may have a word to say before
        line = process.stdout.readline()
    try:
        ready = json.loads(line)
        return process, ready["api"], Credentials(ready["key"], ready["secret"])
    except (ValueError, KeyError):
        stop_sandbox(process)
        raise SandboxError(f"The sandbox did not start. {data / 'sandbox.log'} tells why.") from None


def stop_sandbox(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    if process.stdout is not None:
        process.stdout.close()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
