# SPDX-License-Identifier: GPL-3.0-or-later
"""The search for a secret in processes takes no process for two programs at once."""

import os
import sys

import pytest
from leaks import read_process

GIVEN = b"SECRET=1\0"


@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        ([b"blender", GIVEN, b"sh", b"sh", b"", b"sh"], (b"sh", b"")),
        ([b"", GIVEN, b"", b"", GIVEN, b"sh", b"sh", GIVEN, b"sh"], (b"sh", GIVEN)),
        ([b"", b"", b""], (b"", b"")),  # it has ended
    ],
)
def test_a_process_that_becomes_another_program_is_read_again(
    readings: list[bytes], expected: tuple[bytes, bytes]
) -> None:
    left = iter(readings)
    found = read_process(1, lambda pid, what: next(left))
    assert (found["cmdline"], found["environ"]) == expected
    assert not list(left)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_a_process_is_read() -> None:
    found = read_process(os.getpid())
    assert b"python" in found["cmdline"]
    assert b"PATH=" in found["environ"]
