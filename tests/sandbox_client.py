# SPDX-License-Identifier: GPL-3.0-or-later
"""A sandbox for tests, without Blender, with a clock that only a test moves, and the requests it needs."""

import base64
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from maquette.sandbox.builder import BuildError
from maquette.sandbox.server import Sandbox
from png_files import png
from service import Clock

HUNYUAN = "model_hunyuan-3d-v2-1"
GLB = b"glTF\x02\0\0\0\x0c\0\0\0"


class Answer:
    """A response: its status, its headers, its bytes, and those as JSON."""

    def __init__(self, status: int, headers: Any, data: bytes) -> None:
        self.status, self.headers, self.data = status, headers, data

    def __getitem__(self, name: str) -> Any:
        return json.loads(self.data)[name]


def build_nothing(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Stands for Blender: a GLB's first bytes, or a failure for the prompt "impossible"."""
    if request["prompt"] == "impossible":
        raise BuildError("This can't be built", "Ask for something else")
    (folder / "model.glb").write_bytes(GLB)
    properties = {"format": "glb", "faceCount": 12}
    return {"file": "model.glb", "mimeType": "model/gltf-binary", "properties": properties}


class Caller:
    """A running sandbox and requests to it, signed in."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.clock = options.setdefault("clock", Clock())
        options = {"delay_s": 10.0, "is_ticking": False, **options}
        self.sandbox = Sandbox(folder, options.pop("build", build_nothing), **options)
        token = base64.b64encode(f"{self.sandbox.api.key}:{self.sandbox.api.secret}".encode()).decode()
        self.sign_in = {"Authorization": f"Basic {token}"}
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def ask(
        self, method: str, target: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """`target` is a path under /v1, then signed in, or a whole URL, then with the given headers alone."""
        url = target if target.startswith("http") else self.sandbox.url + target
        given = (self.sign_in if url is not target else {}) if headers is None else headers
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "x/y", **given}, method=method)
        try:
            with self._open(request, timeout=60) as response:
                return Answer(response.status, response.headers, response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())

    def image(self) -> str:
        """The id of a new picture."""
        return self.ask("POST", "/assets", {"name": "a", "image": base64.b64encode(png()).decode()})["asset"][
            "id"
        ]

    def upload(
        self, data: bytes, kind: str, name: str, *, parts: int = 1, size: int | None = None
    ) -> dict[str, Any]:
        """The upload's record after all its steps."""
        body = {
            "fileName": name,
            "contentType": "x/y",
            "fileSize": size or len(data),
            "kind": kind,
            "parts": parts,
        }
        upload = self.ask("POST", "/uploads", body)["upload"]
        share = -(-len(data) // parts)
        for part in upload["parts"]:
            start = (part["number"] - 1) * share
            assert self.ask("PUT", part["url"], data[start : start + share]).status == 200
        assert self.ask("POST", f"/uploads/{upload['id']}/action", {"action": "complete"}).status == 200
        self.clock.time += 5
        return self.ask("GET", f"/uploads/{upload['id']}")["upload"]

    def submit(self, model: str = HUNYUAN, **inputs: Any) -> dict[str, Any]:
        """The job of a submission; with a new picture if no inputs are given."""
        return self.ask("POST", f"/generate/custom/{model}", inputs or {"image": self.image()})["job"]

    def job(self, job_id: str, after_s: float = 0.0) -> dict[str, Any]:
        """The job, that much later."""
        self.clock.time += after_s
        for build in list(self.sandbox.lifecycle.builds.values()):
            build.exception(60)
        self.sandbox.lifecycle.tick()
        return self.ask("GET", f"/jobs/{job_id}")["job"]
