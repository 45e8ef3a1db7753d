# SPDX-License-Identifier: GPL-3.0-or-later
"""A job's input files: kept in its folder when it is written down, made ready and uploaded by the worker.

In the job's inputs a file is {"file", "name", "kind"}. Where `file` has yet to be made there is `source` too:
a .blend in the folder, to be sent as a GLB, or a large file elsewhere with the `size` and `mtime_ns` it had.
"""

import itertools
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

from ..client import JsonValue, Scenario
from .children import run_blender
from .files import safe_name, sha256_of
from .record import InputFile, InputValue, JobRecord
from .transfers import Progress

QUICK_BYTES = 1 << 20  # copied in about a millisecond


class InputFileError(Exception):
    """An input cannot be used; nothing was sent. The text says what to do."""


def keep_files(inputs: Mapping[str, InputValue], folder: Path, *, is_quick: bool) -> dict[str, JsonValue]:
    """The inputs as a row has them, their files in `folder`/input. Raises OSError.

    If `is_quick`, copying large ones is left to the worker.
    """
    numbers = itertools.count()

    def kept(value: InputValue) -> JsonValue:
        if isinstance(value, list):
            return [kept(cast("InputValue", item)) for item in value]
        return _keep_file(value, folder, next(numbers), is_quick) if isinstance(value, InputFile) else value

    return {name: kept(value) for name, value in inputs.items()}


def _keep_file(file: InputFile, folder: Path, number: int, is_quick: bool) -> dict[str, JsonValue]:
    path, stat = file.path, file.path.stat()
    name = f"input/{number}-{safe_name(path.name)}"
    entry: dict[str, JsonValue] = {"file": name, "name": path.name, "kind": file.kind}
    if file.kind == "3d" and path.suffix.lower() == ".blend":
        entry |= {
            "file": f"{name}.glb",
            "name": f"{path.stem}.glb",
            "source": name,
            "objects": list(file.objects),
        }
    if file.is_temporary:
        shutil.move(path, folder / name)
    elif is_quick and stat.st_size > QUICK_BYTES and "source" not in entry:
        entry |= {"source": str(path.absolute()), "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}
    else:
        shutil.copyfile(path, folder / name)
    return entry


def files_of(job: JobRecord) -> Iterator[dict[str, JsonValue]]:
    """The files among the job's inputs, also in lists."""
    for value in job.inputs.values():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict) and "file" in item:
                yield item


def is_prepared(job: JobRecord, folder: Path) -> bool:
    return all((folder / str(entry["file"])).exists() for entry in files_of(job))


def prepare_files(blender: str, script: Path, job: JobRecord, folder: Path) -> None:
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
                run_blender(blender, script, wish, folder, "preparing the mesh")
            os.replace(part, target)
        except OSError as error:
            raise InputFileError(f"{entry['name']} cannot be read: {error.strerror or error}.") from error
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
        if isinstance(value, list):
            return [sent(item) for item in value]
        if not isinstance(value, dict) or "file" not in value:
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

    return {name: sent(value) for name, value in job.inputs.items()}, made
