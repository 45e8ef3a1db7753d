# SPDX-License-Identifier: GPL-3.0-or-later
"""One row of the job store as a value: what was asked for, how far it is, what came out.

Times are Unix seconds. Rows hold no secrets and no URLs of the service (those expire).
"""

import json
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NotRequired, TypeAlias, TypedDict, TypeVar, cast

from ..client import JsonValue
from .states import DONE, WORKING, State

if TYPE_CHECKING:
    import sqlite3


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file to be uploaded as (part of) an input; `kind` is the API's: image, 3d, video, …

    A temporary one is moved, not copied. A .blend of kind 3d is sent as a GLB of those `objects` in it.
    """

    path: Path
    kind: str = "image"
    is_temporary: bool = False
    objects: tuple[str, ...] = ()  # names; none: all that there are

    def __fspath__(self) -> str:
        return str(self.path)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """An input file of a job that is written down. Only `input_files.keep_files` makes new ones.

    `path` is relative to the job's folder. Where that file has yet to be made there is a `source`: a .blend
    in the job's folder, of which `objects` are sent as a GLB, or a large file elsewhere with the `size` and
    `mtime_ns` that it had.
    """

    path: str
    name: str  # the original's, for people and the service
    kind: str
    source: str = ""
    objects: tuple[str, ...] = ()
    size: int | None = None
    mtime_ns: int | None = None
    sha256: str = field(default="", compare=False)  # once the worker has made it ready

    @classmethod
    def of(cls, table: dict[str, Any]) -> "StoredFile":
        objects: Any = tuple(table["objects"])
        return cls(**(table | {"objects": objects}))

    @property
    def is_copy(self) -> bool:
        """Whether it is yet to be copied from `source`."""
        return self.mtime_ns is not None


# What a caller passes for one input: JSON that may hold files, however deep.
InputValue: TypeAlias = "JsonValue | InputFile | list[InputValue] | dict[str, InputValue]"
# The same of a job that is written down.
StoredValue: TypeAlias = "JsonValue | StoredFile | list[StoredValue] | dict[str, StoredValue]"
T = TypeVar("T")


class ErrorKind(StrEnum):
    """What `error_kind` says where no exception is behind the job's `message`."""

    LEFT = "Left"  # with the message LEFT
    ODD_ROW = "OddRow"  # its row was not understood
    ARRIVAL = "Arrival"  # its result could not be placed in the scene
    JOB_FAILED = "JobFailed"  # at the service
    UNKNOWN_STATUS = "UnknownStatus"  # what the service says of it is not understood


FILE_MARK = "$file"  # in the row's inputs: {"$file": number among its input_files}
_RESULT = re.compile(r"result/(?!\.{1,2}$)[^/\\]+")
LEFT = "Maquette ended before this was submitted: nothing was paid."
ASSETS = "assets"  # in a job's `placement`, which stays when it is made anew: the paths of all its assets
PLACEHOLDER_ASSET = "asset_" + "0" * 22


def mapped(values: Mapping[str, T], change: Callable[[T], T]) -> dict[str, T]:
    """The inputs with `change` made to each file and each plain value, however deep in lists and tables."""

    def walk(value: object) -> object:
        if isinstance(value, list):
            return [walk(item) for item in cast("list[object]", value)]
        if isinstance(value, dict):
            return {name: walk(item) for name, item in cast("dict[str, object]", value).items()}
        return change(cast("T", value))

    return cast("dict[str, T]", {name: walk(value) for name, value in values.items()})


def leaves(values: Mapping[str, T]) -> list[T]:
    """Each file and each plain value of the inputs, in their order."""
    return list(cast("Iterator[T]", _leaves(dict(values))))


def _leaves(value: object) -> Iterator[object]:
    if isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _leaves(item)
    elif isinstance(value, dict):
        for item in cast("dict[str, object]", value).values():
            yield from _leaves(item)
    else:
        yield value


def placeholder_inputs(values: Mapping[str, InputValue] | Mapping[str, StoredValue]) -> dict[str, JsonValue]:
    """The same with made-up asset ids for files: enough for the price of most models, and no file is sent."""

    def made_up(leaf: object) -> object:
        return PLACEHOLDER_ASSET if isinstance(leaf, InputFile | StoredFile) else leaf

    plain = mapped(cast("Mapping[str, object]", values), made_up)
    return cast("dict[str, JsonValue]", plain)


def new_id() -> str:
    return f"{int(time.time() * 1e6):013x}{secrets.token_hex(4)}"


@dataclass(frozen=True, slots=True)
class NewJob:
    """What a person asked for, checked against the model's schema by the caller.

    Its `id` is there before it is written down, once: what waits for the job can be made ready first.
    """

    name: str
    model_id: str
    inputs: Mapping[str, InputValue]
    model_name: str = ""
    service: str = ""  # which service the job belongs to: see process.service_name
    estimate_cu: float | None = None
    source: str = ""  # name of the picture or words that it was made from, for people
    placement: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    session: str = ""  # of the command that asks for it; empty: the window
    profile: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])  # {}: as delivered
    # The folder in which machines share who has which of the service's jobs: remote_claims.py.
    claims: str = ""
    id: str = field(default_factory=new_id)


