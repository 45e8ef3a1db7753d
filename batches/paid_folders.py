# SPDX-License-Identifier: GPL-3.0-or-later
"""The folders of batches in which something was paid for, remembered outside of them.

A share that is not mounted leaves an empty folder, in which every row would be new and be paid for again.
"""

import hashlib
import json
import os
import platform
from pathlib import Path

from ..client import InputError
from ..jobs import write_whole


class PaidFolders:
    """Remembers in `memory`, a folder of this user: a small file for each host and folder of a batch.

    Each host for itself, since what one has made on a share another may not see yet.
    """

    def __init__(self, memory: Path) -> None:
        self._memory = memory

    def check(self, folder: Path) -> None:
        """Raises InputError if something was paid for in this folder, and there is no sign of it."""
        note = self._note(folder)
        if note.exists() and not _has_mark(folder):
            raise InputError(
                f"Rows of a batch in {folder} were paid for, and nothing is left of it there. Is a drive not"
                " mounted? Mount it, and run the same again. If you have emptied the folder yourself: take"
                f" another one or, to have all rows made and paid for anew, delete {note}"
            )

    def remember(self, folder: Path) -> None:
        """Raises OSError."""
        if not self._memory.is_absolute():  # Blender has no folder for it, and has said why
            raise OSError("this user has no folder for it")
        note = self._note(folder)
        if not _has_mark(folder):
            write_whole(_mark(folder), b"Rows of this batch were paid for.\n")
        if not note.exists():
            note.parent.mkdir(parents=True, exist_ok=True)
            write_whole(note, json.dumps({"folder": str(folder)}).encode())

    def _note(self, folder: Path) -> Path:
        asked = json.dumps([platform.node(), os.path.normcase(folder.absolute())])
        return self._memory / f"{hashlib.sha256(asked.encode()).hexdigest()[:32]}.json"


def _mark(folder: Path) -> Path:
    """Stands in the folder itself; claims do not tell, as those of the sandbox cost nothing."""
    return folder / ".maquette" / "paid"


def _has_mark(folder: Path) -> bool:
    try:
        _mark(folder).stat()  # `exists` would hide other errors
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True
