# SPDX-License-Identifier: GPL-3.0-or-later
"""Uploads one file: small images within one request, all else in parts to signed addresses, from disk."""

import base64
import time
from collections.abc import Callable, Iterator
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
from .transport import Transport

SMALL_IMAGE_BYTES = (
    3_500_000  # the gateway takes bodies up to 10 MB; this was seen to pass with room to spare
)
PART_BYTES = 16 << 20  # the storage wants 5 MB at least, and 10,000 parts at most
MAX_PARTS = 10_000
PART_TRIES = 4
IMPORT_DEADLINE_S = 900.0
_DIRECT_TYPES = frozenset(
    f"image/{name}" for name in ("png", "jpeg", "gif", "webp", "avif", "tiff", "heic", "svg+xml")
)
_SEND_BYTES = 64 << 10
_TYPES_OF_KIND = {
    "image": ("image/",),
    "image-hdr": ("image/",),
    "3d": ("model/", "application/vnd.autodesk.fbx"),
    "audio": ("audio/",),
    "video": ("video/",),
}


class Uploader:
    """One upload; it may be tried anew as a whole, which at worst leaves an unused asset behind."""

    def __init__(
        self,
        transport: Transport,
        path: Path,
        *,
        kind: str,
        name: str | None,
        progress: Progress | None,
        sleep: Callable[[float], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport, self._path, self._kind = transport, path, kind
        self._name = name or path.name
        self._progress, self._sleep, self._clock = progress, sleep, clock

    def run(self) -> str:
        """The new asset's id. Raises InputError for a file that is not there or is not of the kind."""
        try:
            mime, size = content_type(self._path), self._path.stat().st_size
        except OSError as error:
            raise self._bad(f"cannot be read: {error.strerror}. Check the path.") from error
        if size == 0:
            raise self._bad("is empty. Choose another file.")
        wanted = _TYPES_OF_KIND.get(self._kind, ("",))
        if mime is None or not mime.startswith(wanted):
            found = f"it looks like {mime}" if mime else "its content is of no known type"
            raise self._bad(f"is not of the kind {self._kind!r}: {found}. Choose another file.")
        if self._kind == "image" and mime in _DIRECT_TYPES and size <= SMALL_IMAGE_BYTES:
            return self._send_whole(mime, size)
        return self._send_parts(mime, size)

    def _bad(self, text: str) -> InputError:
        return InputError(f"{self._path} {text}", problems=[(self._path.name, text)])

    def _send_whole(self, mime: str, size: int) -> str:
        self._tell(0, size)
        content = base64.b64encode(self._path.read_bytes()).decode()
        answer = self._transport.post(
            "assets", body={"name": self._name, "image": f"data:{mime};base64,{content}"}
        )
        self._tell(size, size)
        return Asset.from_json(Fields(answer, "answer").raw.get("asset")).id

    def _send_parts(self, mime: str, size: int) -> str:
        part_bytes = max(PART_BYTES, -(-size // MAX_PARTS))
        count = -(-size // part_bytes)
        wish = {
            "fileName": self._name,
            "contentType": mime,
            "fileSize": size,
            "kind": self._kind,
            "parts": count,
        }
        upload = _upload(self._transport.post("uploads", body=wish))
        upload_id = upload.text("id")
        parts = upload.items("parts", lambda item: Fields(item, "upload.parts"))
        urls = {part.count_or_none("number"): part.text("url") for part in parts}
        if set(urls) != set(range(1, count + 1)):
            raise AnswerError(f"The service offers other parts than the {count} asked for. Try again later.")
        for number in range(1, count + 1):
            start = (number - 1) * part_bytes
            self._put(
                urls[number], _Part(self._path, start, min(part_bytes, size - start), size, self._tell), mime
            )
        self._transport.post("uploads", upload_id, "action", body={"action": "complete"})
        return self._imported(upload_id)

    def _put(self, url: str, part: "_Part", mime: str) -> None:
        for tries_left in reversed(range(PART_TRIES)):
            error: ScenarioError | None
            try:
                error = self._transport.put(url, part, mime)
            except NetworkError as failure:
                if part.failure:
                    raise part.failure from None
                error = failure
            if error is None:
                return
            if not isinstance(error, NetworkError | ServerError | RateLimitedError):
                raise TransferError(f"{self._path.name} cannot be uploaded: {error}")
            wait_s = getattr(error, "retry_after_s", None) or 2.0 ** (PART_TRIES - tries_left)
            if not tries_left or wait_s > 60:
                raise error
            self._sleep(wait_s)

    def _imported(self, upload_id: str) -> str:
        """Wait until the service has looked through the file and made an asset of it."""
        ends_at, wait_s = self._clock() + IMPORT_DEADLINE_S, 0.5
        while self._clock() < ends_at:
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

    def _tell(self, done: int, total: int) -> None:
        if self._progress:
            self._progress(done, total)


class _Part:
    """`size` bytes of a file from `start` on, as a request's body; can be iterated anew for another try."""

    def __init__(
        self, path: Path, start: int, size: int, total: int, tell: Callable[[int, int], None]
    ) -> None:
        self._path, self._start, self._size, self._total, self._tell = path, start, size, total, tell
        self.failure: Exception | None = None  # the caller's or the disk's, which no network is to blame for

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        try:
            with self._path.open("rb") as file:
                file.seek(self._start)
                left = self._size
                while left:
                    piece = file.read(min(left, _SEND_BYTES))
                    if not piece:
                        raise TransferError(f"{self._path} changed while it was uploaded. Try again.")
                    yield piece
                    left -= len(piece)
                    self._tell(self._start + self._size - left, self._total)
        except Exception as error:
            self.failure = error
            raise


def _upload(answer: object) -> Fields:
    return Fields(Fields(answer, "answer").raw.get("upload"), "upload")
