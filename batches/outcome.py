# SPDX-License-Identifier: GPL-3.0-or-later
"""What came of a row: what its job cost, what was made, and which files were written. Kept as result.json.

The file is on a share that anybody may write to: it is read field by field, each checked.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath, PureWindowsPath
from typing import cast

from ..client import Fields, InputError, JsonValue
from ..jobs import JobRecord, finished_key

_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenFile:
    """A file as it was written: another size or content is a person's."""

    size: int
    mtime_ns: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """File names are relative to the batch's folder. In result.json `spec` is called "wish" and
    `is_unconverted` "is_kept".
    """

    key: str = ""
    job: str = ""
    cost_cu: float | None = None
    refunded_cu: float | None = None
    content: str = ""  # Item.content; empty in results of earlier versions
    faces: int | None = None
    report: JsonValue = None  # of what was made, as the converter has it: `jobs.read_report` reads it
    finish: JsonValue = None  # what finishing has made of it: `jobs.read_finish` reads it
    finished: str = ""  # the key of the profile that it was finished by; empty: as delivered
    seconds: float | None = None
    message: str = ""
    outputs: tuple[str, ...] = ()
    # By name; empty in results of earlier versions.
    files: Mapping[str, WrittenFile] = field(default_factory=dict[str, WrittenFile])
    preview: str | None = None
    turntable: str | None = None
    picture: str | None = None  # the input's, small
    asset: str = ""  # the name of its file in the library that it is in, if it is in one
    is_unconverted: bool = False  # the outputs are the delivered files, which Blender cannot read
    spec: JsonValue = None  # what the outputs were to be (`Delivery.spec`); None: there are none

    @classmethod
    def from_json(cls, value: object) -> "Outcome":
        """Raises InputError if it is no outcome, or names a file outside the batch's folder."""
        fields = Fields(value, "result")
        written = fields.nested("files")
        return cls(
            key=fields.optional_text("key"),
            job=fields.optional_text("job"),
            cost_cu=_amount(fields, "cost_cu"),
            refunded_cu=_amount(fields, "refunded_cu"),
            content=fields.optional_text("content"),
            faces=_whole(fields, "faces"),
            report=fields.any("report"),
            finish=fields.any("finish"),
            finished=finished_key(fields.raw),
            seconds=fields.number("seconds"),
            message=fields.optional_text("message"),
            outputs=tuple(map(_inside, fields.texts("outputs"))),
            files={name: _written_file(written.nested(name)) for name in written.raw},
            preview=_optional(fields, "preview"),
            turntable=_optional(fields, "turntable"),
            picture=_optional(fields, "picture"),
            asset=_optional(fields, "asset") or "",
            is_unconverted=fields.boolean("is_kept"),
            spec=fields.any("wish"),
        )

    def of_job(self, job: JobRecord, item_key: str, content: str, message: str) -> "Outcome":
        """With what is known of the job that has made it, for a row of this key and content."""
        faces = job.result.get("faces")
        return dataclasses.replace(
            self,
            key=item_key,
            job=job.id,
            cost_cu=job.cost_cu,
            refunded_cu=job.refunded_cu,
            content=content,
            faces=faces if isinstance(faces, int) else None,
            report=job.result.get("report"),
            finish=job.result.get("finish"),
            finished=finished_key(job.result),
            message=message,
            seconds=None if job.finished_at is None else job.finished_at - job.created_at,
        )

    def with_files_of(self, before: "Outcome") -> "Outcome":
        """With the files that were written before."""
        return dataclasses.replace(self, outputs=before.outputs, files=before.files)

    def to_json(self) -> dict[str, JsonValue]:
        """Without what is not there: earlier versions take a result that has a "wish" for a written one."""
        values = cast("dict[str, JsonValue]", dataclasses.asdict(self))
        values["outputs"] = [*self.outputs]
        values["wish"] = values.pop("spec")
        values["is_kept"] = values.pop("is_unconverted")
        return {name: value for name, value in values.items() if value is not None}


def _written_file(fields: Fields) -> WrittenFile:
    size = _whole(fields, "size")
    mtime_ns = _whole(fields, "mtime_ns")
    if size is None or mtime_ns is None:
        raise InputError("A file without its size or time.")
    return WrittenFile(size=size, mtime_ns=mtime_ns, sha256=fields.text("sha256"))


def _whole(fields: Fields, name: str) -> int | None:
    """Not as a float, which has no room for a time in nanoseconds."""
    value = fields.any(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LARGEST:
        raise InputError(f"{name} is no whole number from 0.")
    return value


def _amount(fields: Fields, name: str) -> float | None:
    value = fields.number(name)
    if value is not None and value < 0:
        raise InputError(f"{name} is below 0.")
    return value


def _optional(fields: Fields, name: str) -> str | None:
    text = fields.optional_text(name)
    return _inside(text) if text else None


def _inside(name: str) -> str:
    """A file's name that leads to a place in the folder, on whichever system it is read."""
    windows = PureWindowsPath(name)
    if (
        not name
        or windows.drive
        or windows.root
        or ".." in windows.parts
        or PurePosixPath(name).is_absolute()
    ):
        raise InputError(f"{name!r:.60} is no file of the batch's folder.")
    return name
