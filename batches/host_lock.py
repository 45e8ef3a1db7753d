# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps two hosts from using one machine's store: SQLite's file is one host's at a time, over any network.

Several processes of one host may. A host that was killed is taken over once its heartbeats are old.
"""

import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from ..client import InputError
from ..jobs import take_folder

STILL_S = 120.0  # a busy machine, or a page of many rows, may keep a batch from a heartbeat for that long
_HEARTBEAT_S = 5.0
_BEAT = b"at work"
_AT_WORK = "Another host is at work here. Give each machine a name of its own."


class HostLock:
    """The folder `present-N` with the highest N belongs to the host whose random id is in it.

    It is renamed into place with its content, so one starter alone gets a number. Each process has a file in
    it, its heartbeat, that `renew` writes. Its age is told by the clock of the file system, not by a host's.
    """

    def __init__(self, folder: Path, *, host: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._clock = clock
        self._host = host or host_id()
        self._heartbeat = f"sign-{secrets.token_hex(8)}"
        self._number = 0
        self._touched_at = -_HEARTBEAT_S

    def acquire(self, say: Callable[[str], None], sleep: Callable[[float], None] = time.sleep) -> None:
        """Raises InputError if another host is at work under this machine's name."""
        self._folder.mkdir(parents=True, exist_ok=True)
        before = self._latest()
        if before and self._host_of(before) == self._host:
            self._number = before
            self._touch()
        else:
            self._take_over(before, self._wait_until_old(before, say, sleep))
        self._touched_at = self._clock()
        self._check()

    def renew(self) -> None:
        """Raises InputError if another host has come in since."""
        self._check()
        if self._clock() - self._touched_at >= _HEARTBEAT_S:
            self._touched_at = self._clock()
            self._touch()

    def release(self) -> None:
        (self._path(self._number) / self._heartbeat).unlink(missing_ok=True)

    def _check(self) -> None:
        latest = self._latest()
        if latest != self._number or self._host_of(latest) != self._host:
            raise InputError(_AT_WORK)

    def _take_over(self, before: int, heartbeats: dict[str, float]) -> None:
        target = self._path(before + 1)
        files = {"host": self._host, self._heartbeat: _BEAT.decode()}
        is_taken = take_folder(target, files, place=self._folder)
        if not is_taken and not (target / self._heartbeat).exists():  # a share may deny what it has done
            raise InputError(_AT_WORK)
        self._number = before + 1
        try:
            is_late = self._latest() != self._number
            if is_late or _has_news(heartbeats, self._heartbeats(before)):  # or it has come back
                raise InputError(_AT_WORK)
        except (InputError, OSError):
            shutil.rmtree(target, ignore_errors=True)
            raise
        for number in self._numbers():
            if number < self._number:
                shutil.rmtree(self._path(number), ignore_errors=True)

    def _wait_until_old(
        self, before: int, say: Callable[[str], None], sleep: Callable[[float], None]
    ) -> dict[str, float]:
        """The heartbeats of the host that was here, once they are old or have stood still for that long."""
        heartbeats = self._heartbeats(before)
        if self._is_alive(heartbeats):
            say(f"Another host has worked here. Waiting {STILL_S:.0f} s to see whether it still does.")
        until = self._clock() + STILL_S
        while self._clock() < until and self._is_alive(heartbeats):
            sleep(1.0)
            now = self._heartbeats(before)
            if self._latest() != before or _has_news(heartbeats, now):
                raise InputError(_AT_WORK)
            heartbeats = now
        return heartbeats

    def _is_alive(self, heartbeats: dict[str, float]) -> bool:
        return bool(heartbeats) and self._share_time() - max(heartbeats.values()) < STILL_S

    def _share_time(self) -> float:
        probe = self._folder / f"clock-{secrets.token_hex(6)}"
        probe.write_bytes(b"now")
        try:
            return probe.stat().st_mtime
        finally:
            probe.unlink(missing_ok=True)

    def _touch(self) -> None:
        """Written, not touched: a share dates a touch by the host's clock, and what is written by its own."""
        try:
            file = os.open(self._path(self._number) / self._heartbeat, os.O_WRONLY | os.O_CREAT, 0o666)
        except FileNotFoundError:
            raise InputError(_AT_WORK) from None
        try:
            os.write(file, _BEAT)  # over the same: a full disk has room for it
        finally:
            os.close(file)

    def _heartbeats(self, number: int) -> dict[str, float]:
        heartbeats: dict[str, float] = {}
        with contextlib.suppress(FileNotFoundError):  # nobody was here; `glob` would hide other errors, too
            for name in os.listdir(self._path(number)):
                with contextlib.suppress(FileNotFoundError):  # it has left meanwhile
                    if name.startswith("sign-"):
                        heartbeats[name] = (self._path(number) / name).stat().st_mtime
        return heartbeats

    def _host_of(self, number: int) -> str:
        try:
            return (self._path(number) / "host").read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""

    def _latest(self) -> int:
        return max(self._numbers(), default=0)

    def _numbers(self) -> list[int]:
        names = [
            name.removeprefix("present-") for name in os.listdir(self._folder) if name.startswith("present-")
        ]
        return [int(name) for name in names if name.isdecimal()]

    def _path(self, number: int) -> Path:
        return self._folder / f"present-{number}"


def _has_news(before: dict[str, float], now: dict[str, float]) -> bool:
    return any(before.get(name) != at for name, at in now.items())


_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")  # Linux: of the running kernel, in all its containers


def host_id(boot_id: Path = _BOOT_ID) -> str:
    """The same for all processes of this host, whatever temporary folders they were given, and no other's."""
    with contextlib.suppress(OSError):
        return boot_id.read_text(encoding="ascii").strip()
    # A random one, in a folder that is never another host's: not the home, which may be on a share.
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    folder = Path(os.environ.get("PROGRAMDATA", "C:/ProgramData") if os.name == "nt" else "/tmp")
    path = folder / f"maquette-host-{user}"
    part = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    part.write_text(secrets.token_hex(16), encoding="utf-8")
    try:
        if not path.exists():
            with contextlib.suppress(FileExistsError):  # another process was first
                os.link(part, path)  # whole and exclusive
        return path.read_text(encoding="utf-8")
    finally:
        part.unlink(missing_ok=True)
