# SPDX-License-Identifier: GPL-3.0-or-later
"""No test leaves this machine; a rig ends all that it started, whatever happens."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.rig import Backend, Rig
from loopback import keep_to_loopback

keep_to_loopback()


@pytest.fixture(scope="session")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    made = Backend(tmp_path_factory.mktemp("sandbox"))
    yield made
    made.close()


@pytest.fixture
def rig(backend: Backend, tmp_path: Path) -> Iterator[Rig]:
    made = Rig(backend, tmp_path)
    yield made
    made.close()
