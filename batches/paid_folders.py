# SPDX-License-Identifier: GPL-3.0-or-later
"""The folders of batches in which something was paid for, remembered outside of them.

A share that is not mounted leaves an empty folder, in which every row would be new and be paid for again.
"""

import hashlib
import json
import os
from pathlib import Path

from ..client import InputError
from ..jobs import write_whole


class PaidFolders:
    """Remembers in `memory`, a folder on this computer: a small file for each folder of a batch."""

    def __init__(self, memory: Path) -> None:
        self._memory = memory

    def check(self, folder: Path) -> None:
        """Raises InputError if something was paid for in this folder, and none of its claims is there."""
        note = self._note(folder)
        if note.exists() and not _has_claims(folder):
            raise InputError(
                f"Rows of a batch in {folder} were paid for, and nothing is left of it there. Is a drive not"
                " mounted? Mount it, and run the same again. If you have emptied the folder yourself: take"
                f" another one or, to have all rows made and paid for anew, delete {note}"
            )

    def remember(self, folder: Path) -> None:
        """Raises OSError."""
        note = self._note(folder)
        if not note.exists():
            note.parent.mkdir(parents=True, exist_ok=True)
            write_whole(note, json.dumps({"folder": str(folder)}).encode())

    def _note(self, folder: Path) -> Path:
        name = hashlib.sha256(os.path.normcase(folder.absolute()).encode("utf-8", "replace")).hexdigest()
        return self._memory / f"{name[:32]}.json"


def _has_claims(folder: Path) -> bool:
    try:
        return bool(os.listdir(folder / ".maquette" / "claims"))
    except (FileNotFoundError, NotADirectoryError):
        return False
