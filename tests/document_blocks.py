# SPDX-License-Identifier: GPL-3.0-or-later
"""The code blocks of the documents, so that tests can run them.

The line before a shell block that no test can run says why: <!-- not run: REASON -->.
"""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


class Block(NamedTuple):
    """A code block, and why no test runs it ("": one does)."""

    document: str
    number: int
    text: str
    not_run: str

    @property
    def name(self) -> str:
        return f"{self.document} {self.number}"

    @property
    def commands(self) -> list[str]:
        """One a line, without comments, lines that were broken put together."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [line.partition(" #")[0].strip() for line in lines if line and not line.startswith("#")]


def blocks_of(document: Path, language: str) -> list[Block]:
    pattern = rf"^(?:<!-- not run: ([^\n]+) -->\n)?```{language}\n(.*?)^```$"
    found = re.finditer(pattern, document.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    name = document.relative_to(ROOT).as_posix()
    return [Block(name, number, match[2], match[1] or "") for number, match in enumerate(found, 1)]


SHELL = [block for document in DOCUMENTS for block in blocks_of(document, "sh")]
