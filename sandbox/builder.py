# SPDX-License-Identifier: GPL-3.0-or-later
"""Has a background Blender build what a job asks for: one process a build, two JSON files between them."""

import json
import os
import subprocess
import threading
from pathlib import Path

from .lifecycle import BuildError
from .state import Record

BUILD_TIMEOUT_S = 300
SCRIPT = Path(__file__).with_name("build.py")


class BlenderBuilder:
    """Builds by running `blender --background --python build.py -- request.json`."""

    def __init__(self, blender: str) -> None:
        self.blender = blender
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def __call__(self, request: Record, folder: Path) -> Record:
        order = folder / "request.json"
        order.write_text(json.dumps({**request, "folder": str(folder)}), encoding="utf-8")
        command = [self.blender, "--background", "--factory-startup", "--python-exit-code", "3"]
        command += ["--python", str(SCRIPT), "--", str(order)]
        output = self._run(command, folder)
        answer = folder / "result.json"
        if not answer.is_file():
            raise BuildError("The build in Blender ended early", output[-500:])
        result = json.loads(answer.read_text(encoding="utf-8"))
        if "error" in result:
            raise BuildError(result["error"], result.get("hint", ""))
        return result

    def _run(self, command: list[str], folder: Path) -> str:
        flags = subprocess.CREATE_NO_WINDOW if os.name == "nt" else 0
        log = folder / "blender.log"
        with log.open("wb") as output, self._lock:
            if self._stopped:
                raise BuildError("The sandbox is ending")
            try:
                child = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, creationflags=flags
                )
            except OSError as error:
                raise BuildError(f"Blender could not be started: {error}", "Check --blender") from None
            self._running.add(child)
        try:
            child.wait(BUILD_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            raise BuildError(f"The build took more than {BUILD_TIMEOUT_S} s", "Ask for fewer faces") from None
        finally:
            with self._lock:
                self._running.discard(child)
        return log.read_text(encoding="utf-8", errors="replace")

    def stop(self) -> None:
        """End what is being built and refuse to build more."""
        with self._lock:
            self._stopped = True
            for child in self._running:
                child.kill()
