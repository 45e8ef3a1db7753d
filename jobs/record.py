# SPDX-License-Identifier: GPL-3.0-or-later
"""One row of the job store as a value: what was asked for, how far it is, what came out.

Times are Unix seconds. Rows hold no secrets and no URLs of the service (those expire).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Union

from ..client import JsonValue
from .states import WORKING, State


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file to be uploaded as (part of) an input; `kind` is the API's: image, 3d, video, …

    A temporary one is moved, not copied. A .blend of kind 3d is sent as a GLB of those `objects` in it.
    """

    path: Path
    kind: str = "image"
    is_temporary: bool = False
    objects: tuple[str, ...] = ()  # names; none: all that there are


# What a caller passes for one input: JSON, a file, or a list of files and asset ids.
InputValue = Union[JsonValue, InputFile, list["InputFile | str"]]  # noqa: UP007 (JsonValue is a name in quotes)
PLACEHOLDER_ASSET = "asset_" + "0" * 22


def placeholder_inputs(values: Mapping[str, InputValue]) -> dict[str, JsonValue]:
    """The same with made-up asset ids for files: enough for the price of most models, and no file is sent."""

    def plain(value: InputValue | InputFile) -> JsonValue:
        if isinstance(value, list):
            return [plain(item) for item in value]
        return PLACEHOLDER_ASSET if isinstance(value, InputFile) else value

    return {name: plain(value) for name, value in values.items()}


@dataclass(frozen=True, slots=True)
class NewJob:
    """What a person asked for, checked against the model's schema by the caller."""

    name: str
    model_id: str
    inputs: Mapping[str, InputValue]
    model_name: str = ""
    service: str = ""  # which service the job belongs to: the API's URL, or "sandbox"
    project_id: str | None = None
    estimate_cu: float | None = None
    source: str = ""  # name of the picture or words that it was made from, for people
    placement: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])


@dataclass(frozen=True, slots=True)
class JobRecord:
    id: str
    service: str
    project_id: str | None
    state: State
    name: str
    source: str
    model_id: str
    model_name: str
    inputs: dict[str, JsonValue]  # a file is {"file": path in the job's folder, "name", "kind", …}: inputs.py
    sent: dict[str, JsonValue]  # the request's body: the files as asset ids
    estimate_cu: float | None
    cost_cu: float | None
    remote_id: str | None
    progress: float | None  # 0..1, None while unknown
    message: str  # for a person: what it is waiting for, or how it went
    error_kind: str  # class name of the error behind `message`, empty if none
    resume_state: State | None  # where a person's resume leads; None: nothing to resume
    cancel: str  # "", "requested", "refused"
    attempts: int
    not_before: float
    created_at: float
    updated_at: float
    submitted_at: float | None  # the service's clock
    finished_at: float | None
    files: list[JsonValue]  # downloaded: {"path": in the job's folder, "role", "name", "sha256"}
    result: dict[str, JsonValue]  # the converter's answer
    placement: dict[str, JsonValue]
    change: int  # rises with every write to any row

    @property
    def is_working(self) -> bool:
        """Whether a worker has something to do for it (a settled uncertain job waits for a person)."""
        return self.state in WORKING and not (self.state is State.UNCERTAIN and self.resume_state)


JSON_COLUMNS = ("inputs", "sent", "files", "result", "placement")
COLUMNS = tuple(f.name for f in fields(JobRecord))
