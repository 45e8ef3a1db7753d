# SPDX-License-Identifier: GPL-3.0-or-later
"""What the worker's threads do for one job's result: download, convert. None of it touches the store.

Progress is written into a `TransferProgress`, which the worker's own loop reads.
"""

import itertools
import os
import shutil
import unicodedata
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ..client import Asset, Download, JsonValue, NotFoundError, ServerError, TransferError, content_type
from .blender_pool import BlenderPool, BlenderTask, ChildError
from .files import safe_name, sha256_of
from .record import DeliveredFile, JobRecord, StoredFile
from .service import Service
from .states import DONE

MAX_RESULT_FILES = 200
MAX_RESULT_BYTES = 16 << 30
MAX_ATTEMPTS = 12  # of steps that cost nothing, some ten minutes in all
RESULT = "result.blend"  # in a job's folder
BAD_BYTES = 1 << 20  # that much is kept of a bad file
OWN_FILE = "own.blend"  # what goes onto the artist's own object: see scene/put_back.py
_NO_MODEL = "The service lists no 3D model among the files of the result."
_MEDIA = ("image", "video", "audio")  # so begin kinds and MIME types
_MODELS = ("model/", "application/vnd.autodesk.fbx", "application/zip")
MESH_ATTEMPTS = 5  # for so many, about a minute, a list without a model is one that is not complete


class StoppedError(Exception):
    """The worker is to stop: what was transferred so far is kept and used later."""


class SpoiltFileError(ChildError):
    """A downloaded file is not on the disk as it came: it has to be downloaded again."""


class UnreadableResultError(SpoiltFileError):
    """No file of a result is a model that can be read: perhaps they did not come as they were sent."""


class BadDeliveryError(ServerError):
    """What was delivered is not what the service has: later it may be."""


@dataclass(slots=True)
class TransferProgress:
    """0..1 of a transfer, written by its thread, read by the loop; `is_stopped` aborts it."""

    value: float | None = None
    stored: float | None = None  # what of it the loop has written to the store
    is_stopped: bool = False
    done: dict[str, int] = field(default_factory=dict[str, int])

    def part(self, name: str, total_all: int | None) -> Callable[[int, int | None], None]:
        """The callback for one file out of several that have `total_all` bytes together."""
        self.done[name] = 0

        def report(done: int, total: int | None) -> None:
            if self.is_stopped:
                raise StoppedError
            self.done[name] = done
            whole = total_all or total
            self.value = min(1.0, sum(self.done.values()) / whole) if whole else None

        return report


def download_results(
    api: Service, asset_ids: list[str], folder: Path, progress: TransferProgress, *, attempts: int
) -> list[DeliveredFile]:
    """Download a job's assets into `folder`/result; raises NotFoundError if the service has none of them.

    Where the service calls none of them a 3D model, their bytes say which are.
    Raises BadDeliveryError where files are missing from the list or damaged, or are not as long as listed and
    did not come so before; after MAX_ATTEMPTS what is there has to do, but a damaged model never does.
    """
    is_patient = attempts < MAX_ATTEMPTS
    listed = list(dict.fromkeys(asset_ids))
    wanted = listed[:MAX_RESULT_FILES]
    assets = api.get_assets(wanted)
    if is_patient and len(assets) < len(wanted):
        raise BadDeliveryError(f"The service lists {len(assets)} of {len(wanted)} files of the result.")
    meshes = {asset.id for asset in assets if _is_mesh(asset)}
    unclear = {asset.id for asset in assets if not meshes and _may_be_model(asset)}
    if attempts < MESH_ATTEMPTS and not meshes | unclear:
        raise BadDeliveryError(_NO_MODEL)
    if not assets:
        raise NotFoundError("The service no longer has the result of this job.")
    assets.sort(key=lambda asset: (asset.output_index is None, asset.output_index or 0))
    came, notices = _fetch(api, assets, folder, progress, whole=meshes, is_patient=is_patient)
    if len(listed) > len(wanted):
        text = f"The result has {len(listed)} files. Maquette fetches {MAX_RESULT_FILES} of them for one job."
        notices[assets[0].id] = f"{text} {notices.get(assets[0].id, '')}".strip()
    meshes |= _models_by_bytes({asset_id: came[asset_id].path for asset_id in unclear})
    if attempts < MESH_ATTEMPTS and not meshes:
        raise BadDeliveryError(_NO_MODEL)
    return [_entry(asset, came[asset.id], meshes, notices.get(asset.id)) for asset in assets]


