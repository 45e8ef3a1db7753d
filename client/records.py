# SPDX-License-Identifier: GPL-3.0-or-later
"""What the service tells of jobs, assets, prices and accounts, as frozen records.

Unknown fields are ignored and unknown words become `unknown`: the service adds to both without notice.
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from .fields import Fields, JsonValue


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

    @classmethod
    def from_word(cls, word: str) -> "JobStatus":
        """The status for a word of either vocabulary (the API's, or the guides': `failed`, …)."""
        return _STATUS_WORDS.get(word.strip().lower().replace("_", "-"), cls.UNKNOWN)


_STATUS_WORDS = {
    **{status.value: status for status in JobStatus},
    "processing": JobStatus.IN_PROGRESS,
    "running": JobStatus.IN_PROGRESS,
    "failed": JobStatus.FAILURE,
    "error": JobStatus.FAILURE,
    "cancelled": JobStatus.CANCELED,
    "complete": JobStatus.SUCCESS,
    "completed": JobStatus.SUCCESS,
    "succeeded": JobStatus.SUCCESS,
}


@dataclass(frozen=True)
class Cost:
    """A price in creative units (often not whole), and the discount already taken off it."""

    creative_units: float
    discount: float = 0.0


@dataclass(frozen=True)
class Job:
    """A job as the service tells it; times are Unix seconds, 0 where unknown; progress is 0..1 or None."""

    id: str
    type: str
    status: JobStatus
    progress: float | None
    asset_ids: tuple[str, ...]
    error: str | None
    hint: str | None
    input: Mapping[str, JsonValue]
    model_id: str | None
    cost_cu: float | None
    created_at: float
    updated_at: float

    @property
    def is_done(self) -> bool:
        return self.status in (JobStatus.SUCCESS, JobStatus.FAILURE, JobStatus.CANCELED)

    @property
    def is_success(self) -> bool:
        return self.status is JobStatus.SUCCESS

    @classmethod
    def from_json(cls, value: object) -> "Job":
        job = Fields(value, "job")
        metadata, billing = job.section("metadata"), job.section("billing")
        sent = metadata.section("input")
        progress = job.number_or_none("progress")
        error = metadata.raw.get("error") or job.raw.get("error")
        cost = billing.number_or_none("cuCost")
        return cls(
            id=job.text("jobId") if "jobId" in job.raw else job.text("id"),
            type=job.text_or_none("jobType") or "",
            status=JobStatus.from_word(job.text("status")),
            # 0 means "not told" for several providers: an unknown progress beats one that stands still.
            progress=min(1.0, progress) if progress and progress > 0 else None,
            asset_ids=metadata.texts("assetIds"),
            error=None if error is None else str(error)[:2000],
            hint=metadata.text_or_none("hint"),
            input=sent.raw,
            model_id=sent.text_or_none("modelId") or metadata.text_or_none("modelId"),
            cost_cu=cost if cost is not None else job.number_or_none("creativeUnitsCost"),
            created_at=job.time("createdAt"),
            updated_at=job.time("updatedAt"),
        )


@dataclass(frozen=True)
class Submission:
    """A job that was started, and its price where the service told it."""

    job: Job
    cost: Cost | None


@dataclass(frozen=True)
class Asset:
    """A stored file. `url` is signed and expires: use it now or ask again. `file_name` is safe to use."""

    id: str
    url: str
    kind: str
    mime_type: str
    status: str
    size_bytes: int | None
    file_name: str | None
    parent_id: str | None
    output_index: int | None
    type: str

    @classmethod
    def from_json(cls, value: object) -> "Asset":
        asset = Fields(value, "asset")
        metadata = asset.section("metadata")
        index = asset.count_or_none("outputIndex")
        return cls(
            id=asset.text("id"),
            url=asset.text_or_none("url") or "",
            kind=asset.text_or_none("kind") or metadata.text_or_none("kind") or "",
            mime_type=asset.text_or_none("mimeType") or "",
            status=asset.text_or_none("status") or "success",
            size_bytes=asset.section("properties").count_or_none("size"),
            file_name=_safe_name(metadata.text_or_none("fileName") or ""),
            parent_id=metadata.text_or_none("parentId"),
            output_index=index if index is not None else metadata.count_or_none("outputIndex"),
            type=metadata.text_or_none("type") or "",
        )


def _safe_name(name: str) -> str | None:
    """The last part of `name` as a file may be called on any system, or None if nothing is left of it."""
    name = re.split(r"[/\\]", name)[-1]
    name = "".join("_" if c in '<>:"|?*' else c for c in name if c.isprintable()).strip().rstrip(". ")[-120:]
    if re.fullmatch(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", name, re.IGNORECASE):
        name = f"_{name}"
    return name.lstrip(" ") or None


@dataclass(frozen=True)
class Balance:
    """Creative units left."""

    remaining_cu: float

    @classmethod
    def from_json(cls, value: object) -> "Balance | None":
        """From a team's limits: its allowance, what is used of it, and packs bought on top."""
        answer = Fields(value, "limits")
        limits = answer.section("limits")
        if (left := limits.number_or_none("creativeUnits")) is None:
            return None
        left = max(0.0, left - (answer.section("values").number_or_none("creativeUnits") or 0.0))
        for pack in answer.items("oneShotCreativeUnits", lambda item: Fields(item, "oneShotCreativeUnits")):
            if not 0 < pack.time("expiration") < time.time():
                left += pack.number_or_none("remaining") or 0.0
        return cls(left)


# Called with the bytes that are through and the bytes in all, if known; may raise to stop a transfer.
Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Download:
    """A file that arrived whole."""

    path: Path
    size_bytes: int
    sha256: str
