# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/reliability.md names a test for each promise, and the tests are there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_each_promise_names_a_test_that_is_there() -> None:
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    rows = [line for line in text.split("\n## ")[0].splitlines() if line.startswith("|")][2:]
    sources = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}
    defined = {name for source in sources.values() for name in re.findall(r"def (test_\w+)", source)}
    assert len(rows) > 10
    for row in rows:
        named = re.findall(r"`(test_\w+(?:\.py)?)`", row.split("|")[-2])
        assert named, f"no test is named: {row}"
        assert set(named) <= defined | set(sources), f"there is no such test: {row}"