def _fetch(
    api: Service,
    assets: list[Asset],
    folder: Path,
    progress: TransferProgress,
    *,
    whole: set[str],
    is_patient: bool,
) -> tuple[dict[str, Download], dict[str, str]]:
    """What came of each asset, by its id, and what is to be said of some. Those in `whole` must be so."""
    total = sum(asset.size_bytes or 0 for asset in assets)
    if total > MAX_RESULT_BYTES:
        raise TransferError(f"The result has {total >> 20} MB, more than Maquette downloads for one job.")
    (folder / "result").mkdir(parents=True, exist_ok=True)
    came: dict[str, Download] = {}
    notices: dict[str, str] = {}
    doubts: list[str] = []
    taken: set[str] = set()
    left_bytes = MAX_RESULT_BYTES
    for asset in assets:
        name = file_name(asset, taken)
        taken |= _keys(name)
        path = folder / "result" / name
        before = sha256_of(path) if path.is_file() else ""
        got = api.download(asset, path, max_bytes=left_bytes, progress=progress.part(asset.id, total or None))
        left_bytes -= got.size_bytes
        damage = damage_of(path)
        if damage and (is_patient or asset.id in whole):
            set_aside(path)
            raise BadDeliveryError(f"{name} is {damage}. It is downloaded again.")
        came[asset.id] = got
        if doubt := _size_doubt(asset, path, got.size_bytes):
            notices[asset.id] = doubt
            if got.sha256 != before:
                doubts.append(doubt)
    if is_patient and doubts:
        raise BadDeliveryError(f"{doubts[0]} It is downloaded again.")
    return came, notices


def _size_doubt(asset: Asset, path: Path, size_bytes: int) -> str:
    """What to say of a file that has not the size that the service lists, and does not itself prove whole."""
    if not asset.size_bytes or size_bytes == asset.size_bytes or _is_proven_whole(path, size_bytes):
        return ""
    return f"{path.name} came with {size_bytes:,} bytes, and the service lists {asset.size_bytes:,}."


def _is_proven_whole(path: Path, size_bytes: int) -> bool:
    with path.open("rb") as file:
        head = file.read(12)
    if head.startswith((b"glTF\1\0\0\0", b"glTF\2\0\0\0")):
        return int.from_bytes(head[8:12], "little") == size_bytes
    return head.startswith(b"PK\3\4") and zipfile.is_zipfile(path)


def _entry(asset: Asset, came: Download, meshes: set[str], notice: str | None) -> DeliveredFile:
    role = "companion" if asset.id not in meshes else "derived" if asset.parent_id in meshes else "mesh"
    entry: DeliveredFile = {
        "path": f"result/{came.path.name}",
        "role": role,
        "name": asset.file_name or came.path.name,
        "sha256": came.sha256,
        "size": came.size_bytes,
    }
    if notice:
        entry["notice"] = notice
    return entry


