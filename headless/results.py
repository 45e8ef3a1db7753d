# SPDX-License-Identifier: GPL-3.0-or-later
"""What `generate` and `batch` return to a script."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..batches import Problem
from ..client import JsonValue


@dataclass(frozen=True, slots=True)
class Result:
    """A finished 3D model. Nothing of it is in a scene: `place` does that."""

    id: str  # the job's, as `maquette jobs` lists it
    name: str
    model_id: str
    blend: Path | None  # what `place` takes in; None where Blender cannot read what was delivered
    files: tuple[Path, ...]  # as the service delivered them
    faces: int | None
    report: Mapping[str, JsonValue] | None  # docs/report.md; None: it was not measured
    finish: Mapping[str, JsonValue] | None  # docs/finishing.md: profile, faces, deviation; None: as delivered
    dimensions_m: tuple[float, float, float] | None  # X, Y and Z in metres, at `size_m`
    size_m: float | None  # longest side in metres that `place` gives it; None: as delivered
    cost_cu: float | None  # in creative units; None where the service did not tell
    seconds: float | None  # from the request to the finished result
    message: str  # what a person should know of it: a missing texture, a file that was left out
    rejected: tuple[str, ...]  # what of `require` it does not meet
    asset: Path | None  # its file in a library; None: it is in none
    provenance: Mapping[str, str | int | float]  # how it was made, as files for elsewhere tell it


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is. `fraction` is 0..1 of the state's work, None while that is unknown."""

    state: str  # prepared, uploading, submitting, queued, running, downloading, converting, ready, …
    fraction: float | None = None
    message: str = ""  # what holds it up, if something does


@dataclass(frozen=True, slots=True)
class BatchRow:
    """What came of one row; `place` takes it. Only a row that is done or rejected has a `blend`."""

    key: str
    # done, rejected (made, but not as `require` says), failed, waiting, elsewhere (another machine has it),
    # later (over `limit`)
    state: str
    name: str
    model_id: str
    job_id: str
    files: tuple[Path, ...]  # the outputs
    blend: Path | None  # what `place` takes in
    size_m: float | None  # longest side in metres; None: as delivered
    faces: int | None
    report: Mapping[str, JsonValue] | None  # docs/report.md; None: nothing was made, or not measured
    finish: Mapping[str, JsonValue] | None  # docs/finishing.md: profile, faces, deviation; None: as delivered
    price_cu: float | None  # in creative units, before; None: not known before the upload
    cost_cu: float | None  # what it cost
    refunded_cu: float  # what of that was given back
    seconds: float | None  # from the request to the finished result
    message: str  # why it failed or was rejected, or what a person should know
    rejected: tuple[str, ...]  # what of `require` it does not meet
    provenance: Mapping[str, str | int | float]  # how it was made, as files for elsewhere tell it


@dataclass(frozen=True, slots=True)
class BatchResult:
    """How a batch went. `code` is what the command would end with: 0 all is done, 1 a row failed or was
    wrong, 2 rows are wrong (of a dry run), 3 too few credits or a refused key, 4 the rest would exceed
    `max_cost`, 6 all is made, and a row is rejected.
    """

    rows: tuple[BatchRow, ...]  # in the manifest's order, without those that are wrong
    problems: tuple[Problem, ...]  # what is wrong with which row: its `number`, `key` and `text`
    price_cu: float  # of all rows if none were there, less those whose price is not known
    to_pay_cu: float  # what was left to pay for when it began, less where the price is not known
    cost_cu: float  # what all jobs of this folder have cost, now and before, without what was refunded
    code: int
