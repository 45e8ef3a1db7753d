# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox's second port: files behind signed, expiring addresses, and those for the parts of uploads.

As on the real CDN the signature is the permission: an Authorization header here is a client's bug, counted.
"""

import re
import shutil
from collections import Counter
from pathlib import Path

from .assets import Assets
from .web import ApiError, Handler

MAX_PART_BYTES = 64 << 20


class CdnHandler(Handler):
    """GET of assets, from any byte on; PUT of upload parts."""

    assets: Assets
    auth_headers: Counter[str]

    def answer(self, path: str, query: dict[str, str]) -> None:
        if "Authorization" in self.headers:
            self.auth_headers["cdn"] += 1
            raise ApiError(400, "The API's key does not belong here: the URL itself is signed")
        if not self.assets.is_valid(path, query):
            raise ApiError(403, "AccessDenied")
        file = self.assets.state.files / path.lstrip("/")  # a path that the sandbox signed
        if self.command == "GET":
            self._send_file(file)
        elif path.startswith("/uploads/"):
            file.write_bytes(self.read_body(MAX_PART_BYTES))
            self.start(200, 0, "application/xml")
        else:
            raise ApiError(405, "MethodNotAllowed")

    def _send_file(self, path: Path) -> None:
        if not path.is_file():
            raise ApiError(404, "NoSuchKey")
        size, asked = path.stat().st_size, re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        first = 0
        status = 200
        headers = {"Accept_Ranges": "bytes"}
        if asked:
            first, status = int(asked[1]), 206
            headers["Content_Range"] = f"bytes {first}-{size - 1}/{size}"
        if asked and first >= size:
            self.start(416, 0, "application/xml", Content_Range=f"bytes */{size}")
            return
        self.start(status, size - first, "application/octet-stream", **headers)
        with path.open("rb") as file:
            file.seek(first)
            shutil.copyfileobj(file, self.wfile, 1 << 20)
