# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the product's own commands from tests inside Blender, each in a Blender of its own."""

import base64
import json
import os
import signal
import socket
import sqlite3
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
HORSE = str(EXAMPLES / "horse.png")
TIMEOUT_S = 240
# A JPEG with a start and an end, so that it is sent, but with nothing between them that can be read.
NO_PICTURE = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00" + bytes(64) + b"\xff\xd9"
# A port that is taken and never listened at: nothing answers there, whatever else runs on this machine.
_TAKEN = socket.socket()
_TAKEN.bind(("127.0.0.1", 0))
NOBODY = f"127.0.0.1:{_TAKEN.getsockname()[1]}"


def command(*words: str) -> list[str]:
    return [os.environ["MAQUETTE_BLENDER"], "--background", "--command", "maquette", *words]


def run(*words: str, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command(*words), env=env, capture_output=True, text=True, timeout=TIMEOUT_S, stdin=subprocess.DEVNULL
    )


def interrupted(words: list[str], env: dict[str, str], at: str) -> tuple[int, str]:
    """Runs a command and presses Ctrl-C once it says `at`; its exit code, and what it says after that."""
    process = subprocess.Popen(
        words, env=env, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL, start_new_session=True
    )
    assert process.stderr is not None
    for line in process.stderr:
        if at in line:
            os.killpg(process.pid, signal.SIGINT)
            break
    rest = process.communicate(timeout=TIMEOUT_S)[1]
    return process.returncode, rest


def run_script(script: Path, *, folder: Path, env: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """A script of a user's own, in a Blender that has it as users do, with `folder` as the current one."""
    words = [
        os.environ["MAQUETTE_BLENDER"],
        "--background",
        "--python-exit-code",
        "1",
        "--python",
        str(script),
    ]
    return subprocess.run(
        words,
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        stdin=subprocess.DEVNULL,
    )


def kill_worker(state: Path) -> None:
    """The one that works on the store in this folder; leases of others that were killed stay."""
    with closing(sqlite3.connect(state / "maquette.db")) as database:
        (owner,) = database.execute("SELECT owner FROM lease ORDER BY renewed_at DESC LIMIT 1").fetchone()
    os.kill(int(owner.split("-")[0]), signal.SIGKILL)


def read_json(text: str) -> Any:
    """The one JSON line among what a genuine Blender says on stdout of itself."""
    return json.loads(next(line for line in text.splitlines() if line.startswith(("{", "["))))


@dataclass
class Sandbox:
    env: dict[str, str]
    api: str

    def stats(self) -> dict[str, Any]:
        pair = f"{self.env['SCENARIO_SDK_API_KEY']}:{self.env['SCENARIO_SDK_API_SECRET']}"
        headers = {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
        request = urllib.request.Request(self.api.removesuffix("/v1") + "/sandbox/stats", headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)


@contextmanager
def running_sandbox(folder: Path, *options: str) -> Iterator[Sandbox]:
    """`maquette sandbox`, and the environment in which commands use it, with a state of its own."""
    process = subprocess.Popen(
        command("sandbox", "--data", str(folder / "sandbox"), *options),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = next(line for line in process.stdout if line.startswith("{"))
        ready = json.loads(line)
        env = {
            **os.environ,
            "SCENARIO_SDK_API_KEY": ready["key"],
            "SCENARIO_SDK_API_SECRET": ready["secret"],
            "MAQUETTE_API_URL": ready["api"],
            "MAQUETTE_STATE": str(folder / "state"),
        }
        yield Sandbox(env, ready["api"])
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()
