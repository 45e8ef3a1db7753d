# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox's second port: files behind signed, expiring URLs, and the part URLs of uploads.

As on the real CDN the signature is the permission: an Authorization header here is a client's bug, counted.
"""

import hashlib
import hmac
import os
import re
import uuid
from collections import Counter
from pathlib import Path
from urllib.parse import urlencode

from .state import State
from .web import ApiError, Handler

CHUNK_BYTES = 1 << 20
MAX_PART_BYTES = 5 << 30  # S3's limit for one part


class Signer:
    """Makes and checks URLs in CloudFront's form, with a lifetime and a signature of the sandbox's own."""

    def __init__(self, state: State, lifetime_s: float) -> None:
        self.state = state
        self.lifetime_s = lifetime_s
        self.base = ""  # known once the port is
        self._key = state.setting("signing-key", lambda: os.urandom(32).hex()).encode()

    def _sign(self, path: str, expires: str) -> str:
        return hmac.new(self._key, f"{path}?{expires}".encode(), hashlib.sha256).hexdigest()

    def url(self, path: str) -> str:
        expires = str(self.state.clock() + self.lifetime_s)
        terms = {"Expires": expires, "Signature": self._sign(path, expires), "Key-Pair-Id": "KSANDBOX"}
        return f"{self.base}{path}?{urlencode(terms)}"

    def is_valid(self, path: str, query: dict[str, str]) -> bool:
        expires, signature = query.get("Expires", ""), query.get("Signature", "")
        is_ours = hmac.compare_digest(self._sign(path, expires).encode(), signature.encode())
        return is_ours and float(expires) > self.state.clock()


class CdnHandler(Handler):
    """GET and HEAD of assets with ranges, PUT of upload parts."""

    signer: Signer
    state: State
    auth_headers: Counter[str]

    def refuse(self, error: ApiError) -> None:
        text = f"<Error><Code>{error}</Code><Message>{error}</Message></Error>"
        self.send(error.status, f'<?xml version="1.0"?>{text}'.encode(), "application/xml")

    def answer(self, path: str, query: dict[str, str]) -> None:
        if "Authorization" in self.headers:
            self.auth_headers["cdn"] += 1
            raise ApiError(400, "The API's key does not belong here: the URL itself is signed")
        if not self.signer.is_valid(path, query):
            raise ApiError(403, "AccessDenied")
        file = self.state.files / path.lstrip("/")  # a path that the sandbox signed
        if self.command in ("GET", "HEAD"):
            self._send_file(file)
        elif self.command == "PUT" and path.startswith("/uploads/"):
            self._store(file)
        else:
            raise ApiError(405, "MethodNotAllowed")

    def _send_file(self, path: Path) -> None:
        if not path.is_file():
            raise ApiError(404, "NoSuchKey")
        size = path.stat().st_size
        etag = f'"{size:x}-{path.stat().st_mtime_ns:x}"'
        headers = {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes", "ETag": etag}
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        first, last, status = 0, size - 1, 200
        if asked and any(asked.groups()) and self.headers.get("If-Range", etag) == etag:
            start, end = asked.groups()
            first = int(start) if start else max(0, size - int(end))
            last = min(int(end), size - 1) if start and end else size - 1
            if first > last:
                self.send(416, b"", "application/xml", {"Content-Range": f"bytes */{size}"})
                return
            status, headers["Content-Range"] = 206, f"bytes {first}-{last}/{size}"
        self.start(status, headers | {"Content-Length": str(last - first + 1)})
        if self.command == "GET" and last >= first:
            with path.open("rb") as file:
                self.wfile.flush()
                self.connection.sendfile(file, first, last - first + 1)

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
        self.send(200, b"", "application/xml", {"ETag": f'"{uuid.uuid4().hex}"'})
