# SPDX-License-Identifier: GPL-3.0-or-later
"""No test leaves this machine; a rig ends all that it started, whatever happens."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback import keep_to_loopback

from faults.rig import Rig

keep_to_loopback()


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    made = Rig(tmp_path, monkeypatch)
    yield made
    made.close()
    gc.collect()
