# SPDX-License-Identifier: GPL-3.0-or-later
"""A job's input files: kept in its folder when it is written down, made ready and uploaded by the worker.

A file among the inputs of a job is a `StoredFile`: neither a model's table nor a person's values can be one.
"""

import shutil
from collections.abc import Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait  # in the worker's process alone
from dataclasses import replace
from pathlib import Path
from typing import cast

from ..client import (
    UPRIGHT,
    JsonValue,
    colour_profile,
    content_type,
    damage_of_picture,
    has_reserved_name,
    orientation_of,
    with_profile,
)
from .blender_pool import BlenderPool
from .database import StoreError
from .files import replacing, safe_name, sha256_of
from .record import InputFile, InputValue, JobRecord, StoredFile, StoredValue, mapped
from .service import Service
from .transfers import TransferProgress

_UPLOADS = 3  # of one job at a time
QUICK_BYTES = 1 << 20  # copied in about a millisecond


class InputFileError(StoreError):
    """An input cannot be used; nothing was sent. The text says what to do."""


def keep_files(
    inputs: Mapping[str, InputValue], folder: Path, *, is_quick: bool
) -> tuple[dict[str, StoredValue], list[StoredFile]]:
    """The inputs as a record has them, their files in `folder`/input; and those. Raises InputFileError.

    If `is_quick`, copying large ones is left to the worker.
    """
    if has_reserved_name(inputs):
        raise InputFileError("A name in an input begins with $. Choose another name.")
    files: list[StoredFile] = []

    def stored(value: InputValue) -> InputValue:
        if not isinstance(value, InputFile):
            return value
        try:
            files.append(_keep_file(value, folder, len(files), is_quick))
        except (OSError, ValueError) as error:  # ValueError: what is no path at all
            shown = str(value.path).replace("\0", "?")
            raise InputFileError(f"{shown} cannot be read: {_reason(error)}.") from error
        return cast("InputValue", files[-1])

    return cast("dict[str, StoredValue]", mapped(inputs, stored)), files


def _reason(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)


def _keep_file(file: InputFile, folder: Path, number: int, is_quick: bool) -> StoredFile:
    path, stat = file.path, file.path.stat()
    name = f"input/{number}/{safe_name(path.name)}"
    (folder / name).parent.mkdir()
    stored = StoredFile(name, path.name, file.kind)
    if file.kind == "3d" and path.suffix.lower() == ".blend":
        glb = f"{name[: -len('.blend')]}.glb"
        stored = StoredFile(glb, f"{path.stem}.glb", file.kind, source=name, objects=file.objects)
    if file.is_temporary:
        shutil.move(path, folder / name)
    elif is_quick and stat.st_size > QUICK_BYTES and not stored.source:
        source = str(path.absolute())
        stored = replace(stored, source=source, size=stat.st_size, mtime_ns=stat.st_mtime_ns)
    else:
        shutil.copyfile(path, folder / name)
    return stored


def path_in(folder: Path, name: str) -> Path:
    """The file of that name in the job's folder. Raises InputFileError where it would be outside."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InputFileError(f"{Path(name).name} is not in the folder of its job. Add a new job.")
    return path


def is_prepared(job: JobRecord, folder: Path) -> bool:
    """Whether the job's input files are there, and known by their content."""
    return all(file.sha256 and (folder / file.path).exists() for file in job.input_files)


def is_for_blender(job: JobRecord, folder: Path) -> bool:
    """Whether one of the job's input files is yet to be made, or turned, by a background Blender."""
    return any(_is_for_blender(file, folder / file.path) for file in job.input_files)


def _is_for_blender(file: StoredFile, target: Path) -> bool:
    if file.source and not file.is_copy:
        return not target.exists()
    try:
        return file.kind == "image" and orientation_of(target if target.exists() else Path(file.source)) > 1
    except OSError:  # told when it is prepared
        return False


