# SPDX-License-Identifier: GPL-3.0-or-later
"""Uploads one file: small images within one request, all else in parts to signed addresses.

It may be tried anew as a whole, which at worst leaves an unused asset behind.
"""

import base64
import time
from collections.abc import Callable
from pathlib import Path

from .content import content_type
from .errors import (
    AnswerError,
    InputError,
    NetworkError,
    RateLimitedError,
    ScenarioError,
    ServerError,
    TransferError,
)
from .fields import Fields
from .records import Asset, Progress
from .transport import Body, Transport

SMALL_IMAGE_BYTES = 3_500_000  # bodies may have 10 MB; this was seen to pass with room to spare
PART_BYTES = 16 << 20  # the storage wants 5 MB at least, and 10,000 parts at most
PART_TRIES = 4
IMPORT_DEADLINE_S = 900.0
_DIRECT_TYPES = {
    f"image/{name}" for name in ("png", "jpeg", "gif", "webp", "avif", "tiff", "heic", "svg+xml")
}
_TYPES_OF_KIND = {"3d": ("model/", "application/vnd.autodesk.fbx"), "image-hdr": ("image/",)}


class Uploader:
    """Uploads the file at `path`; raises InputError if it is not there or is not of the kind."""

    def __init__(
        self,
        transport: Transport,
        path: Path,
        *,
        kind: str,
        name: str | None,
        progress: Progress | None,
        sleep: Callable[[float], None],
    ) -> None:
        self._transport, self._path, self._kind, self._name = transport, path, kind, name or path.name
        self._progress: Progress = progress or _tell_nobody
        self._sleep = sleep

    def run(self) -> str:
        """The new asset's id."""
        try:
            mime, size = content_type(self._path), self._path.stat().st_size
        except OSError as error:
            raise self._bad(f"cannot be read: {error.strerror}. Check the path.") from error
        if size == 0:
            raise self._bad("is empty. Choose another file.")
        if mime is None or not mime.startswith(_TYPES_OF_KIND.get(self._kind, f"{self._kind}/")):
            found = f"it looks like {mime}" if mime else "its content is of no known type"
            raise self._bad(f"is not of the kind {self._kind!r}: {found}. Choose another file.")
        if self._kind == "image" and mime in _DIRECT_TYPES and size <= SMALL_IMAGE_BYTES:
            return self._send_whole(mime, size)
        return self._send_parts(mime, size)

    def _bad(self, text: str) -> InputError:
        return InputError(f"{self._path} {text}", problems=[(self._path.name, text)])

    def _send_whole(self, mime: str, size: int) -> str:
        image = f"data:{mime};base64,{base64.b64encode(self._path.read_bytes()).decode()}"
        answer = self._transport.post("assets", body={"name": self._name, "image": image})
        self._progress(size, size)
        return Asset.from_json(Fields(answer, "answer").raw.get("asset")).id

    def _send_parts(self, mime: str, size: int) -> str:
        count = -(-size // PART_BYTES)
        wish = {
            "fileName": self._name,
            "contentType": mime,
            "fileSize": size,
            "kind": self._kind,
            "parts": count,
        }
        upload = _upload(self._transport.post("uploads", body=wish))
        parts = upload.items("parts", lambda item: Fields(item, "upload.parts"))
        urls = {part.count_or_none("number"): part.text("url") for part in parts}
        if set(urls) != set(range(1, count + 1)):
            raise AnswerError(f"The service offers other parts than the {count} asked for. Try again later.")
        done = 0
        with self._path.open("rb") as file:
            for number in range(1, count + 1):
                content = file.read(PART_BYTES)
                self._put(
                    urls[number], content, mime, lambda sent, done=done: self._progress(done + sent, size)
                )
                done += len(content)
        if done != size:
            raise TransferError(f"{self._path} changed while it was uploaded. Try again.")
        self._transport.post("uploads", upload.text("id"), "action", body={"action": "complete"})
        return self._imported(upload.text("id"))

    def _put(self, url: str, content: bytes, mime: str, tell: Callable[[int], None]) -> None:
        for tries in range(1, PART_TRIES + 1):
            try:
                return self._transport.put(url, Body(content, tell), mime)
            except (NetworkError, ServerError, RateLimitedError) as error:
                wait_s = getattr(error, "retry_after_s", None) or 2.0**tries
                if tries == PART_TRIES or wait_s > 60:
                    raise
                self._sleep(wait_s)
            except ScenarioError as error:
                raise TransferError(f"{self._path.name} cannot be uploaded: {error}") from None

    def _imported(self, upload_id: str) -> str:
        """Wait until the service has looked through the file and made an asset of it."""
        ends_at, wait_s = time.monotonic() + IMPORT_DEADLINE_S, 0.5
        while time.monotonic() < ends_at:
            upload = _upload(self._transport.get("uploads", upload_id))
            status = upload.text("status").lower()
            if status == "imported" and (entity := upload.text_or_none("entityId")):
                return entity
            if status in ("failed", "error"):
                reason = upload.text_or_none("errorMessage") or "it gives no reason"
                raise TransferError(f"The service does not take {self._path.name}: {reason[:300]}")
            self._sleep(wait_s)
            wait_s = min(5.0, wait_s * 1.5)
        raise TransferError(
            f"The service has not taken {self._path.name} in within {IMPORT_DEADLINE_S / 60:.0f} minutes."
        )


def _tell_nobody(_done: int, _total: int | None) -> None:
    pass


def _upload(answer: object) -> Fields:
    return Fields(Fields(answer, "answer").raw.get("upload"), "upload")
