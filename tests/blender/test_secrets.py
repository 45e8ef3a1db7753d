# SPDX-License-Identifier: GPL-3.0-or-later
"""The secret of an account goes to the service alone: a command, a batch and a crash leave it nowhere else.

Looked for while they work, in the arguments of all processes and the environments of those that they start,
and afterwards in each file that they left and in all that they said.
"""

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import EXAMPLES, HORSE, TIMEOUT_S, Sandbox, command, running_sandbox
from holding import HoldingProxy
from leaks import descendants, find_in_files, find_in_processes

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
Found = set[tuple[str, str]]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("service")) as service:
        yield service


class Watched:
    """A command behind a proxy, looked at until it ends. `output` is all that it said."""

    def __init__(self, sandbox: Sandbox, folder: Path, *words: str) -> None:
        secret = sandbox.env["SCENARIO_SDK_API_SECRET"]
        pair = base64.b64encode(f"{sandbox.env['SCENARIO_SDK_API_KEY']}:{secret}".encode())
        self.forms = [secret.encode(), base64.b64encode(secret.encode()).rstrip(b"=")[:-2], pair]
        self.found: Found = set()
        self.names: set[str] = set()  # of the programs and scripts that were seen
        self.output = b""
        self.proxy = HoldingProxy(sandbox.api)
        self.proxy.refusals[r"GET /v1/jobs"] = 500, f"the secret {secret} is wrong: {pair.decode()}"
        self.folder = folder
        env = {**sandbox.env, "MAQUETTE_STATE": str(folder / "state"), "MAQUETTE_API_URL": self.proxy.api}
        env["TMPDIR"] = str(folder / "passing")
        (folder / "passing").mkdir()
        self._log = (folder / "output").open("wb")
        self.process = subprocess.Popen(
            command(*words),
            env=env,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def look(self) -> None:
        for pid, what in find_in_processes(
            self.process.pid, self.forms, is_environment_of_root_checked=False
        ):
            self.found.add((what, _words(pid)))
        self.names |= {_words(pid) for pid in descendants(self.process.pid)}

    def look_until_refused(self) -> None:
        ends_at = time.monotonic() + TIMEOUT_S
        while not self.proxy.refused:
            assert self.process.poll() is None, (self.folder / "output").read_text()
            assert time.monotonic() < ends_at
            self.look()
            time.sleep(0.02)

    def look_to_the_end(self) -> int:
        self.proxy.refusals.clear()
        ends_at = time.monotonic() + TIMEOUT_S
        while self.process.poll() is None:
            assert time.monotonic() < ends_at
            self.look()
            time.sleep(0.02)
        return self.process.returncode

    def close(self) -> None:
        self.process.kill()
        self.process.wait(30)
        self._log.close()
        self.proxy.close()

    def check(self) -> None:
        assert not self.found
        assert not find_in_files(self.folder, self.forms)


def _words(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:  # it has ended
        return ""


def test_a_command_leaves_the_secret_nowhere(sandbox: Sandbox, tmp_path: Path) -> None:
    watched = Watched(sandbox, tmp_path, "generate", HORSE, "-o", str(tmp_path / "horse.glb"), "--json")
    try:
        watched.look_until_refused()
        assert watched.look_to_the_end() == 0, (tmp_path / "output").read_text()
    finally:
        watched.close()
    assert any("background_main.py" in words for words in watched.names), (
        watched.names
    )  # the converter was looked at
    watched.check()


def test_a_batch_leaves_the_secret_nowhere(sandbox: Sandbox, tmp_path: Path) -> None:
    """Nor does the program that a person has called at the end get it."""
    told = tmp_path / "told.json"
    script = f"import json, os; json.dump(dict(os.environ), open({str(told)!r}, 'w'))"
    rows = [{"file": str(EXAMPLES / name), "targetFaceNum": 600} for name in ("cat.png", "horse.png")]
    manifest = tmp_path / "rows.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ["batch", str(manifest), "-o", str(tmp_path / "out"), "--turntable"]
    watched = Watched(sandbox, tmp_path, *words, "--notify", f'"{sys.executable}" -c "{script}"')
    try:
        watched.look_until_refused()
        assert watched.look_to_the_end() == 0, (tmp_path / "output").read_text()
    finally:
        watched.close()
    assert "BATCH_EXIT_CODE" in json.loads(told.read_text())
    assert (tmp_path / "out" / "index.html").exists()
    watched.check()


def test_a_crash_leaves_the_secret_nowhere(sandbox: Sandbox, tmp_path: Path) -> None:
    watched = Watched(sandbox, tmp_path, "generate", HORSE, "-o", str(tmp_path / "horse.glb"))
    try:
        watched.look_until_refused()
        workers = descendants(watched.process.pid)
        assert workers
        for pid in [*workers, watched.process.pid]:
            os.kill(pid, signal.SIGABRT)
        with contextlib.suppress(subprocess.TimeoutExpired):  # a genuine Blender's report may hang
            watched.process.wait(10)
    finally:
        watched.close()
    watched.check()
