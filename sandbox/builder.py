# SPDX-License-Identifier: GPL-3.0-or-later
"""Has a background Blender build what a job asks for: one process a build, two JSON files between them.

What it has built of the same request is delivered again: a Blender of its own takes two seconds.
"""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from .state import Record

BUILD_TIMEOUT_S = 300
SCRIPT = "import sys; sys.path.append({!r}); from sandbox.build import main; main({!r})"


class BuildError(Exception):
    """The builder could make nothing of the inputs: a reason, and a hint for the user."""

    def __init__(self, reason: str, hint: str = "Try another input. The price was refunded.") -> None:
        super().__init__(reason)
        self.hint = hint


class BlenderBuilder:
    """Builds by running `build.main` in a Blender without user settings, and keeps what it has built in the
    folder `kept`; or always delivers one file, told to be of that `kind`.
    """

    def __init__(self, blender: str, kept: Path, result: Path | None = None, kind: str = "3d") -> None:
        self.blender = blender
        self.kept = kept
        self.result = result
        self.kind = kind
        self._running: set[subprocess.Popen[bytes]] = set()

    def __call__(self, request: Record, folder: Path) -> Record:
        if self.result:
            name = f"model{self.result.suffix}"
            shutil.copyfile(self.result, folder / name)
            mime = "model/gltf-binary" if name == "model.glb" else "application/octet-stream"
            made: Record = {"file": name, "mimeType": mime, "properties": {"format": name.rpartition(".")[2]}}
            return made | {"kind": self.kind}
        kept = self.kept / _key(request, self.blender)
        if kept.is_dir():
            shutil.copytree(kept, folder, dirs_exist_ok=True)
            found: Record = json.loads((folder / "result.json").read_text(encoding="utf-8"))
            return found
        result = self._build(request, folder)
        with contextlib.suppress(OSError):  # a full disk, another build of the same
            self._keep(kept, folder, ("result.json", result["file"]))
        return result

    def _keep(self, kept: Path, folder: Path, names: tuple[str, ...]) -> None:
        self.kept.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.kept, ignore_cleanup_errors=True) as part:
            whole = Path(part, "whole")
            whole.mkdir()
            for name in names:
                shutil.copyfile(folder / name, whole / name)
            whole.rename(kept)

    def _build(self, request: Record, folder: Path) -> Record:
        order, answer, log = (folder / name for name in ("request.json", "result.json", "blender.log"))
        order.write_text(json.dumps({**request, "folder": str(folder)}), encoding="utf-8")
        code = SCRIPT.format(str(Path(__file__).resolve().parents[1]), str(order))
        command = [self.blender, "--background", "--factory-startup", "--python-expr", code]
        flags = subprocess.CREATE_NO_WINDOW if os.name == "nt" else 0
        with log.open("wb") as out:
            try:
                child = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, creationflags=flags
                )
            except OSError as error:
                raise BuildError(f"Blender could not be started: {error}", "Check --blender") from None
        self._running.add(child)
        try:
            child.wait(BUILD_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise BuildError(f"The build took more than {BUILD_TIMEOUT_S} s", "Ask for fewer faces") from None
        finally:
            child.kill()
            child.wait()
            self._running.discard(child)
        if not answer.is_file():
            raise BuildError("The build in Blender ended early", log.read_text(errors="replace")[-500:])
        result = json.loads(answer.read_text(encoding="utf-8"))
        if "error" in result:
            raise BuildError(result["error"])
        return result

    def stop(self) -> None:
        """End what is being built."""
        for child in list(self._running):
            child.kill()


def _key(request: Record, blender: str) -> str:
    """Of all that a build depends on: what is asked for, its files' content, and how it is made by whom."""
    own = Path(__file__).resolve().parent
    sources = [own / "build.py", *sorted((own / "geometry").glob("*.py"))]
    files = [*request["images"].values(), *request["meshes"]]
    contents = [hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in (*sources, *files)]
    asked = {**request, "images": list(request["images"]), "meshes": len(request["meshes"]), "parent": None}
    asked.pop("folder", None)
    found = shutil.which(blender)
    maker = [blender, os.stat(found).st_mtime_ns if found else 0]
    return hashlib.sha256(json.dumps([asked, contents, maker], sort_keys=True).encode()).hexdigest()
