# SPDX-License-Identifier: GPL-3.0-or-later
"""Downloads one asset: bytes go to a `.part` file beside the target, which becomes the target when whole.

A kept `.part` is continued only where its end agrees with what the service sends: no other memory is needed.
"""

import errno
import hashlib
import itertools
import os
import re
import shutil
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor  # hashing goes on beside the network and the disk
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from .connection import Answer
from .errors import DiskFullError, NetworkError, RateLimitedError, ScenarioError, ServerError, TransferError
from .failures import error_from_answer
from .records import Asset, Download, Progress
from .transport import Transport

OVERLAP_BYTES = 64 << 10
SYNC_BYTES = 32 << 20  # measured: without early syncs a 1 GB file waits a second at its end
SPARE_BYTES = 64 << 20  # left free on the disk for everybody else
MAX_STALLS = 5  # tries in a row that bring nothing new
MAX_REFETCHES = 3
_MIN_READ, _MAX_READ = 16 << 10, 1 << 20


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
        self._syncing: Future[None] | None = None
        self._synced = 0

    def run(self) -> Download:
        """Returns when the whole file is at its place; raises the client's errors, keeping what arrived."""
        if not self._asset.url:
            self._renew_address("has no file to download yet")
        with self._disk():
            file = self._part.open("a+b", buffering=0)
        with file:
            with self._disk():
                self._keep(file)
            with ThreadPoolExecutor(2) as self._aside:
                self._fetch(file)
            with self._disk():
                if self._syncing:
                    self._syncing.result()
                os.fsync(file.fileno())
        with self._disk():
            os.replace(self._part, self._target)
        return Download(self._target, self._kept, self._digest.hexdigest())

    def _keep(self, file: FileIO) -> None:
        """Take over what an earlier run left."""
        self._digest, self._kept = hashlib.sha256(), 0
        file.seek(0)
        while piece := file.read(_MAX_READ):
            self._digest.update(piece)
            self._kept += len(piece)

    def _restart(self, file: FileIO) -> None:
        with self._disk():
            file.truncate(0)
        self._digest, self._kept, self._synced = hashlib.sha256(), 0, 0

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
                stalls = 0 if self._kept > furthest + _MAX_READ else stalls + 1
                furthest = max(furthest, self._kept)
                wait_s = getattr(error, "retry_after_s", None) or 0.5 * 2**stalls
                if stalls >= MAX_STALLS or wait_s > 60:
                    raise
                self._sleep(wait_s)

    def _try(self, file: FileIO) -> bool:
        """One request; true if the file is whole after it."""
        start = max(0, self._kept - OVERLAP_BYTES)
        headers = {"Range": f"bytes={start}-"} if start else {}
        if start and self._etag:
            headers["If-Range"] = self._etag
        with self._transport.stream(self._asset.url, headers) as answer:
            if answer.status == 403:
                self._renew_address("may not be read, although its address is fresh")
                return False
            if answer.status not in (200, 206, 416):
                raise _refusal(answer)
            total = self._continue(answer, file, start) if start else self._begin(answer, file)
            self._check_room(total)
            self._copy(answer, file, total)
        expected = self._asset.size_bytes if total is None else total
        if expected is not None and self._kept != expected:
            raise NetworkError(
                f"{self._kept} of {expected} bytes arrived. Check the internet connection and try again.",
                kind="broken",
            )
        return True

    def _begin(self, answer: Answer, file: FileIO) -> int | None:
        """The whole file comes; returns its size if told. (The size in the asset is that of the original.)"""
        self._restart(file)
        if answer.status != 200:
            raise TransferError(
                f"The file's server answers a plain request with {answer.status}. Try again later."
            )
        if answer.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
            raise TransferError(
                "The file's server sends it packed, which was not asked for. Try again later."
            )
        self._learn_etag(answer)
        length = answer.headers.get("Content-Length", "")
        return int(length) if re.fullmatch(r"[0-9]{1,18}", length) else None

    def _continue(self, answer: Answer, file: FileIO, start: int) -> int | None:
        """The rest comes, if it fits what is kept; else the file begins anew."""
        span = re.fullmatch(
            r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})", answer.headers.get("Content-Range", "")
        )
        if answer.status == 206 and span and int(span[1]) == start and int(span[3]) == int(span[2]) + 1:
            with self._disk():
                file.seek(start)
                kept = file.read(self._kept - start)
            if answer.read(self._kept - start) == kept:
                self._learn_etag(answer)
                return int(span[3])
        elif answer.status == 200:
            return self._begin(answer, file)
        self._restart(file)
        raise NetworkError("The kept part does not fit the file; it is downloaded anew.", kind="broken")

    def _learn_etag(self, answer: Answer) -> None:
        etag = answer.headers.get("ETag", "")
        self._etag = (
            etag if re.fullmatch(r'"[\x21\x23-\x7e]*"', etag) else ""
        )  # weak ones do not vouch for bytes

    def _check_room(self, total: int | None) -> None:
        size = total or self._asset.size_bytes or 0
        if size > self._max_bytes:
            raise self._too_large(size)
        free = shutil.disk_usage(self._target.parent).free
        if size - self._kept + SPARE_BYTES > free:
            raise DiskFullError(
                f"{self._target.name} needs {_mb(size - self._kept)} more on the disk of"
                f" {self._target.parent}, which has {_mb(free)} free ({_mb(SPARE_BYTES)} stay unused). Make"
                " room and try again."
            )

    def _copy(self, answer: Answer, file: FileIO, total: int | None) -> None:
        file.seek(0, os.SEEK_END)
        size = _MIN_READ
        buffers = itertools.cycle((memoryview(bytearray(_MAX_READ)), memoryview(bytearray(_MAX_READ))))
        for buffer in buffers:
            began = time.monotonic()
            piece = buffer[: answer.readinto(buffer[:size])]
            if not piece:
                return
            if self._kept + len(piece) > self._max_bytes:
                raise self._too_large(self._kept + len(piece))
            if self._hashing:
                self._hashing.result()  # then the other buffer is free again
            self._hashing = self._aside.submit(self._digest.update, piece)
            with self._disk():
                rest = piece
                while rest:
                    rest = rest[file.write(rest) :]
            self._kept += len(piece)
            self._sync_aside(file)
            if self._progress:
                self._progress(self._kept, total)
            # Large reads are fast; on a slow line small ones keep the progress moving.
            took = time.monotonic() - began
            size = (
                min(_MAX_READ, size * 2) if took < 0.1 else max(_MIN_READ, size // 2) if took > 0.5 else size
            )

    def _sync_aside(self, file: FileIO) -> None:
        """Have the disk begin early, so that the last sync has little left to wait for."""
        if self._kept - self._synced >= SYNC_BYTES and (self._syncing is None or self._syncing.done()):
            with self._disk():
                if self._syncing:
                    self._syncing.result()
            self._synced = self._kept
            self._syncing = self._aside.submit(os.fsync, file.fileno())

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


def _refusal(answer: Answer) -> ScenarioError:
    error = error_from_answer(answer.status, answer.headers, answer.read(64 << 10), has_effect=False)
    if isinstance(error, ServerError | RateLimitedError):
        return error
    return TransferError(f"The file cannot be downloaded ({answer.status}): {error}")


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB"
