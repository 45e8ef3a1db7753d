# SPDX-License-Identifier: GPL-3.0-or-later
"""An asset library that results are kept in: what it says of itself, and what each asset in it is told.

A job's asset is one file, whose name follows from the job alone: nobody else's file is ever replaced. The
task `write` of a background Blender makes it (scene/asset.py). What a library is set to holds for all
machines and all uses: it stands in the library itself. So do prices, in a table of their own: Blender takes
what stands in an asset along into files that the asset is appended to or packed into.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from ..client import InputError, JsonValue, without_controls
from .files import as_text, cut, safe_name, write_whole
from .finishing import provenance_outside, stripped_of
from .library_catalogues import add_catalogue, catalogue_path
from .library_prices import PRICES_FILE, forget_price, note_price
from .process import SANDBOX
from .record import ASSETS, JobRecord
from .result_picture import HAS_PREVIEW
from .stale import retry_when_stale
from .store import Store

SETTINGS = "maquette-library.toml"
LIBRARY_KEY = "library"  # in a job's `placement`: the folder of the library that its result belongs into
_ASSET = "asset"  # in a job's `result`: the path of the asset that was last written of it
_MOST_BYTES = 64 << 10
_TAG_BYTES = 63  # that Blender has room for
_TEXT_BYTES = 4000
_PARAMETERS_BYTES = 60_000
_PROMPTS = ("prompt", "text", "textPrompt")
# By the kind of the first of these among a job's files, as people look for it.
_KINDS = (("3d", "From Meshes"), ("video", "From Videos"), ("image", "From Images"))


@dataclass(frozen=True, slots=True)
class LibrarySettings:
    """What all assets of a library are told, and whether it keeps the table of what they cost."""

    author: str = ""
    licence: str = ""
    copyright: str = ""
    prices: bool = True


def read_library(folder: Path) -> LibrarySettings:
    """What the library says in its file; of one without, what is usual. Raises InputError or OSError."""
    path = folder / SETTINGS
    try:
        with path.open("rb") as file:
            table: dict[str, object] = tomllib.loads(file.read(_MOST_BYTES).decode("utf-8"))
    except FileNotFoundError:
        return LibrarySettings()
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no TOML file: {error}. Correct it, or remove it.") from error
    known = {each.name: bool if each.name == "prices" else str for each in fields(LibrarySettings)}
    for name, value in table.items():
        if name not in known:
            raise InputError(f"{path}: there is no {name!r:.60}. It knows {', '.join(known)}.")
        if not isinstance(value, known[name]):
            wanted = "true or false" if known[name] is bool else "a text"
            raise InputError(f"{path}: {name} is {wanted}.")
    return LibrarySettings(**cast("dict[str, Any]", table))


def write_library(folder: Path, settings: LibrarySettings) -> None:
    """Makes the folder if need be, and the file in which the library says this. Without prices, the table of
    these goes. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not settings.prices:
        (folder / PRICES_FILE).unlink(missing_ok=True)
    lines = [f"{name} = {_toml(value)}\n" for name, value in asdict(settings).items()]
    write_whole(folder / SETTINGS, "".join(lines).encode())


def _toml(value: object) -> str:
    """JSON writes texts and switches as TOML reads them, once no control character is left."""
    plain = as_text(without_controls(value)) if isinstance(value, str) else value
    return json.dumps(plain, ensure_ascii=False)


