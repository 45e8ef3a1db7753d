# SPDX-License-Identifier: GPL-3.0-or-later
"""What the task `write` of a background Blender is told: see scene/write.py."""

from collections.abc import Sequence
from pathlib import Path

from ..client import JsonValue
from .finishing import provenance_outside
from .record import JobRecord


def request_to_write(
    job: JobRecord, result: Path, outputs: Sequence[Path], size_m: float | None
) -> dict[str, JsonValue]:
    """The job's `result` (a .blend) to `outputs`, and no more; `size_m` in metres, None: as delivered."""
    return {
        "result": str(result.resolve()),
        "outputs": [str(path) for path in outputs],
        "turntable": None,
        "picture": None,
        "name": job.name,
        "size_m": size_m,
        "provenance": dict(provenance_outside(job)),
        "threads": 0,
        "asset": None,
    }
