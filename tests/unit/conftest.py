# SPDX-License-Identifier: GPL-3.0-or-later
"""No test leaves this machine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
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
