# SPDX-License-Identifier: GPL-3.0-or-later
"""What the service tells of jobs, assets, prices and accounts, as frozen records.

Unknown fields are ignored and unknown words become `unknown`: the service adds to both without notice.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from .fields import Fields, JsonValue, Record, told, without_controls

# Called with the bytes that are through and the bytes in all, if known; may raise to stop a transfer.
Progress = Callable[[int, int | None], None]
Sleep = Callable[[float], None]


@dataclass(frozen=True)
class Credentials:
    """An API key and its secret, the one part that is never shown."""

    key: str
    secret: str = field(repr=False)


class JobStatus(StrEnum):
    """Where a job stands; `unknown` is a word that this version does not know, and is not the end."""

    PENDING = "pending"
    QUEUED = "queued"
    WARMING_UP = "warming-up"
    IN_PROGRESS = "in-progress"
    FINALIZING = "finalizing"
    SUCCESS = "success"
    FAILURE = "failure"
    CANCELED = "canceled"
    UNKNOWN = "unknown"


# What the guides have where the API has another word.
_OTHER_WORDS = {
    "processing": JobStatus.IN_PROGRESS,
    "failed": JobStatus.FAILURE,
    "error": JobStatus.FAILURE,
    "cancelled": JobStatus.CANCELED,
}


def _status(job: Fields, name: str) -> JobStatus:
    word = job.text(name).lower()
    return JobStatus(word) if word in set(JobStatus) else _OTHER_WORDS.get(word, JobStatus.UNKNOWN)


def _progress(job: Fields, name: str) -> float | None:
    """0 means "not told" for several providers: an unknown progress beats one that stands still."""
    progress = job.number(name)
    return min(1.0, progress) if progress and progress > 0 else None


def _error(job: Fields, name: str) -> str:
    error = job.section("metadata").raw.get(name) or job.raw.get(name)
    return "" if error is None else without_controls(str(error)[:2000])


def _cost_cu(job: Fields, name: str) -> float | None:
    cost = job.section("billing").number("cuCost")
    return cost if cost is not None else job.number("creativeUnitsCost")


def _is_refunded(billing: Fields, name: str) -> bool:
    """A generation that failed is refunded unless the job's billing says otherwise (API reference, `Job`)."""
    return billing.raw.get(name) in (None, False)


_NO_INPUT: Mapping[str, JsonValue] = MappingProxyType({})


def _input(metadata: Fields, name: str) -> Mapping[str, JsonValue]:
    return metadata.section(name).raw


def _model_id(given: Fields, name: str) -> str | None:
    return given.words(name) or None


@dataclass(frozen=True, kw_only=True)
class Job(Record):
    """A job as the service tells it; times are Unix seconds, 0 where unknown; progress is 0..1 or None."""

    id: str = told(Fields.text, "jobId")
    type: str = told(Fields.words, "jobType", if_odd="", default="")
    status: JobStatus = told(_status, if_odd=JobStatus.UNKNOWN)
    progress: float | None = told(_progress, if_odd=None)
    asset_ids: tuple[str, ...] = told(Fields.texts, "metadata.assetIds", if_odd=())
    error: str = told(_error, if_odd="")
    hint: str = told(Fields.words, "metadata.hint", if_odd="")
    input: Mapping[str, JsonValue] = told(_input, "metadata.input", if_odd=_NO_INPUT)
    model_id: str | None = told(_model_id, "metadata.input.modelId", if_odd=None)
    cost_cu: float | None = told(_cost_cu, if_odd=None)
    has_refund: bool = told(_is_refunded, "billing.disableRefund", if_odd=False, default=True)
    created_at: float = told(Fields.time, if_odd=0.0)
    updated_at: float = told(Fields.time, if_odd=0.0)

    @property
    def is_done(self) -> bool:
        return self.status in (JobStatus.SUCCESS, JobStatus.FAILURE, JobStatus.CANCELED)

    @property
    def refunded_cu(self) -> float:
        """What the service gives back of its cost."""
        return self.cost_cu or 0.0 if self.status is JobStatus.FAILURE and self.has_refund else 0.0

    @property
    def is_success(self) -> bool:
        return self.status is JobStatus.SUCCESS


@dataclass(frozen=True)
class Cost:
    """A price in creative units, often not whole."""

    creative_units: float


@dataclass(frozen=True)
class Submission:
    """A job that was started, and its price where the service told it."""

    job: Job
    cost: Cost | None


def _output_index(asset: Fields, name: str) -> int | None:
    index = asset.count(name)
    return index if index is not None else asset.section("metadata").count(name)


@dataclass(frozen=True, kw_only=True)
class Asset(Record):
    """A stored file. `url` is signed and expires: use it now or ask again.

    `file_name` is untrusted: sanitise it before use.
    """

    id: str = told(Fields.text)
    url: str = told(Fields.words)
    kind: str = told(lambda it, name: it.words(name) or it.section("metadata").words(name))
    mime_type: str = told(Fields.words)
    size_bytes: int | None = told(Fields.count, "properties.size")
    file_name: str = told(lambda it, name: it.words(name)[-300:], "metadata.fileName")
    parent_id: str = told(Fields.words, "metadata.parentId")
    output_index: int | None = told(_output_index)
    type: str = told(Fields.words, "metadata.type")


@dataclass(frozen=True)
class Download:
    """A file that arrived whole."""

    path: Path
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Balance:
    """Creative units left, and how many jobs on models may run at a time, where the service tells."""

    remaining_cu: float
    parallel_jobs: int | None = None

    @classmethod
    def from_json(cls, answer: Fields) -> "Balance | None":
        """From a team's limits: its allowance, what is used of it, and packs bought on top."""
        if (left := answer.section("limits").number("creativeUnits")) is None:
            return None
        left = max(0.0, left - (answer.section("values").number("creativeUnits") or 0.0))
        for pack in answer.tables("oneShotCreativeUnits"):
            if not 0 < pack.time("expiration") < time.time():
                left += pack.number("remaining") or 0.0
        at_once = answer.section("limits").number("parallelCustomJobs")
        return cls(left, int(at_once) if at_once and at_once >= 1 else None)
