# SPDX-License-Identifier: GPL-3.0-or-later
"""Lays the delivered files out in a folder of their own under the names by which they refer to each other.

The originals are linked or copied, never changed; archives unpack within limits; no name leaves the folder.
"""

import os
import re
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .formats import SUFFIX, Format, Unreadable, Unsupported, detect

MAX_ENTRIES = 2000
MAX_UNPACKED_BYTES = 4 << 30
MAX_RATIO = 200  # text meshes compress to about a tenth, nothing honest to a two-hundredth
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Model:
    """One file to import: where it is staged, what it is, and the name it was delivered under."""

    path: Path
    format: Format
    name: str


def safe_name(name: str) -> str:
    """The last part of a delivered name, without what a file system or a path could misread."""
    last = re.split(r"[\\/]", name)[-1]
    cleaned = re.sub(r'[\x00-\x1f<>:"|?*\x7f]', "_", last).strip(" .")[:150]
    return cleaned or "file"


def safe_path(folder: Path, name: str) -> Path:
    """Where a companion goes: its inner folders count, as the model refers to it by them."""
    parts = [part for part in re.split(r"[\\/]", name) if part.strip(" .")]
    return folder.joinpath(*(safe_name(part) for part in parts[-8:] or ["file"]))


@dataclass(frozen=True)
class Source:
    """One delivered file; a companion (texture, material file, buffer) is only laid beside the models."""

    path: Path
    name: str
    is_companion: bool = False


def stage(sources: list[Source], folder: Path) -> tuple[list[Model], list[tuple[str, str]]]:
    """Stages every source; returns the models found and `(name, why)` of each that cannot be one.

    Raises Unreadable with the first reason if files are broken and no model is left.
    """
    models: list[Model] = []
    refused: list[tuple[str, str]] = []
    broken: list[tuple[str, str]] = []
    for source in sorted(sources, key=lambda each: not each.is_companion):  # companions keep their names
        name = safe_name(source.name)
        try:
            if source.is_companion:
                target = safe_path(folder, source.name)
                target.parent.mkdir(parents=True, exist_ok=True)
                _link(source.path, _vacant(target.parent, target.name))
            else:
                models += _stage_one(source.path, name, folder)
        except Unsupported as why:
            refused.append((name, str(why)))
        except Unreadable as why:
            broken.append((name, str(why)))
    if broken and not models:
        raise Unreadable(broken[0][1])
    return models, refused + broken


def _stage_one(path: Path, name: str, folder: Path) -> list[Model]:
    found = detect(path, name)
    if found == Format.ZIP:
        return _unpack(path, name, folder)
    target = _vacant(folder, name)
    suffix = SUFFIX.get(found)
    if suffix and target.suffix.lower() != suffix:
        target = _vacant(folder, target.stem + suffix)  # Blender's USD goes by it, so it must tell the truth
    _link(path, target)
    return [Model(target, found, name)] if suffix else []


def _link(path: Path, target: Path) -> None:
    try:
        os.link(path, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(path, target)


def _vacant(folder: Path, name: str) -> Path:
    stem, suffix = os.path.splitext(name)
    number = 1
    while (folder / name).exists():
        number += 1
        name = f"{stem}-{number}{suffix}"
    return folder / name


def _unpack(path: Path, name: str, folder: Path) -> list[Model]:
    """Unpacks into a subfolder, keeping inner folders, and stages the models; archives inside stay packed."""
    inside = _vacant(folder, Path(name).stem + "-files")
    budget = min(MAX_UNPACKED_BYTES, (1 << 20) + path.stat().st_size * MAX_RATIO)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) > MAX_ENTRIES:
                raise Unreadable(
                    f"{name} holds {len(entries)} files; {MAX_ENTRIES} is the most that is unpacked."
                )
            for entry in entries:
                budget = _extract(archive, entry, inside, budget, name)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, OSError) as error:
        raise Unreadable(f"{name} could not be unpacked ({error}). Download it again.") from error
    models: list[Model] = []
    reason: Exception | None = None
    for file in sorted(inside.rglob("*")) if inside.exists() else []:
        try:
            found = detect(file, file.name) if file.is_file() else None
        except (Unreadable, Unsupported) as why:
            reason = reason or why  # a text or licence file is no fault of the archive
            continue
        if found in SUFFIX:
            models.append(Model(file, found, file.name))
    if not models:
        raise reason or Unsupported(f"{name} holds no model; it is kept as a file.")
    return models


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, inside: Path, budget: int, name: str) -> int:
    """Writes one entry and returns what is left of the budget; counts real bytes, not those declared."""
    parts = PurePosixPath(entry.filename.replace("\\", "/")).parts
    if not parts or ".." in parts or parts[0].startswith("/") or re.match(r"[A-Za-z]:", parts[0]):
        raise Unreadable(
            f"{name} wants to write outside its folder ({entry.filename[:80]!r}); it is not unpacked."
        )
    target = inside.joinpath(*(safe_name(part) for part in parts))
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(entry) as source, target.open("wb") as out:
        while chunk := source.read(CHUNK_BYTES):
            budget -= len(chunk)
            if budget < 0:
                raise Unreadable(f"{name} unpacks to far more than its size allows; it is not unpacked.")
            out.write(chunk)
    return budget
