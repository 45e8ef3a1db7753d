# SPDX-License-Identifier: GPL-3.0-or-later
"""What the service tells of jobs, assets, prices and accounts, as frozen records.

Unknown fields are ignored and unknown words become `unknown`: the service adds to both without notice.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from .errors import AnswerError
from .fields import Fields, JsonValue, Record, is_id, json_field, words

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
    "running": JobStatus.IN_PROGRESS,
    "succeeded": JobStatus.SUCCESS,
    "completed": JobStatus.SUCCESS,
    "failed": JobStatus.FAILURE,
    "error": JobStatus.FAILURE,
    "cancelled": JobStatus.CANCELED,
}


def _status(job: Fields, name: str) -> JobStatus:
    word = job.text(name).strip().casefold().replace("_", "-")
    return JobStatus(word) if word in set(JobStatus) else _OTHER_WORDS.get(word, JobStatus.UNKNOWN)


def _progress(job: Fields, name: str) -> float | None:
    """0 means "not told" for several providers: an unknown progress beats one that stands still."""
    progress = job.number(name)
    return min(1.0, progress) if progress and progress > 0 else None


def _error(job: Fields, name: str) -> str:
    error = job.nested("metadata").raw.get(name) or job.raw.get(name)
    return "" if error is None else words(str(error))


def _asset_ids(metadata: Fields, name: str) -> tuple[str, ...]:
    """Those that can be asked for; others are left out."""
    return tuple(str(value) for value in metadata.array(name) if is_id(value))


def _cost_cu(job: Fields, name: str) -> float | None:
    cost = job.nested("billing").number("cuCost")
    return price_or_none(cost if cost is not None else job.number("creativeUnitsCost"))


def price_or_none(units: float | None) -> float | None:
    """None also for what no job can cost: a limit must not be passed by a price below nothing."""
    return units if units is not None and 0.0 <= units <= 1e9 else None


def _is_refunded(billing: Fields, name: str) -> bool:
    """A generation that failed is refunded unless the job's billing says otherwise (API reference, `Job`)."""
    return billing.raw.get(name) in (None, False)


def _dates_of(job: Fields, status: JobStatus) -> list[float]:
    """When its history says that it came to this status; a history that is not understood says nothing."""
    with suppress(AnswerError):
        history = job.nested_list("statusHistory")
        return [entry.time("date") for entry in history if _status(entry, "status") is status]
    return []


def _started_at(job: Fields, name: str) -> float:
    return max(_dates_of(job, JobStatus.IN_PROGRESS), default=0.0)


def _succeeded_at(job: Fields, name: str) -> float:
    if _status(job, "status") is not JobStatus.SUCCESS:
        return 0.0
    return max(_dates_of(job, JobStatus.SUCCESS), default=0.0) or job.time("updatedAt")


_NO_INPUT: Mapping[str, JsonValue] = MappingProxyType({})


def _input(metadata: Fields, name: str) -> Mapping[str, JsonValue]:
    return metadata.nested(name).raw


def _model_id(given: Fields, name: str) -> str | None:
    return given.optional_text(name) or None


@dataclass(frozen=True, kw_only=True)
class Job(Record):
    """A job as the service tells it; times are Unix seconds, 0 where unknown; progress is 0..1 or None."""

    id: str = json_field(Fields.id, "jobId")
    type: str = json_field(Fields.optional_text, "jobType", if_odd="", default="")
    status: JobStatus = json_field(_status, if_odd=JobStatus.UNKNOWN)
    status_word: str = json_field(Fields.optional_text, "status", if_odd="", default="")
    progress: float | None = json_field(_progress, if_odd=None)
    asset_ids: tuple[str, ...] = json_field(_asset_ids, "metadata.assetIds", if_odd=())
    error: str = json_field(_error, if_odd="")
    hint: str = json_field(Fields.words, "metadata.hint", if_odd="")
    input: Mapping[str, JsonValue] = json_field(_input, "metadata.input", if_odd=_NO_INPUT)
    model_id: str | None = json_field(_model_id, "metadata.input.modelId", if_odd=None)
    cost_cu: float | None = json_field(_cost_cu, if_odd=None)
    has_refund: bool = json_field(_is_refunded, "billing.disableRefund", if_odd=False, default=True)
    created_at: float = json_field(Fields.time, if_odd=0.0)
    updated_at: float = json_field(Fields.time, if_odd=0.0)
    started_at: float = json_field(_started_at, if_odd=0.0, default=0.0)  # its last time in progress
    succeeded_at: float = json_field(_succeeded_at, if_odd=0.0, default=0.0)

    @property
    def has_ended(self) -> bool:
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
    index = asset.whole_number(name)
    return index if index is not None else asset.nested("metadata").whole_number(name)


def _kind(asset: Fields, name: str) -> str:
    return asset.optional_text(name) or asset.nested("metadata").optional_text(name)


def _file_name(metadata: Fields, name: str) -> str:
    return metadata.optional_text(name)[-300:]


@dataclass(frozen=True, kw_only=True)
class Asset(Record):
    """A stored file. `url` is signed and expires: use it now or ask again.

    `file_name` is untrusted: sanitise it before use. What is not understood counts as not told, but for the
    id: the file is paid for.
    """

    id: str = json_field(Fields.id)
    url: str = json_field(Fields.optional_text, if_odd="")
    kind: str = json_field(_kind, if_odd="")
    mime_type: str = json_field(Fields.optional_text, if_odd="")
    size_bytes: int | None = json_field(Fields.whole_number, "properties.size", if_odd=None)
    file_name: str = json_field(_file_name, "metadata.fileName", if_odd="")
    parent_id: str = json_field(Fields.optional_text, "metadata.parentId", if_odd="")
    output_index: int | None = json_field(_output_index, if_odd=None)
    type: str = json_field(Fields.optional_text, "metadata.type", if_odd="")


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
        if (left := answer.nested("limits").number("creativeUnits")) is None:
            return None
        left = max(0.0, left - (answer.nested("values").number("creativeUnits") or 0.0))
        for pack in answer.nested_list("oneShotCreativeUnits"):
            if not 0 < pack.time("expiration") < time.time():
                left += pack.number("remaining") or 0.0
        at_once = None
        with suppress(AnswerError):  # the balance is known all the same
            at_once = answer.nested("limits").number("parallelCustomJobs")
        return cls(left, int(at_once) if at_once and at_once >= 1 else None)