def prepare_files(blenders: BlenderPool, job: JobRecord, folder: Path) -> list[StoredFile]:
    """Make what is missing of the job's input files, each whole or not at all, and read each once.

    Pictures are turned upright. Returns the files with their SHA-256. Takes long with large files. Raises
    InputFileError, or ChildError if the background Blender cannot make one.
    """
    return [_prepare_file(blenders, file, folder, job.placement) for file in job.input_files]


def _prepare_file(
    blenders: BlenderPool, file: StoredFile, folder: Path, placement: Mapping[str, JsonValue]
) -> StoredFile:
    target = path_in(folder, file.path)
    try:
        if target.exists():
            if file.sha256:
                return file
        else:
            with replacing(target) as part:
                _make(blenders, file, folder, part, placement)
        if file.kind == "image":
            _make_upright(blenders, target, file.name)
        return replace(file, sha256=sha256_of(target))
    except OSError as error:
        raise InputFileError(f"{file.name} cannot be read: {_reason(error)}.") from error


def _make(
    blenders: BlenderPool, file: StoredFile, folder: Path, part: Path, placement: Mapping[str, JsonValue]
) -> None:
    """The file's bytes: a copy of the original, or a mesh out of a .blend."""
    if file.is_copy:
        _copy(file, part)
    elif file.source:
        request: dict[str, JsonValue] = {
            "source": str(path_in(folder, file.source).resolve()),
            "target": str(part.resolve()),
            "objects": list(file.objects),
        }
        request |= {name: placement[name] for name in ("own", "frame") if name in placement}
        blenders.run("send", request, folder, "preparing the mesh")


def _make_upright(blenders: BlenderPool, picture: Path, name: str) -> None:
    """A picture that lies as its camera lay is turned: whether a service would do that, nobody knows.

    Raises InputFileError where it is not whole.
    """
    if damage := damage_of_picture(picture):
        raise InputFileError(f"{name} {damage}. Get it anew. Nothing was paid.")
    orientation = orientation_of(picture)
    if orientation == UPRIGHT:
        return
    is_jpeg = content_type(picture) == "image/jpeg"
    profile = colour_profile(picture)
    with replacing(picture) as part:
        request: dict[str, JsonValue] = {
            "source": str(picture.resolve()),
            "target": str(part.resolve()),
            "orientation": orientation,
            "is_jpeg": is_jpeg,
        }
        blenders.run("turn", request, picture.parent, "turning a picture upright")
        if is_jpeg and profile:  # Blender writes none, and without it the colours would be others
            part.write_bytes(with_profile(part.read_bytes(), profile))


def _copy(file: StoredFile, part: Path) -> None:
    source = Path(file.source)
    shutil.copyfile(source, part)
    stat = source.stat()
    if (stat.st_size, stat.st_mtime_ns) != (file.size, file.mtime_ns):
        raise InputFileError(f"{source.name} was changed before it was sent. Add a new job with it.")


def upload_inputs(
    api: Service, job: JobRecord, folder: Path, known: dict[tuple[str, str], str], progress: TransferProgress
) -> dict[str, JsonValue]:
    """Upload the job's files that are not `known` by (SHA-256, kind) yet, some at a time, and add them there,
    also where another's upload fails and its error is raised. Returns the request's body.
    """
    wanted = {(file.sha256, file.kind): file for file in job.input_files}
    paths = {key: path_in(folder, file.path) for key, file in wanted.items() if key not in known}
    total = sum(path.stat().st_size for path in paths.values() if path.exists())
    parts = {key: progress.part(wanted[key].path, total) for key in paths}

    def upload(key: tuple[str, str]) -> None:
        file = wanted[key]
        known[key] = api.upload(paths[key], kind=file.kind, name=file.name, progress=parts[key])

    with ThreadPoolExecutor(_UPLOADS, "upload") as pool:
        uploads = [pool.submit(upload, key) for key in paths]
        done, _ = wait(uploads, return_when=FIRST_EXCEPTION)
        pool.shutdown(cancel_futures=True)  # those that have begun come to their end
    for one in done:
        one.result()

    def sent(value: StoredValue) -> StoredValue:
        return known[value.sha256, value.kind] if isinstance(value, StoredFile) else value

    return cast("dict[str, JsonValue]", mapped(job.inputs, sent))