def asset_name(name: str, job_id: str) -> str:
    """The name of the file of a job's asset: its own on every file system, whatever the result is called."""
    digest = hashlib.sha256(job_id.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    stem = safe_name(name, fallback="result", max_bytes=120)
    return f"{stem} {digest}.blend"


def asset_path(job: JobRecord, library: Path) -> Path:
    """The file of the job's asset in a library."""
    return library.resolve() / asset_name(job.name, job.id)


def is_asset_of(path: Path, job_id: str) -> bool:
    """Whether a file is called as the asset of that job is."""
    return path.name.endswith(asset_name("", job_id).removeprefix("result"))


def wanted_library(job: JobRecord) -> Path | None:
    """The library that the job's result belongs into."""
    folder = job.placement.get(LIBRARY_KEY)
    return Path(folder) if isinstance(folder, str) and folder else None


def asset_of(job: JobRecord) -> Path | None:
    """The file of the asset that was last written of the job's result, if it is still there."""
    return next(iter(_there([job.result.get(_ASSET)], job.id)), None)


def assets_of(job: JobRecord) -> list[Path]:
    """The files of all assets of the job that are still there, in whichever library."""
    listed = job.placement.get(ASSETS)
    return _there([*(listed if isinstance(listed, list) else ()), job.result.get(_ASSET)], job.id)


def _there(values: Iterable[object], job_id: str) -> list[Path]:
    paths = [Path(value) for value in dict.fromkeys(values) if isinstance(value, str)]
    return [path for path in paths if is_asset_of(path, job_id) and path.is_file()]


def lacks_asset(job: JobRecord) -> bool:
    """Whether the result is yet to be written to the library that it belongs into."""
    return job.has_model and LIBRARY_KEY in job.placement and _ASSET not in job.result


def asset_request(job: JobRecord, library: Path, *, batch: str = "") -> dict[str, JsonValue]:
    """For the task `write`: the asset that its result becomes, in a catalogue that is there from now on.

    `batch` is the name of the batch that it is of. What the job cost joins the library's table, if it keeps
    one. Raises OSError or InputError.
    """
    settings = read_library(library)
    kind = _kind_of(job)
    project = "Sandbox" if job.service == SANDBOX else job.service.partition("#")[2]
    path = catalogue_path(project, kind, batch)
    stripped = stripped_of(job)
    prompt = "" if {"parameters", "source"} & {*stripped} else _prompt_of(job)
    said = prompt or (f"Made from {job.source}" if job.source and "source" not in stripped else "")
    model = "" if "model" in stripped else job.model_name or job.model_id
    tags = ("Maquette", kind, model, project, batch)
    facts = {name: value for name, value in _facts_of(job, prompt).items() if value != ""}
    if settings.prices and job.cost_cu is not None:
        note_price(library, job, _made_at(job))
    return {
        "file": str(asset_path(job, library)),
        "catalogue": add_catalogue(library, path),
        "author": _line(settings.author),
        "licence": _line(settings.licence),
        "copyright": _line(settings.copyright),
        "description": _line(said, _TEXT_BYTES),
        "tags": [tag for each in dict.fromkeys(tags) if (tag := cut(_line(each), _TAG_BYTES))],
        "facts": cast("dict[str, JsonValue]", facts),
        "picture": None,
    }


def _facts_of(job: JobRecord, prompt: str) -> Mapping[str, str | int | float]:
    """How it was made: what *Use Settings* and *Run Again* read in an asset. No price."""
    made = provenance_outside(job)
    parameters = str(made.pop("parameters", ""))
    return {
        **made,
        "model_name": job.model_name if "model" in made else "",
        "prompt": cut(prompt, _TEXT_BYTES),
        "parameters": parameters if len(parameters.encode()) <= _PARAMETERS_BYTES else "",
        "made_at": _made_at(job),
    }


def _made_at(job: JobRecord) -> str:
    """In UTC; "" while it is not made."""
    if job.finished_at is None:
        return ""
    return datetime.fromtimestamp(job.finished_at, UTC).isoformat()[:19] + "Z"


def _kind_of(job: JobRecord) -> str:
    kinds = {file.kind for file in job.input_files}
    return next((title for kind, title in _KINDS if kind in kinds), "From Text")


def _prompt_of(job: JobRecord) -> str:
    values = (job.inputs.get(name) for name in _PROMPTS)
    return next((value for value in values if isinstance(value, str) and value.strip()), "")


def _line(text: str, most_bytes: int = 250) -> str:
    return cut(re.sub(r"\s+", " ", without_controls(text)).strip(), most_bytes)


def note_asset(store: Store, job: JobRecord, path: Path, *, has_preview: bool = False) -> None:
    """Write down where an asset of the job is, beside those in other libraries; one that an earlier name of
    the job has left in this one goes.

    `has_preview` says that its picture is there now as well. Where the result has been made anew meanwhile,
    its asset is yet to be written. Raises StoreError.
    """
    new: dict[str, JsonValue] = {_ASSET: str(path)}
    if has_preview:
        new[HAS_PREVIEW] = True

    def note(now: JobRecord) -> JobRecord:
        before = [each for each in assets_of(now) if each.parent == path.parent and each != path]
        listed = dict.fromkeys(str(each) for each in [*assets_of(now), path] if each not in before)
        is_same = without_asset(now) == without_asset(job)
        result = now.result | new if is_same else now.result
        noted = store.update(now, result=result, placement={**now.placement, ASSETS: [*listed]})
        for each in before:
            each.unlink(missing_ok=True)
        return noted

    retry_when_stale(store, job.id, note)


def without_asset(job: JobRecord) -> dict[str, JsonValue]:
    """What the converter said of the result; its report may come a little later."""
    return {name: value for name, value in job.result.items() if name not in (_ASSET, HAS_PREVIEW, "report")}


def remove_assets(job: JobRecord) -> list[Path]:
    """Delete the files of all assets of the job, with what their libraries tell of its price; those that are
    gone. `assets_of` tells which could not be deleted.
    """
    removed: list[Path] = []
    for path in assets_of(job):
        with suppress(OSError):  # the others go all the same
            path.unlink(missing_ok=True)
            removed.append(path)
            forget_price(path.parent, job.id)
    return removed
