# SPDX-License-Identifier: GPL-3.0-or-later
"""No test leaves this machine."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from backend_scene import BackendScene
from job_scene import Scene
from loopback import keep_to_loopback
from maquette.jobs import Store

keep_to_loopback()


@pytest.fixture(autouse=True)
def _stores_are_closed(what_a_test_starts_has_ended: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Python 3.13 warns of a database that is left open; tests need not say so each time."""
    opened: list[Store] = []
    real = Store.__init__

    def remember(store: Store, *args: Any, **options: Any) -> None:
        real(store, *args, **options)
        opened.append(store)

    monkeypatch.setattr(Store, "__init__", remember)
    yield
    for store in opened:
        store.close()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """A store, a service and workers in the test's own thread."""
    made = Scene(tmp_path)
    yield made
    for worker in made.workers:
        worker.close()


@pytest.fixture
def locked_until_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[Path], AbstractContextManager[None]]:
    """Has another hold a new database, in a way in which SQLite does not wait, until somebody sleeps."""

    @contextmanager
    def hold(path: Path) -> Iterator[None]:
        waits: list[float] = []
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")

            def sleep(seconds: float) -> None:
                waits.append(seconds)
                other.rollback()

            monkeypatch.setattr("time.sleep", sleep)
            yield
        assert len(waits) == 1

    return hold


@pytest.fixture
def opened(tmp_path: Path) -> BackendScene:
    """A window's backend, signed in, and a worker to run by hand."""
    return BackendScene(tmp_path / "state")
