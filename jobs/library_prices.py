# SPDX-License-Identifier: GPL-3.0-or-later
"""What the assets of a library have cost: a table in the library, a line for each job, in no asset.

Whoever else of ours writes to it, here or on another machine, loses nothing.
"""

from pathlib import Path

from .files import safe_name, write_whole
from .library_catalogues import locked
from .record import JobRecord

PRICES_FILE = "maquette-prices.csv"
_HEAD = b"job,model,cost_cu,made_at\n"
_LOCK = f".{PRICES_FILE}.lock"


def note_price(library: Path, job: JobRecord, made_at: str) -> None:
    """A line for the job in the library's table, once. Raises OSError."""
    path = library / PRICES_FILE
    line = f"{job.id},{safe_name(job.model_id)},{job.committed_cu:g},{made_at}\n".encode()
    with locked(library / _LOCK):
        known = path.read_bytes() if path.exists() else b""
        if f"\n{job.id},".encode() not in known:
            with path.open("ab") as file:
                file.write(line if known else _HEAD + line)


def forget_price(library: Path, job_id: str) -> None:
    """The job's line goes; the others stay as they are. Raises OSError."""
    path = library / PRICES_FILE
    if not path.exists():
        return
    with locked(library / _LOCK):
        lines = path.read_bytes().splitlines(keepends=True)
        left = [each for each in lines if not each.startswith(f"{job_id},".encode())]
        write_whole(path, b"".join(left))
