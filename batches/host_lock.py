# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps two hosts from using one machine's store: SQLite's file is one host's at a time, over any network.

Several processes of one host may. A host that was killed is taken over once its signs of life are old.
"""

import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from ..client import InputError

STILL_S = 120.0  # a busy machine, or a page of many rows, may keep a batch from a beat that long
_BEAT_S = 5.0
_AT_WORK = "Another host is at work here. Give each machine a name of its own."


class HostLock:
    """The folder `present-N` with the highest N belongs to the host whose random id is in it.

    It is renamed into place with its content, so one starter alone gets a number. Each process has a file in
    it that `beat` touches; its age is told by the clock of the file system, never by a host's own.
    """

    def __init__(self, folder: Path, *, host: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        self._folder, self._clock = folder, clock
        self._host = host or _host_id()
        self._sign = f"sign-{secrets.token_hex(8)}"
        self._number, self._beaten_at = 0, -_BEAT_S

    def acquire(self, say: Callable[[str], None], sleep: Callable[[float], None] = time.sleep) -> None:
        """Raises InputError if another host is at work under this machine's name."""
        self._folder.mkdir(parents=True, exist_ok=True)
        before = self._latest()
        if before and self._host_of(before) == self._host:
            self._number = before
            self._touch()
        else:
            self._take(before, self._wait_until_old(before, say, sleep))
        self._beaten_at = self._clock()
        self._check()

    def renew(self) -> None:
        """Raises InputError if another host has come in since."""
        self._check()
        if self._clock() - self._beaten_at >= _BEAT_S:
            self._beaten_at = self._clock()
            self._touch()

    def release(self) -> None:
        (self._path(self._number) / self._sign).unlink(missing_ok=True)

    def _check(self) -> None:
        latest = self._latest()
        if latest != self._number or self._host_of(latest) != self._host:
            raise InputError(_AT_WORK)

    def _take(self, before: int, signs: dict[str, float]) -> None:
        part = self._folder / f"new-{secrets.token_hex(6)}"
        part.mkdir()
        (part / "host").write_text(self._host, encoding="utf-8")
        (part / self._sign).touch()
        target = self._path(before + 1)
        try:
            os.rename(part, target)  # fails where another folder with content is
        except OSError:
            shutil.rmtree(part, ignore_errors=True)
            if target.exists():
                raise InputError(_AT_WORK) from None
            raise
        self._number = before + 1
        if self._latest() != self._number or _has_news(
            signs, self._signs(before)
        ):  # too late, or it has come back
            shutil.rmtree(target, ignore_errors=True)
            raise InputError(_AT_WORK)
        for number in self._numbers():
            if number < self._number:
                shutil.rmtree(self._path(number), ignore_errors=True)

    def _wait_until_old(
        self, before: int, say: Callable[[str], None], sleep: Callable[[float], None]
    ) -> dict[str, float]:
        """The signs of the host that was here, once they are old or have stood still for that long."""
        signs = self._signs(before)
        if self._is_alive(signs):
            say(f"Another host has worked here: seeing for {STILL_S:.0f} s whether it still does.")
        until = self._clock() + STILL_S
        while self._clock() < until and self._is_alive(signs):
            sleep(1.0)
            now = self._signs(before)
            if self._latest() != before or _has_news(signs, now):
                raise InputError(_AT_WORK)
            signs = now
        return signs

    def _is_alive(self, signs: dict[str, float]) -> bool:
        return bool(signs) and self._share_time() - max(signs.values()) < STILL_S

    def _share_time(self) -> float:
        probe = self._folder / f"clock-{secrets.token_hex(6)}"
        probe.touch()
        try:
            return probe.stat().st_mtime
        finally:
            probe.unlink(missing_ok=True)

    def _touch(self) -> None:
        path = self._path(self._number) / self._sign
        try:
            path.touch()
        except FileNotFoundError:
            raise InputError(_AT_WORK) from None

    def _signs(self, number: int) -> dict[str, float]:
        signs: dict[str, float] = {}
        for path in self._path(number).glob("sign-*"):
            try:
                signs[path.name] = path.stat().st_mtime
            except FileNotFoundError:  # it has left meanwhile
                continue
        return signs

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


def _host_id() -> str:
    """The same for all processes of this host, whatever temporary folders they were given, and no other's."""
    with contextlib.suppress(OSError):
        return _BOOT_ID.read_text(encoding="ascii").strip()
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
