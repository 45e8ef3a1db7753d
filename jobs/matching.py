# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the service's jobs a submission made whose answer was lost. Dates are the service's.

A job that cannot be told from ours is DOUBTFUL: it is never taken for ours, and never for somebody else's.
What it was made of proves nothing: the service may tell a file by another address, or a number within bounds.
"""

import math
import unicodedata
from collections.abc import Iterable
from enum import IntEnum
from typing import cast

from ..client import Job as RemoteJob
from ..client import JsonValue
from .record import JobRecord

EARLY_S = 5.0  # the service's dates have whole seconds, and its hosts a clock each
# By how much the clock that dates the service's answers, perhaps a proxy's, may differ from its jobs'.
SKEW_S = 300.0
WINDOW_S = 180.0  # how long after its answer was lost a submission's job may come to be
GRACE_S = 90.0  # how long after it came to be a job may come into the list
# Types that no submission of ours can have.
_OTHER_TYPES = frozenset(
    {
        "assets-download",
        "canvas-export",
        "flux-model-training",
        "mesh-preview-rendering",
        "model-download",
        "model-import",
        "model-training",
        "musubi-model-training",
        "upload",
    }
)


class Likeness(IntEnum):
    """How a job of the service's compares to a lost one; of several parts the highest counts."""

    SAME = 0
    DOUBTFUL = 1
    OTHER = 2


def likeness(job: JobRecord, remote: RemoteJob) -> Likeness:
    """Whether `remote` is what `job` sent: same model and inputs, made when it was sent. Only another type,
    another model and a time that cannot be prove that it is not.
    """
    if remote.type in _OTHER_TYPES or remote.model_id not in (None, job.model_id):
        return Likeness.OTHER
    timing = _timing(job, remote)
    is_same = remote.model_id is not None and is_alike(job, remote)
    return timing if is_same else max(timing, Likeness.DOUBTFUL)


def is_alike(job: JobRecord, remote: RemoteJob) -> bool:
    """Whether `remote` is told to be made of what `job` sent."""
    return compare(cast("JsonValue", job.sent), remote.input) is Likeness.SAME


def _timing(job: JobRecord, remote: RemoteJob) -> Likeness:
    if not remote.created_at or job.submitted_at is None:
        return Likeness.DOUBTFUL
    earliest = job.submitted_at - EARLY_S
    latest = math.inf if job.lost_at is None else job.lost_at + WINDOW_S
    if earliest <= remote.created_at <= latest:
        return Likeness.SAME
    is_near = earliest - SKEW_S <= remote.created_at <= latest + SKEW_S
    return Likeness.DOUBTFUL if is_near else Likeness.OTHER


def compare(ours: JsonValue, theirs: object) -> Likeness:
    """One value that was sent, and what the service tells of it.

    The service may trim texts, write numbers as texts, one file as a list and a list of one as a file, leave
    out what is empty, and add to tables. What it does not tell, or tells in an unknown way, is DOUBTFUL.
    """
    if ours is None or (theirs is None and ours in ("", [], {})):
        return Likeness.SAME
    if theirs is None:
        return Likeness.DOUBTFUL
    if isinstance(ours, list) or isinstance(theirs, list):
        mine = ours if isinstance(ours, list) else [ours]
        others = cast("list[object]", theirs if isinstance(theirs, list) else [theirs])
        return _most(map(compare, mine, others)) if len(mine) == len(others) else Likeness.OTHER
    if isinstance(ours, dict) and isinstance(theirs, dict):
        table = cast("dict[str, object]", theirs)
        return _most(compare(value, table.get(name)) for name, value in ours.items())
    if isinstance(ours, dict) or not isinstance(theirs, str | int | float):
        return Likeness.DOUBTFUL
    return Likeness.SAME if _is_equal(ours, theirs) else Likeness.OTHER


def _most(parts: Iterable[Likeness]) -> Likeness:
    return max(parts, default=Likeness.SAME)


def _is_equal(ours: str | float, theirs: str | float) -> bool:
    """Numbers by their value, also as texts; texts without what surrounds their words; True is not 1."""
    if isinstance(ours, str) and isinstance(theirs, str) and _words(ours) == _words(theirs):
        return True
    if isinstance(ours, bool) or isinstance(theirs, bool):
        return str(ours).strip().lower() == str(theirs).strip().lower()
    try:
        mine, other = float(ours), float(theirs)
    except (ValueError, OverflowError):
        return False
    if mine.is_integer() and other.is_integer():
        return mine == other
    return math.isclose(mine, other, rel_tol=1e-6)  # some services keep four bytes of a number


def _words(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())
