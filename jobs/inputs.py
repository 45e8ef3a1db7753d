# SPDX-License-Identifier: GPL-3.0-or-later
"""A job's input files: kept in its folder when it is written down, made ready and uploaded by the worker.

In the job's inputs a file is {"file", "name", "kind"}. Where `file` has yet to be made there is `source` too:
a .blend in the folder, to be sent as a GLB, or a large file elsewhere with the `size` and `mtime_ns` it had.
"""

import itertools
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from ..client import JsonValue, Scenario
from .children import Blenders
from .database import StoreError
from .files import safe_name, sha256_of
from .record import InputFile, InputValue, JobRecord, NewJob, is_kept, leaves, mapped
from .transfers import Progress

QUICK_BYTES = 1 << 20  # copied in about a millisecond


class InputFileError(StoreError):
    """An input cannot be used; nothing was sent. The text says what to do."""


def keep_files(inputs: Mapping[str, InputValue], folder: Path, *, is_quick: bool) -> dict[str, JsonValue]:
    """The inputs as a row has them, their files in `folder`/input. Raises InputFileError.

    If `is_quick`, copying large ones is left to the worker.
    """
    numbers = itertools.count()

    def kept(value: InputValue) -> InputValue:
        if not isinstance(value, InputFile):
            return value
        try:
            return cast("InputValue", _keep_file(value, folder, next(numbers), is_quick))
        except (OSError, ValueError) as error:  # ValueError: what is no path at all
            shown = str(value.path).replace("\0", "?")
            raise InputFileError(f"{shown} cannot be read: {_reason(error)}.") from error

    return cast("dict[str, JsonValue]", mapped(inputs, kept))


def _reason(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)


def _keep_file(file: InputFile, folder: Path, number: int, is_quick: bool) -> dict[str, JsonValue]:
    path, stat = file.path, file.path.stat()
    name = f"input/{number}/{safe_name(path.name)}"
    (folder / name).parent.mkdir()
    entry: dict[str, JsonValue] = {"file": name, "name": path.name, "kind": file.kind}
    if file.kind == "3d" and path.suffix.lower() == ".blend":
        entry |= {"file": f"{name[: -len('.blend')]}.glb", "name": f"{path.stem}.glb"}
        entry |= {"source": name, "objects": list(file.objects)}
    if file.is_temporary:
        shutil.move(path, folder / name)
    elif is_quick and stat.st_size > QUICK_BYTES and "source" not in entry:
        entry |= {"source": str(path.absolute()), "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}
    else:
        shutil.copyfile(path, folder / name)
    return entry


def files_of(job: JobRecord) -> list[dict[str, JsonValue]]:
    """The files among the job's inputs, however deep."""
    return [leaf for leaf in leaves(job.inputs) if is_kept(leaf)]


def is_prepared(job: JobRecord, folder: Path) -> bool:
    return all((folder / str(entry["file"])).exists() for entry in files_of(job))


def again(job: JobRecord, folder: Path) -> NewJob:
    """Another job like this one, not written down yet. Raises InputFileError."""
    if not is_prepared(job, folder):
        raise InputFileError(f"The files of {job.name} are not there. Use its settings to make it anew.")

    def given(leaf: InputValue) -> InputValue:
        if not is_kept(leaf):
            return leaf
        return InputFile(folder / str(leaf["file"]), str(leaf["kind"]))

    return NewJob(
        name=job.name,
        model_id=job.model_id,
        model_name=job.model_name,
        inputs=mapped(cast("dict[str, InputValue]", job.inputs), given),
        service=job.service,
        estimate_cu=job.estimate_cu if job.cost_cu is None else job.cost_cu,
        source=job.source,
        placement=job.placement,
    )


def prepare_files(blenders: Blenders, job: JobRecord, folder: Path) -> None:
    """Make what is missing of the job's input files, each whole or not at all.

    Raises InputFileError, or ChildError if the background Blender cannot make a GLB.
    """
    for entry in files_of(job):
        target, source = folder / str(entry["file"]), folder / str(entry.get("source", ""))
        if target.exists():
            continue
        part = target.with_name(f"part-{target.name}")
        try:
            if "mtime_ns" in entry:
                shutil.copyfile(source, part)
                stat = source.stat()
                if (stat.st_size, stat.st_mtime_ns) != (entry["size"], entry["mtime_ns"]):
                    raise InputFileError(f"{source.name} was changed before it was sent. Generate it anew.")
            else:
                wish: dict[str, JsonValue] = {"source": str(source.resolve()), "target": str(part.resolve())}
                wish["objects"] = entry["objects"]
                blenders.run("send", wish, folder, "preparing the mesh")
            os.replace(part, target)
        except OSError as error:
            raise InputFileError(f"{entry['name']} cannot be read: {_reason(error)}.") from error
        finally:
            part.unlink(missing_ok=True)


def file_keys(job: JobRecord, folder: Path) -> list[tuple[str, str]]:
    """(SHA-256, kind) of each file among the job's inputs."""
    return [(sha256_of(folder / str(entry["file"])), str(entry["kind"])) for entry in files_of(job)]


def upload_inputs(
    api: Scenario, job: JobRecord, folder: Path, known: Mapping[tuple[str, str], str], progress: Progress
) -> tuple[dict[str, JsonValue], dict[tuple[str, str], str]]:
    """Upload the job's files that are not `known` by (SHA-256, kind) yet.

    Returns the request's body and what was uploaded, by the same key, to be known from now on.
    """
    made: dict[tuple[str, str], str] = {}

    def sent(value: JsonValue) -> JsonValue:
        if not is_kept(value):
            return value
        path, kind = folder / str(value["file"]), str(value["kind"])
        key = (sha256_of(path), kind)
        asset_id = made.get(key) or known.get(key)
        if asset_id is None:
            asset_id = api.upload(
                path, kind=kind, name=str(value["name"]), progress=progress.part(str(value["file"]), None)
            )
            made[key] = asset_id
        return asset_id

    return mapped(job.inputs, sent), made