class DeliveredFile(TypedDict):
    """A file that was downloaded, as the row's JSON has it."""

    path: str  # in the job's folder
    role: str  # mesh, companion (texture, MTL) or derived (another format of a mesh)
    name: str  # the service's
    sha256: str
    size: NotRequired[int]
    notice: NotRequired[str]  # for the person who gets the result


@dataclass(frozen=True, slots=True)
class JobRecord:
    id: str
    service: str
    session: str  # whose worker submits it; empty: the window's
    state: State
    name: str
    source: str
    model_id: str
    model_name: str
    inputs: dict[str, StoredValue]
    input_files: list[StoredFile]  # those among the inputs, in their order
    sent: dict[str, JsonValue]  # the request's body: the files as asset ids
    estimate_cu: float | None
    cost_cu: float | None
    refunded_cu: float  # of that
    remote_id: str | None
    progress: float | None  # 0..1, None while unknown
    message: str  # for a person: what it is waiting for, or how it went
    error_kind: str  # class name of the error behind `message`, or an ErrorKind; empty if none
    resume_state: State | None  # where a person's resume leads; None: nothing to resume
    cancel: str  # "", "requested", "refused"
    attempts: int
    not_before: float
    created_at: float
    updated_at: float
    # The service's clock: its last answer before the submission, and its first after that one's answer was
    # lost. What the submission made was created after the first and not long after the second.
    submitted_at: float | None
    lost_at: float | None
    lost_here_at: float | None  # this machine's date when `lost_at` was noted
    candidates: list[JsonValue]  # what it may be at the service: {"id", "url", "created_at", "is_refused"}
    claims: str  # see NewJob
    finished_at: float | None
    files: list[DeliveredFile]
    result: dict[str, JsonValue]  # the answer about the file in use: see finishing.py
    placement: dict[str, JsonValue]
    profile: dict[str, JsonValue]  # what the result is finished by, as profile.py writes it; {}: as delivered
    change: int  # rises with every write to any row

    @property
    def is_working(self) -> bool:
        """Whether a worker has something to do for it (a settled uncertain job waits for a person)."""
        return self.state in WORKING and not (self.state is State.UNCERTAIN and self.resume_state)

    @property
    def has_model(self) -> bool:
        """Whether it is done, and Blender could read what came."""
        return self.state in DONE and bool(self.result.get("objects"))

    @property
    def doubts(self) -> list[dict[str, JsonValue]]:
        """The candidates that nobody has taken or refused. While there are any, it may be paid for."""
        if self.remote_id is not None:
            return []
        entries = [entry for entry in self.candidates if isinstance(entry, dict)]
        return [entry for entry in entries if not entry.get("is_refused")]

    @property
    def group(self) -> str:
        """What the results of one input have in common: the id of the first job of it."""
        group = self.placement.get("group")
        return group if isinstance(group, str) else self.id

    @property
    def size_m(self) -> float | None:
        """The longest side, in metres, of what is written of its result; None: as delivered."""
        return cast("float | None", self.placement.get("size_m"))

    @property
    def price_cu(self) -> float | None:
        """What it was charged, else the estimate; None while neither is known."""
        return self.estimate_cu if self.cost_cu is None else self.cost_cu

    @property
    def committed_cu(self) -> float:
        """What it has cost, or is to cost if it goes on by itself."""
        if self.cost_cu is not None:
            return self.cost_cu - self.refunded_cu
        is_unpaid = not self.is_working and self.remote_id is None and not self.doubts
        return 0.0 if is_unpaid else self.estimate_cu or 0.0


JSON_COLUMNS = ("input_files", "sent", "candidates", "files", "result", "placement", "profile")
COLUMNS = tuple(f.name for f in fields(JobRecord))


def record_of(row: "sqlite3.Row") -> JobRecord:
    """The job that a row of the store's table is. An odd one raises one of several errors: odd_rows.py."""
    values: dict[str, Any] = {name: row[name] for name in COLUMNS}
    values["state"] = State(values["state"])
    values["resume_state"] = State(values["resume_state"]) if values["resume_state"] else None
    for name in JSON_COLUMNS:
        values[name] = json.loads(values[name])
    if not all(map(_is_delivered, values["files"])):
        raise ValueError("files")
    files = [StoredFile.of(one) for one in values["input_files"]]
    values["input_files"] = files
    values["inputs"] = json.loads(values["inputs"], object_hook=lambda table: _file_or_table(table, files))
    return JobRecord(**values)


def _is_delivered(entry: object) -> bool:
    """Whether it is a downloaded file's table, of a file in the folder of results."""
    match entry:
        case {"path": str(path), "role": str(), "name": str(), "sha256": str()}:
            return _RESULT.fullmatch(path) is not None
        case _:
            return False


def json_text(value: object, files: Sequence[StoredFile] = ()) -> str:
    """The value as a column has it: a file among `files` is told by its number, another in full."""

    def table(file: StoredFile) -> dict[str, Any]:
        return {FILE_MARK: files.index(file)} if file in files else asdict(file)

    return json.dumps(value, default=table)


def _file_or_table(table: dict[str, Any], files: Sequence[StoredFile]) -> StoredFile | dict[str, Any]:
    """No other table among the inputs has a name that begins with `$`: `keep_files` refuses it."""
    return files[int(table[FILE_MARK])] if FILE_MARK in table else table
