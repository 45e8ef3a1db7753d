# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documents name is there: files, and what links lead to."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())


@each_document
def test_each_file_of_the_repository_that_a_document_names_is_there(path: Path) -> None:
    named = re.findall(r"`([a-z_]+(?:/[a-z_0-9]+)+\.(?:py|md|sh|toml|json))`", path.read_text("utf-8"))
    # What the tasks make, and a user's own, is none of the repository's.
    missing = [
        name for name in named if not (ROOT / name).exists() and not name.startswith(("out/", "build/"))
    ]
    assert not missing


@each_document
def test_each_link_to_a_file_leads_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", path.read_text("utf-8"))
    assert not [target for target in targets if not (path.parent / target).exists()]