def damage_of(path: Path) -> str:
    """How a downloaded file shows by itself that it is not whole, or is none; "" if it does not."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(1024)
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not size:
        return "empty"
    if start.startswith((b"<!doctype html", b"<html")):
        return "a web page and not the file"
    if head.startswith((b"glTF\1\0\0\0", b"glTF\2\0\0\0")) and int.from_bytes(head[8:12], "little") > size:
        return "not whole"
    if head.startswith(b"PXR-USDC") and int.from_bytes(head[16:24], "little") >= size:
        return "not whole"
    if head.startswith(b"PK\3\4") and not zipfile.is_zipfile(path):
        return "not whole"
    return ""


def set_aside(path: Path) -> None:
    """Keep the beginning of a bad file under another name, for whoever looks into it; the last one alone."""
    os.truncate(path, min(path.stat().st_size, BAD_BYTES))
    path.replace(path.with_name(path.name + ".bad"))


def _is_mesh(asset: Asset) -> bool:
    return asset.kind == "3d" and not asset.type.startswith(("3d-texture", "texture"))


def _may_be_model(asset: Asset) -> bool:
    """Whether nothing that the service says of it speaks against a model."""
    is_texture = asset.type.startswith(("3d-texture", "texture"))
    return not (is_texture or asset.kind.startswith(_MEDIA) or asset.mime_type.startswith(_MEDIA))


def _models_by_bytes(files: dict[str, Path]) -> set[str]:
    """Those that are models or archives; where none is, those that are of no type that is known here."""
    types = {asset_id: _type_of(path) for asset_id, path in files.items()}
    models = {asset_id for asset_id, mime in types.items() if mime.startswith(_MODELS)}
    return models or {asset_id for asset_id, mime in types.items() if not mime}


def _type_of(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(8)
    if head.startswith(b"PK\3\4"):
        return "application/zip"
    if head.startswith((b"PXR-USDC", b"#usda")):
        return "model/vnd.usd"
    return content_type(path) or ""


_SUFFIXES = {
    "model/gltf-binary": ".glb",
    "model/glb": ".glb",
    "model/gltf+json": ".gltf",
    "model/obj": ".obj",
    "model/mtl": ".mtl",
    "model/stl": ".stl",
    "model/ply": ".ply",
    "model/spz": ".spz",
    "model/x-3d-vox": ".vox",
    "model/vnd.usdz+zip": ".usdz",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "application/zip": ".zip",
}


def file_name(asset: Asset, taken: set[str]) -> str:
    """A name for the asset's file that is none of `taken` on any file system."""
    name = safe_name(asset.file_name or asset.id)
    suffix = _SUFFIXES.get(asset.mime_type) or (".fbx" if "fbx" in asset.mime_type else "")
    if suffix and "." not in name:
        name += suffix
    numbers = itertools.count(len(taken) // 3)
    free = name
    while not taken.isdisjoint(_keys(free)):
        free = f"{next(numbers)}-{name}"
    return free


def _keys(name: str) -> set[str]:
    """What is the same for all names that are one file on some file system, also beside it while it comes."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return {folded, f"{folded}.part", f"{folded}.bad"}


def convert_result(
    blenders: BlenderPool, job: JobRecord, folder: Path, *, is_report_later: bool = False
) -> tuple[dict[str, JsonValue], BlenderTask | None]:
    """Have a background Blender make `folder`/result.blend of the downloaded files; returns its answer.

    With `is_report_later` also the task, where it goes on: its next answer has the report. Raises ChildError
    with the converter's own words, or if the child crashed or took too long; SpoiltFileError if the files
    have to be downloaded again.
    """
    remove_leftovers(folder)
    notices: list[JsonValue] = [notice for entry in job.files if (notice := entry.get("notice"))]
    source = _own_source(job, folder)
    request: dict[str, JsonValue] = {
        "sources": _sources(job, folder),
        "name": job.name,
        "target": str((folder / RESULT).resolve()),
        "frame": job.placement.get("frame", 1),
        "is_report_later": is_report_later and source is None,
    }
    try:
        task = blenders.begin("convert", request, folder, "reading the result")
        answer = task.wait()
        if notices:
            answer["messages"] = [*notices, *_list(answer.get("messages"))]
        if answer.get("objects") and source:
            made = _put_back(blenders, job, source, folder)
            told = [*_list(answer.get("messages")), *_list(made.pop("messages"))]
            answer |= {**made, "messages": told}
        return answer, task if task.to_be_continued else None
    except ChildError as error:
        if error.is_unreadable:
            raise UnreadableResultError(str(error)) from error
        raise
    finally:
        remove_leftovers(folder)


def _sources(job: JobRecord, folder: Path) -> list[JsonValue]:
    """The files that the result is made of. Raises SpoiltFileError if one is not as it came."""
    sources: list[JsonValue] = []
    for entry in job.files:
        if entry["role"] != "derived":
            path = (folder / entry["path"]).resolve()
            if not path.is_file() or sha256_of(path) != entry["sha256"]:  # a power cut may have taken its end
                raise SpoiltFileError(f"{path.name} was spoilt on the disk.")
            sources.append({"path": str(path), "role": entry["role"], "name": entry["name"]})
    return sources


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _own_source(job: JobRecord, folder: Path) -> StoredFile | None:
    """The .blend of the artist's object that what came goes back to."""
    own = job.placement.get("own")
    if not isinstance(own, dict) or not own.get("result"):
        return None
    return next((file for file in job.input_files if file.objects and (folder / file.source).is_file()), None)


def _put_back(
    blenders: BlenderPool, job: JobRecord, source: StoredFile, folder: Path
) -> dict[str, JsonValue]:
    """Have it fitted to that object, and `folder`/own.blend made of it; the result itself is there anyway."""
    own = job.placement["own"]
    request: dict[str, JsonValue] = {"own": own, "objects": list(source.objects)}
    request |= {"source": str((folder / source.source).resolve()), "frame": job.placement.get("frame", 1)}
    request |= {"result": str((folder / RESULT).resolve())}
    request |= {"target": str((folder / OWN_FILE).resolve())}
    try:
        made = blenders.run("put_back", request, folder, "fitting the result to the object")
    except ChildError as error:
        return {"put_back": {}, "messages": [f"It could not be fitted to the object that was sent: {error}"]}
    told = made.pop("messages", [])
    return {"put_back": made, "messages": told}


def is_result_gone(job: JobRecord, folder: Path) -> bool:
    """Whether a finished job's result is no longer in its folder: it has to be downloaded again."""
    return job.state in DONE and job.remote_id is not None and not is_result_there(job, folder)


def is_result_there(job: JobRecord, folder: Path) -> bool:
    """Whether what a job's result was made to be is in its folder, whatever the job's state is now."""
    if job.result.get("kept"):  # what Blender does not read is handed on as it came
        return all((folder / entry["path"]).exists() for entry in job.files)
    return is_whole(folder / RESULT)


def is_whole(path: Path) -> bool:
    """Whether the file is there, and is not empty as after a power cut."""
    return path.is_file() and path.stat().st_size > 0


def remove_leftovers(folder: Path) -> None:
    """What a child that was killed, or crashed and was replaced, has left in the job's folder."""
    patterns = (".converting-*", ".finishing-*", ".result.blend.*.part")
    for left in [path for pattern in patterns for path in folder.glob(pattern)]:
        shutil.rmtree(left) if left.is_dir() else left.unlink()
