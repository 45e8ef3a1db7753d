# SPDX-License-Identifier: GPL-3.0-or-later
"""Exporting the results of jobs that are made, for another program: a format, textures, axes and unit."""

import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..client import JsonValue
from ..jobs import DONE, BlenderPool, JobRecord, Store, provenance_outside, read_size, safe_name
from ..scene import EXPORT_FORMATS, TARGETS, can_export
from .errors import EXPECTED, MaquetteError, code_of, error_text, refuse_in_window
from .place import Source, source_of
from .results import BatchRow, Result
from .session import Session, blender_binary

Textures = Literal["inside", "beside"]
# Each format's endings, by where the textures are; the usual one first.
FORMATS: dict[str, dict[str, str]] = {
    "glb": {"inside": ".glb", "beside": ".gltf"},
    "fbx": {"inside": ".fbx", "beside": ".fbx"},
    "obj": {"beside": ".obj"},
    "usd": {"inside": ".usdz", "beside": ".usdc"},
    "stl": {"none": ".stl"},
}
_NO_3MF = "No Blender from 4.2 to 5.2 writes 3MF. Slicers read STL, too: --format stl --target slicer."


@dataclass(frozen=True, slots=True)
class ExportForm:
    """A file's ending, where its textures are ("none": it has none), and for which program ("": any)."""

    ending: str
    textures: str
    target: str


def read_form(file: Path | None, wanted: str | None, textures: str | None, target: str | None) -> ExportForm:
    """The `wanted` format, of a `file` by its ending too. Raises MaquetteError where that cannot be."""
    if wanted == "3mf" or (file and file.suffix.lower() == ".3mf"):
        raise MaquetteError(_NO_3MF)
    ending = file.suffix.lower() if file else ""
    if ending and ending not in EXPORT_FORMATS:
        raise MaquetteError(f"{file}: an export's name ends in {' or '.join(EXPORT_FORMATS)}.")
    ending = ".usdc" if ending == ".usd" else ending  # what Blender writes under that name, too
    usual = TARGETS[target].endings[0] if target else ".glb"
    name = wanted or _format_of(ending or usual)
    places = FORMATS[name]
    at_hand = [place for place in places if not ending or places[place] == ending]
    if not at_hand:
        raise MaquetteError(f"{file} is no {name}: its name would end in {_either(places.values())}.")
    place = textures or at_hand[0]
    if place not in places:
        why = "has no textures" if "none" in places else f"cannot have its textures {place}"
        raise MaquetteError(f"{name} {why}. Leave --textures out, or choose another format.")
    if place not in at_hand:
        raise MaquetteError(f"{file}: with its textures {place} its name ends in {places[place]}.")
    found = places[place]
    if target and found not in TARGETS[target].endings:
        takes = dict.fromkeys(_format_of(each) for each in TARGETS[target].endings)
        raise MaquetteError(f"For {target}, export {_either(takes)}, not {name}.")
    if not can_export(found):
        raise MaquetteError("This Blender was built without USD. Choose another format.")
    return ExportForm(found, place, target or "")


def export_jobs(
    session: Session,
    jobs: Sequence[JobRecord],
    output: Path,
    form: ExportForm,
    *,
    size_m: float | Literal["as the job"] | None,
) -> list[Path]:
    """Writes the untouched result of each job in a background Blender; the files, in the jobs' order.

    `output` is a file, or of several jobs the folder for one file each, named after its job. `size_m` is the
    longest side in metres, None as delivered. Raises MaquetteError before anything is written, ChildError.
    """
    for job in jobs:
        _check_made(session.store, job)
    is_file = output.suffix.lower() in EXPORT_FORMATS and not output.is_dir()
    if is_file and len(jobs) > 1:
        raise MaquetteError(f"{output} is one file and there are {len(jobs)} jobs. Give a folder.")
    paths = [output] if is_file else _paths_in(output, jobs, form.ending)
    for job, path in zip(jobs, paths, strict=True):
        result = session.store.result_blend(job)
        source = Source(result, job.name, job.size_m, provenance_outside(job))
        request = _request(source, path, form, job.size_m if size_m == "as the job" else size_m)
        session.blenders.run("export_as", request, result.parent, f"exporting {job.name}")
    return paths


def export(
    what: Result | BatchRow | str | os.PathLike[str],
    file: str | os.PathLike[str],
    *,
    textures: Textures | None = None,
    target: str | None = None,
    size: float | Literal["original"] | None = None,
) -> Path:
    """Writes a result as a file for another program, as `maquette export` does, and returns its path.

    `what` and `size` are as those of `place`. The ending of `file` says the format; `textures` are "inside"
    or "beside", `target` is unity, unreal, godot, three or slicer: docs/export.md. It works in a background
    Blender, and leaves the open file alone.

    Raises MaquetteError, with a window always: there, Export… in a job's details has Blender's own exporters.

        export(generate("chair.jpg", size=0.9), "chair.fbx", target="unity")
    """
    refuse_in_window("export", "There, Export… in a job's details opens Blender's own exporter.")
    source = source_of(what)
    path = Path(file).expanduser().resolve()
    if target is not None and target not in TARGETS:
        raise MaquetteError(f"There is no target {target}. It is one of {', '.join(TARGETS)}.")
    form = read_form(path, None, textures, target)
    try:
        size_m = source.size_m if size is None else read_size(size)
        blenders = BlenderPool(blender_binary())
        try:
            with tempfile.TemporaryDirectory() as folder:
                request = _request(source, path, form, size_m)
                blenders.run("export_as", request, Path(folder), f"exporting {source.name}")
        finally:
            blenders.end()
    except EXPECTED as error:
        raise MaquetteError(error_text(error), code_of(error)) from error
    return path


def _request(source: Source, path: Path, form: ExportForm, size_m: float | None) -> dict[str, JsonValue]:
    """For the task `export_as` (scene/export_as.py)."""
    return {
        "result": str(source.blend.resolve()),
        "output": str(path),
        "name": path.stem,
        "size_m": size_m,
        "provenance": dict(source.provenance),
        "has_textures_beside": form.textures == "beside",
        "target": form.target,
    }


def _check_made(store: Store, job: JobRecord) -> None:
    if job.state not in DONE:
        raise MaquetteError(f"{job.name} ({job.id}) is {job.state}: there is nothing to export yet.")
    if job.result.get("kept") and not job.has_model:
        folder = store.job_folder(job.id) / "result"
        raise MaquetteError(f"{job.name} ({job.id}) is no model that Blender can read. It is in {folder}.")
    if not store.result_blend(job).is_file():
        advice = f"`maquette resume {job.id}` fetches them for nothing."
        raise MaquetteError(f"{job.name} ({job.id}): its files are gone. {advice}")


def _paths_in(folder: Path, jobs: Sequence[JobRecord], ending: str) -> list[Path]:
    """A name for each that no other has on any file system."""
    paths: list[Path] = []
    taken: set[str] = set()
    for job in jobs:
        stem = name = safe_name(job.name, fallback="model").removesuffix(ending)
        number = 1
        while name.casefold() in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name.casefold())
        paths.append(folder / f"{name}{ending}")
    return paths


def _format_of(ending: str) -> str:
    return next(name for name, places in FORMATS.items() if ending in places.values())


def _either(names: Iterable[str]) -> str:
    return " or ".join(dict.fromkeys(names))
