# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker's threads: they wait for the network or a child, the worker's loop acts on what came of it.

Threads are for the worker process alone, which is plain Python; nothing here runs inside Blender.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import (  # not inside Blender
    FIRST_COMPLETED,
    CancelledError,
    Future,
    ThreadPoolExecutor,
    wait,
)
from dataclasses import dataclass
from typing import Any

from .transfers import StoppedError, TransferProgress

# One POST that spends at a time, so that a crash leaves one outcome unknown at most. What is short, and what
# a submission needs, does not wait behind files that come slowly.
_POOLS = {
    "download": 4,
    "upload": 4,
    "cancel": 1,
    "submit": 1,
    "poll": 1,
    "lookup": 2,
    "preview": 1,
    "asset": 1,
}
_QUEUED = 4  # tasks that may wait for a thread of their pool


@dataclass(frozen=True, slots=True)
class _Task:
    pool: str
    future: "Future[Any]"
    then: Callable[[Future[Any]], None]
    progress: TransferProgress


class Tasks:
    """What is under way, by key: a job's id, "poll", "preview", "asset" or a lookup's kind and key."""

    def __init__(self, converters: int) -> None:
        pools = {**_POOLS, "convert": converters}
        self._pools = {name: ThreadPoolExecutor(size, name) for name, size in pools.items()}
        self._most = {name: size + _QUEUED for name, size in pools.items()}
        self.most = sum(pools.values()) + _QUEUED
        self._running: dict[str, _Task] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._running

    def __len__(self) -> int:
        return len(self._running)

    def is_full(self, pool: str) -> bool:
        """Whether as many tasks wait for a thread of `pool` as may."""
        return sum(task.pool == pool for task in self._running.values()) >= self._most[pool]

    def start(
        self,
        key: str,
        pool: str,
        work: Callable[[TransferProgress], Any],
        then: Callable[[Future[Any]], None],
        *,
        first: "Future[Any] | None" = None,
    ) -> "Future[Any]":
        """Run `work` in a thread of `pool`; the worker's loop calls `then(future)` when it has finished.

        With `first`, which `work` sets when it has something, that is the future; what it does afterwards has
        the returned one, for `follow`. An error before goes into both.
        """
        progress = TransferProgress()
        future = self._pools[pool].submit(work, progress)
        if first is not None:
            future.add_done_callback(
                lambda done: None if first.done() else first.set_exception(_error_of(done))
            )
        self._running[key] = _Task(pool, first or future, then, progress)
        return future

    def follow(self, key: str, future: "Future[Any]", then: Callable[[Future[Any]], None]) -> None:
        """Have `then(future)` called when what has been started before has finished."""
        self._running[key] = _Task("", future, then, TransferProgress())

    def collect(self) -> Iterator[tuple[str, Callable[[], None]]]:
        """The key of each task that has ended, and what is to be done about it.

        Where the caller leaves the loop by an exception, it is to be done the next time: no result is lost.
        """
        for key, task in list(self._running.items()):
            if task.future.done():
                if not isinstance(task.future.exception(), StoppedError):
                    yield key, lambda task=task: task.then(task.future)
                if self._running.get(key) is task:
                    del self._running[key]

    def progress(self) -> Iterator[tuple[str, float]]:
        """Key and 0..1 of each transfer that has got on since the last call."""
        for key, task in self._running.items():
            progress = task.progress
            if progress.value is not None and progress.value != progress.stored:
                progress.stored = progress.value
                yield key, progress.value

    def wait(self, timeout_s: float | None) -> bool:
        """Until a task ends or the time is up; False at once if there is none."""
        futures = [task.future for task in self._running.values()]
        if futures:
            wait(futures, timeout=timeout_s, return_when=FIRST_COMPLETED)
        return bool(futures)

    def abort(self, key: str) -> None:
        """Have this task stop soon, if it is under way: nothing is done about it then."""
        if key in self._running:
            self._running[key].progress.is_stopped = True

    def drain(self) -> None:
        """Until all that is under way has ended; what came of it, `collect` still has."""
        wait([task.future for task in self._running.values()])

    def shutdown(self) -> None:
        """Abort transfers (what arrived is kept), and wait for what cannot be aborted."""
        for task in self._running.values():
            task.progress.is_stopped = True
        for pool in self._pools.values():
            pool.shutdown(wait=True, cancel_futures=True)


def _error_of(done: "Future[Any]") -> BaseException:
    return CancelledError() if done.cancelled() else done.exception() or AssertionError("it has set nothing")
