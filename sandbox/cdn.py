# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox's second port: files behind signed, expiring URLs, and the part URLs of uploads.

As on the real CDN the signature is the permission: an Authorization header here is a client's bug, counted.
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
import re
import uuid
from collections import Counter
from pathlib import Path

from .state import State
from .web import ApiError, Handler

CHUNK_BYTES = 1 << 20
MAX_PART_BYTES = 5 << 30  # S3's limit for one part
DENIED = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access denied</Message></Error>'
MIME = {
    ".glb": "model/gltf-binary",
    ".fbx": "model/x-fbx",
    ".spz": "model/spz",
    ".ply": "model/ply",
    ".vox": "model/x-3d-vox",
    ".png": "image/png",
}


class Signer:
    """Makes and checks URLs in CloudFront's form, with a lifetime and a signature of the sandbox's own."""

    def __init__(self, state: State, lifetime_s: float) -> None:
        self.state = state
        self.lifetime_s = lifetime_s
        self.base = ""  # known once the port is
        self._key = str(state.setting("signing-key", lambda: os.urandom(32).hex())).encode()

    def _sign(self, path: str, policy: str) -> str:
        return hmac.new(self._key, f"{path}?{policy}".encode(), hashlib.sha256).hexdigest()

    def url(self, path: str) -> str:
        terms = json.dumps({"expires": self.state.clock() + self.lifetime_s}).encode()
        policy = base64.urlsafe_b64encode(terms).decode().rstrip("=")
        return f"{self.base}{path}?Policy={policy}&Signature={self._sign(path, policy)}&Key-Pair-Id=KSANDBOX"

    def is_valid(self, path: str, query: dict[str, str]) -> bool:
        policy = query.get("Policy", "")
        if not hmac.compare_digest(self._sign(path, policy).encode(), query.get("Signature", "").encode()):
            return False
        try:
            return json.loads(base64.urlsafe_b64decode(policy + "==="))["expires"] > self.state.clock()
        except (ValueError, KeyError, binascii.Error):
            return False


class CdnHandler(Handler):
    """GET and HEAD of assets with ranges, PUT of upload parts. Set on a subclass: signer, state, stats."""

    signer: Signer
    state: State
    auth_headers: Counter[str]

    def _path(self) -> Path | None:
        """Return the file that the signed URL stands for, or answer the refusal and return None."""
        path, query = self.split_target()
        if "Authorization" in self.headers:
            self.auth_headers["cdn"] += 1
            self.close_connection = True
            raise ApiError(
                400, "The API's Authorization header does not belong here: the URL itself is signed"
            )
        if not self.signer.is_valid(path, query):
            self.close_connection = True
            self.send(403, DENIED, "application/xml")
            return None
        target = (self.state.files / path.lstrip("/")).resolve()
        if not target.is_relative_to(self.state.files.resolve()):
            raise ApiError(404, "No such file")
        return target

    def do_GET(self) -> None:
        try:
            path = self._path()
            if path is not None:
                self._send_file(path)
        except ApiError as error:
            self.send_json(error.status, error.body)

    do_HEAD = do_GET

    def _send_file(self, path: Path) -> None:
        if not path.is_file():
            raise ApiError(404, "No such file")
        size = path.stat().st_size
        etag = f'"{size:x}-{path.stat().st_mtime_ns:x}"'
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        first, last, status = 0, size - 1, 200
        if asked and asked.group() != "bytes=-" and self.headers.get("If-Range", etag) == etag:
            start, end = asked.groups()
            first = int(start) if start else max(0, size - int(end))
            last = min(int(end), size - 1) if start and end else size - 1
            if first > last or first >= size:
                self.send(416, b"", "application/xml", Content_Range=f"bytes */{size}")
                return
            status = 206
        self.send_response(status)
        self.send_header("Content-Type", MIME.get(path.suffix, "application/octet-stream"))
        self.send_header("Content-Length", str(last - first + 1))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", etag)
        if status == 206:
            self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.end_headers()
        if self.command == "GET":
            with path.open("rb") as file:
                self.wfile.flush()
                self.connection.sendfile(file, first, last - first + 1) if last >= first else None

    def do_PUT(self) -> None:
        try:
            path = self._path()
            if path is not None:
                if not path.is_relative_to(self.state.files.resolve() / "uploads"):
                    raise ApiError(405, "Only parts of uploads can be written")
                self._store(path)
                self.send(200, b"", "application/xml", ETag=f'"{uuid.uuid4().hex}"')
        except ApiError as error:
            self.send_json(error.status, error.body)

    def _store(self, path: Path) -> None:
        left = self.body_length(MAX_PART_BYTES)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
        with part.open("wb") as file:
            while left and (data := self.rfile.read(min(CHUNK_BYTES, left))):
                file.write(data)
                left -= len(data)
        if left:
            part.unlink()
            raise ConnectionError("the client went away in mid-part")
        os.replace(part, path)
