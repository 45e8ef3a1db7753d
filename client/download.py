# SPDX-License-Identifier: GPL-3.0-or-later
"""Downloads one asset: bytes go to a `.part` file beside the target, which becomes the target when whole.

A kept `.part` is continued only where its end agrees with what the service sends: no other memory is needed.
It is locked while it is written, so that no two processes write into one file, not even where one was frozen.
"""

import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor  # hashing beside the network: half the time
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from .errors import NetworkError, ServerError, TransferError
from .file_lock import try_lock
from .records import Asset, Download, Progress, Sleep
from .transport import Answer, Transport

OVERLAP_BYTES = 64 << 10
READ_BYTES = 1 << 20
SPARE_BYTES = 64 << 20  # left free on the disk for everybody else
LOOK_BYTES = 16 << 20  # written between two looks at the free space
SLOW_S = 60.0  # in each of these
SLOW_BYTES = 64 << 10  # at least so much has to come, or the connection counts as broken
MAX_STALLS = 4  # tries in a row that bring nothing new
MAX_REFETCHES = 3
MAX_PARTS = 9  # of one file, by as many processes


@dataclass
class Downloader:
    """One download of `asset` to `target`; `refetch` gives it anew by its id, with a fresh address."""

    transport: Transport
    asset: Asset
    target: Path
    refetch: Callable[[str], Asset]
    max_bytes: int
    progress: Progress | None
    sleep: Sleep
    clock: Callable[[], float] = time.monotonic
    free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free

    def run(self) -> Download:
        """Returns when the whole file is at its place; raises the client's errors, keeping what arrived."""
        self._refetches = 0
        self._hashing: Future[None] | None = None
        if not self.asset.url:
            self._renew_address("has no file to download yet")
        with self._disk():
            self._part, file = self._open_part()
        with file:
            with self._disk():
                file.seek(0)
                self._digest = hashlib.file_digest(file, "sha256")
                self._kept = file.tell()
            with ThreadPoolExecutor(1) as self._aside:
                self._fetch(file)
            # No fsync, which would halve the speed: whoever uses the file later compares its SHA-256.
            if os.name != "nt":  # while the lock holds: nobody else has it open for writing then
                self._take_place()
        if os.name == "nt":  # which renames no file that is open
            self._take_place()
        return Download(self.target, self._kept, self._digest.hexdigest())

    def _take_place(self) -> None:
        with self._disk():
            os.replace(self._part, self.target)

    def _open_part(self) -> tuple[Path, FileIO]:
        """A part that nobody else has: the kept one, or another while a frozen process has that."""
        for number in range(MAX_PARTS):
            mark = f"~{number}" if number else ""  # which is in no name of a result's file
            part = self.target.with_name(f"{self.target.name}{mark}.part")
            file = part.open("a+b", buffering=0)
            if try_lock(file) and _is_at(file, part):
                return part, file
            file.close()
        raise TransferError(f"Other processes are still downloading {self.target.name}. Try again later.")

    @contextmanager
    def _disk(self) -> Generator[None]:
        """Puts the disk's refusals into words. (Never around the network or the caller's progress.)"""
        try:
            yield
        except OSError as error:
            text = f"{self.target} cannot be written: {error.strerror or error}. Make room and try again."
            raise TransferError(text) from error

    def _fetch(self, file: FileIO) -> None:
        furthest, stalls = self._kept, 0
        while True:
            try:
                if self._try(file):
                    return
            except NetworkError:
                stalls = 0 if self._kept > furthest + READ_BYTES else stalls + 1
                furthest = max(furthest, self._kept)
                if stalls >= MAX_STALLS:
                    raise
                self.sleep(0.5 * 2**stalls)

    def _try(self, file: FileIO) -> bool:
        """One request; true if the file is whole after it."""
        start = max(0, self._kept - OVERLAP_BYTES)
        with self.transport.stream(self.asset.url, start) as answer:
            if answer.status == 403:
                self._renew_address("may not be read, although its address is fresh")
                return False
            total = self._match_kept_part(answer, file, start)
            # Without a length in the answer, the asset's size is what was announced.
            expected = self.asset.size_bytes if total is None else total
            self._check_room(expected)
            looked_at = self._kept
            slow_from = self._kept
            slow_until = self.clock() + SLOW_S
            while piece := answer.read(READ_BYTES):
                if self._kept + len(piece) > self.max_bytes:
                    raise self._too_large(self._kept + len(piece))
                if expected is not None and self._kept + len(piece) > expected:
                    raise NetworkError(f"More than the {expected} bytes announced arrive. Try again later.")
                if self._kept - looked_at >= LOOK_BYTES:
                    looked_at = self._kept
                    self._check_room(expected)
                if self.clock() >= slow_until:
                    if self._kept - slow_from < SLOW_BYTES:
                        raise NetworkError("The file comes too slowly. Check the internet connection.")
                    slow_from, slow_until = self._kept, self.clock() + SLOW_S
                if self._hashing:
                    self._hashing.result()  # so that no more than one piece waits
                self._hashing = self._aside.submit(self._digest.update, piece)
                with self._disk():
                    written = 0
                    while written < len(piece):
                        written += file.write(piece[written:])
                self._kept += len(piece)
                if self.progress:
                    self.progress(self._kept, total)
        if expected not in (None, self._kept):
            raise NetworkError(f"{self._kept} of {expected} bytes arrived. Check the internet connection.")
        return True

    def _match_kept_part(self, answer: Answer, file: FileIO, start: int) -> int | None:
        """Compare what is kept with what `answer` sends, and throw it away if it is another; the whole
        file's size, if it is told.
        """
        if answer.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
            raise TransferError("The file's server sends it packed, unasked. Try again later.")
        span = re.fullmatch(rf"bytes {start}-\d+/(\d{{1,18}})", answer.headers.get("Content-Range", ""))
        if start and answer.status == 206 and span:
            with self._disk():
                file.seek(start)
                kept = file.read(self._kept - start)
            if answer.read_all(len(kept)) == kept:
                return int(span[1])
        elif answer.status not in (200, 206, 416) or (not start and answer.status != 200):
            raise answer.refusal("downloaded")
        with self._disk():
            file.truncate(0)
        self._kept, self._digest = 0, hashlib.sha256()
        if answer.status != 200:
            raise NetworkError("The kept part does not fit the file. Try again.")
        return answer.length

    def _check_room(self, size: int | None) -> None:
        """Raises TransferError where what is to come, or the next piece of unknown length, finds no room."""
        missing = LOOK_BYTES if size is None else max(0, size - self._kept)
        if size is not None and size > self.max_bytes:
            raise self._too_large(size)
        with self._disk():
            free = self.free_bytes(self.target.parent)
        if missing + SPARE_BYTES > free:
            raise TransferError(
                f"{self.target.name} needs {_mb(missing)} more on the disk of {self.target.parent},"
                f" which has {_mb(free)} free ({_mb(SPARE_BYTES)} stay unused). Make room and try again."
            )

    def _too_large(self, size: int) -> TransferError:
        self._part.unlink(missing_ok=True)
        limit = _mb(self.max_bytes)
        return TransferError(f"{self.target.name} has {_mb(size)} or more, over the limit of {limit}.")

    def _renew_address(self, otherwise: str) -> None:
        """Addresses are signed for some days: ask for a fresh one. Raises ServerError: a file may be late."""
        if self._refetches < MAX_REFETCHES:
            self._refetches += 1
            self.asset = self.refetch(self.asset.id)
            if self.asset.url:
                return
        raise ServerError(f"The asset {self.asset.id} {otherwise}. Try again later.")


def _is_at(file: FileIO, path: Path) -> bool:
    """Whether the file still has that name: before the lock was had, another may have renamed it."""
    return path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat())


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB"
