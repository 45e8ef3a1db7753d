# SPDX-License-Identifier: GPL-3.0-or-later
"""Ends the processes that a test left behind, and fails that test alone.

Each process that a test starts, and each that this one starts in turn, has the test's number in its
environment. A plugin of pytest; tests/conftest.py names it.
"""

import contextlib
import functools
import gc
import itertools
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import pytest

P = ParamSpec("P")
R = TypeVar("R")
GRACE_S = 120.0  # a worker whose command was killed may first finish its transfers and conversions
_NAME = "STARTED_BY_TEST"
_numbers = itertools.count(1)
_failed: set[str] = set()  # the tests that did
_scopes: list[tuple[str, list["subprocess.Popen[Any]"]]] = []
_start = subprocess.Popen.__init__


def _start_marked(process: "subprocess.Popen[Any]", *args: Any, **options: Any) -> None:
    if not _scopes:
        return _start(process, *args, **options)
    mark, started = _scopes[-1]
    env = options.get("env")
    options["env"] = {**(os.environ if env is None else env), _NAME: mark}
    _start(process, *args, **options)
    started.append(process)


subprocess.Popen.__init__ = _start_marked  # pyright: ignore[reportAttributeAccessIssue]  # any arguments


@contextlib.contextmanager
def ended(grace_s: float | None = None) -> Iterator[None]:
    """What is started inside has to have ended `grace_s` (GRACE_S) later; what has not is ended, and the test
    fails.
    """
    grace_s = GRACE_S if grace_s is None else grace_s
    mark = f"{os.getpid()}.{next(_numbers)}"
    started: list[subprocess.Popen[Any]] = []
    _scopes.append((mark, started))
    try:
        yield
    finally:
        _scopes.remove((mark, started))
        left = _end(mark, started, grace_s) if started else []
    if left:
        pytest.fail(f"still running after {grace_s:.0f} s, and ended now: {'; '.join(left)}", pytrace=False)


@pytest.fixture(autouse=True, scope="module")
def what_a_module_starts_has_ended() -> Iterator[None]:
    with ended():
        yield


@pytest.fixture(autouse=True)
def what_a_test_starts_has_ended(what_a_module_starts_has_ended: None) -> Iterator[None]:
    with ended():
        yield


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed:
        _failed.add(report.nodeid)


def pytest_runtest_logfinish(nodeid: str) -> None:
    if nodeid in _failed:
        clear_away()


def clear_away() -> None:
    """Frees what a failed test's traceback kept open, in silence: a warning of it would fail another test."""
    for name in ("last_exc", "last_traceback", "last_type", "last_value"):
        if hasattr(sys, name):
            delattr(sys, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()


def outliving(start: Callable[P, R]) -> Callable[P, R]:
    """A function whose processes are meant to be there for other tests, too; somebody else ends them."""

    @functools.wraps(start)
    def call(*args: P.args, **options: P.kwargs) -> R:
        kept = _scopes[:]
        _scopes.clear()
        try:
            return start(*args, **options)
        finally:
            _scopes.extend(kept)

    return call


def _end(mark: str, started: "list[subprocess.Popen[Any]]", grace_s: float) -> list[str]:
    """The command lines of those that had to be ended."""
    deadline = time.monotonic() + grace_s
    while (running := _running(mark, started)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in running:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
    for process in started:
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:  # one that is left open would be told of in a later test
                with contextlib.suppress(OSError):
                    stream.close()
    return list(running.values())


def _running(mark: str, started: "list[subprocess.Popen[Any]]") -> dict[int, str]:
    """By process id: those that were started, and on Linux their children's children."""
    found = {process.pid: str(process.args) for process in started if process.poll() is None}
    entry = f"{_NAME}={mark}".encode()
    for file in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):  # another user's, or it has just ended
            if entry in file.read_bytes().split(b"\0"):
                words = file.with_name("cmdline").read_bytes().replace(b"\0", b" ")
                found.setdefault(int(file.parent.name), words.decode("utf-8", "replace"))
    return found
