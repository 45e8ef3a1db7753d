# SPDX-License-Identifier: GPL-3.0-or-later
"""Downloads one asset: bytes go to a `.part` file beside the target, which becomes the target when whole.

A kept `.part` is continued only where its end agrees with what the service sends: no other memory is needed.
"""

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor  # hashing beside the network: half the time
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from .errors import (
    DiskFullError,
    NetworkError,
    RateLimitedError,
    ServerError,
    TransferError,
    error_from_answer,
)
from .records import Asset, Download, Progress
from .transport import PIECE_BYTES, Answer, Transport

OVERLAP_BYTES = 64 << 10
READ_BYTES = 1 << 20
SPARE_BYTES = 64 << 20  # left free on the disk for everybody else
MAX_STALLS = 5  # tries in a row that bring nothing new
MAX_REFETCHES = 3


class Downloader:
    """One download; `refetch` gives the asset anew, with a fresh address."""

    def __init__(
        self,
        transport: Transport,
        asset: Asset,
        target: Path,
        *,
        refetch: Callable[[], Asset],
        max_bytes: int,
        progress: Progress | None,
        sleep: Callable[[float], None],
    ) -> None:
        self._transport, self._asset, self._target, self._refetch = transport, asset, target, refetch
        self._max_bytes, self._progress, self._sleep = max_bytes, progress, sleep
        self._part = target.with_name(target.name + ".part")
        self._etag = ""
        self._refetches = 0
        self._hashing: Future[None] | None = None

    def run(self) -> Download:
        """Returns when the whole file is at its place; raises the client's errors, keeping what arrived."""
        if not self._asset.url:
            self._renew_address("has no file to download yet")
        with self._disk():
            file = self._part.open("a+b", buffering=0)
        with file:
            with self._disk():
                file.seek(0)
                self._digest = hashlib.file_digest(file, "sha256")
                self._kept = file.tell()
            with ThreadPoolExecutor(1) as self._aside:
                self._fetch(file)
        # No fsync, which would halve the speed: whoever uses the file later compares its SHA-256.
        with self._disk():
            os.replace(self._part, self._target)
        return Download(self._target, self._kept, self._digest.hexdigest())

    @contextmanager
    def _disk(self) -> Generator[None]:
        """Puts the disk's refusals into words. (Never around the network or the caller's progress.)"""
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFullError(
                    f"The disk of {self._target.parent} is full. Make room and try again."
                ) from error
            raise TransferError(f"{self._target} cannot be written: {error.strerror or error}.") from error

    def _fetch(self, file: FileIO) -> None:
        furthest, stalls = self._kept, 0
        while True:
            try:
                if self._try(file):
                    return
            except (NetworkError, ServerError, RateLimitedError) as error:
                stalls = 0 if self._kept > furthest + READ_BYTES else stalls + 1
                furthest = max(furthest, self._kept)
                wait_s = getattr(error, "retry_after_s", None) or 0.5 * 2**stalls
                if stalls >= MAX_STALLS or wait_s > 60:
                    raise
                self._sleep(wait_s)

    def _try(self, file: FileIO) -> bool:
        """One request; true if the file is whole after it."""
        start = max(0, self._kept - OVERLAP_BYTES)
        headers = {"Range": f"bytes={start}-", "If-Range": self._etag} if start else {}
        with self._transport.stream(self._asset.url, {k: v for k, v in headers.items() if v}) as answer:
            if answer.status == 403:
                self._renew_address("may not be read, although its address is fresh")
                return False
            total = self._total(answer, file, start)
            etag = answer.headers.get("ETag", "")
            self._etag = etag if etag.startswith('"') else ""  # weak ones do not vouch for bytes
            self._check_room(total)
            while piece := answer.read(READ_BYTES):
                if self._kept + len(piece) > self._max_bytes:
                    raise self._too_large(self._kept + len(piece))
                if self._hashing:
                    self._hashing.result()  # so that no more than one piece waits
                self._hashing = self._aside.submit(self._digest.update, piece)
                with self._disk():
                    written = 0
                    while written < len(piece):
                        written += file.write(piece[written:])
                self._kept += len(piece)
                if self._progress:
                    self._progress(self._kept, total)
        # The size in the asset is that of the original, which need not be this file.
        expected = self._asset.size_bytes if total is None else total
        if expected not in (None, self._kept):
            raise _broken(f"{self._kept} of {expected} bytes arrived.")
        return True

    def _total(self, answer: Answer, file: FileIO, start: int) -> int | None:
        """The whole file's size if told; whatever is kept does not fit `answer` is thrown away."""
        if answer.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
            raise TransferError(
                "The file's server sends it packed, which was not asked for. Try again later."
            )
        span = re.fullmatch(rf"bytes {start}-\d+/(\d{{1,18}})", answer.headers.get("Content-Range", ""))
        if start and answer.status == 206 and span:
            with self._disk():
                file.seek(start)
                kept = file.read(self._kept - start)
            if answer.read_all(len(kept)) == kept:
                return int(span[1])
        elif answer.status not in (200, 206, 416) or (not start and answer.status != 200):
            text = answer.read_all(PIECE_BYTES)
            error = error_from_answer(answer.status, answer.headers, text, has_effect=False)
            if isinstance(error, ServerError | RateLimitedError):
                raise error
            raise TransferError(f"The file cannot be downloaded ({answer.status}): {error}")
        with self._disk():
            file.truncate(0)
        self._kept, self._digest = 0, hashlib.sha256()
        if answer.status != 200:
            raise _broken("The kept part does not fit the file.")
        return answer.length

    def _check_room(self, total: int | None) -> None:
        size = total or self._asset.size_bytes or 0
        if size > self._max_bytes:
            raise self._too_large(size)
        with self._disk():
            free = shutil.disk_usage(self._target.parent).free
        if size - self._kept + SPARE_BYTES > free:
            raise DiskFullError(
                f"{self._target.name} needs {_mb(size - self._kept)} more on the disk of"
                f" {self._target.parent}, which has {_mb(free)} free ({_mb(SPARE_BYTES)} stay unused). Make"
                " room and try again."
            )

    def _too_large(self, size: int) -> TransferError:
        self._part.unlink(missing_ok=True)
        return TransferError(
            f"{self._target.name} has {_mb(size)} or more, over the limit of {_mb(self._max_bytes)}."
        )

    def _renew_address(self, otherwise: str) -> None:
        """Addresses are signed for some days: ask for a fresh one."""
        if self._refetches < MAX_REFETCHES:
            self._refetches += 1
            self._asset = self._refetch()
            if self._asset.url:
                return
        raise TransferError(f"The asset {self._asset.id} {otherwise}. Try again later.")


def _broken(text: str) -> NetworkError:
    return NetworkError(f"{text} Check the internet connection and try again.", kind="broken")


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB"
