# SPDX-License-Identifier: GPL-3.0-or-later
"""Assets and uploads: what came in and what jobs made, as files with records; no name is believed."""

import base64
import binascii
import os
import re
import shutil
from pathlib import Path
from typing import Any

from .cdn import Signer
from .state import Record, State, iso, new_id, public
from .web import ApiError

MAX_UPLOAD_BYTES = 5 << 40
MAX_PARTS = 10_000
STAGE_S = 0.15  # how long an upload stays in each state
STAGES = ("pending", "validating", "validated", "imported")
KINDS = ("3d", "image", "video", "audio", "text", "asset", "avatar", "model")
# Magic numbers of what is accepted, with the suffix that Blender goes by and the MIME type.
PICTURES = (
    (rb"\x89PNG\r\n", "png", "image/png"),
    (rb"\xff\xd8\xff", "jpg", "image/jpeg"),
    (rb"RIFF....WEBP", "webp", "image/webp"),
    (rb"GIF8[79]a", "gif", "image/gif"),
    (rb"II\*\0|MM\0\*", "tif", "image/tiff"),
    (rb"BM.{4}\0\0\0\0", "bmp", "image/bmp"),
    (rb"....ftyp(avif|heic|heix|mif1)", "avif", "image/avif"),
)
MESHES = (
    (rb"glTF", "glb", "model/gltf-binary"),
    (rb"Kaydara FBX|; FBX", "fbx", "model/x-fbx"),
    (rb"ply\r?\n", "ply", "model/ply"),
    (rb"VOX ", "vox", "model/x-3d-vox"),
    (rb"\s*\{", "gltf", "model/gltf+json"),
    (rb"solid\b|(?s:.{80}....)", "stl", "model/stl"),
)


def recognise(head: bytes, kind: str, name: str) -> tuple[str, str] | None:
    """Return (suffix, MIME type) of content by its first bytes, or None if it is not of this kind."""
    if kind == "3d" and Path(name).suffix.lower() == ".obj":
        return (
            ("obj", "model/obj") if b"\0" not in head and re.search(rb"(?m)^(v|#|o|mtllib) ?", head) else None
        )
    if kind == "video":
        is_video = re.match(rb"(?s)....ftyp|\x1aE\xdf\xa3", head)
        return ("mp4", "video/mp4") if is_video else None
    table = PICTURES if kind == "image" else MESHES if kind == "3d" else ()
    for pattern, suffix, mime in table:
        if re.match(b"(?s:" + pattern + b")", head):
            return suffix, mime
    return None if table else ("bin", "application/octet-stream")


class Assets:
    """Creates assets and shows them as the service does, with freshly signed URLs."""

    def __init__(self, state: State, signer: Signer, project_id: str) -> None:
        self.state = state
        self.signer = signer
        self.project_id = project_id

    def get(self, asset_id: object) -> Record | None:
        return self.state.get("asset", str(asset_id))

    def path(self, asset_id: str) -> str:
        asset = self.get(asset_id)
        assert asset is not None, "checked with the inputs"
        return str(self.state.files / str(asset["_file"]))

    def add(
        self, source: Path, kind: str, mime: str, metadata: Record, properties: Record, **more: Any
    ) -> Record:
        """Take a file over (it is moved) and return the asset's record.

        `more` may hold `thumbnail`, a picture to copy, `original` (file, MIME type) and fields of the record.
        """
        asset_id = new_id("asset")
        record: Record = {
            "id": asset_id,
            "ownerId": self.project_id,
            "authorId": "sandbox",
            "status": "success",
        }
        record |= {"kind": kind, "mimeType": mime, "privacy": "private", "tags": [], "collectionIds": []}
        record |= {"source": str(metadata["type"]), "metadata": {"kind": kind, **metadata}}
        record["properties"] = {"size": source.stat().st_size, **properties}
        record["_file"] = self._keep(source, f"{asset_id}{source.suffix}", move=True)
        if thumbnail := more.pop("thumbnail", None):
            record["_thumbnail"] = self._keep(Path(str(thumbnail)), f"{asset_id}.thumbnail.png", move=False)
        if original := more.pop("original", None):
            file, record["originalMimeType"] = original
            record["_original"] = self._keep(file, f"{asset_id}.original{file.suffix}", move=True)
        return self.state.put("asset", asset_id, record | more)

    def _keep(self, source: Path, name: str, *, move: bool) -> str:
        target = self.state.files / "assets" / name
        target.parent.mkdir(exist_ok=True)
        shutil.move(source, target) if move else shutil.copy(source, target)
        return f"assets/{name}"

    def show(self, record: Record) -> Record:
        shown = public(record) | {"url": self.signer.url(f"/{record['_file']}")}
        if "_thumbnail" in record:
            url = self.signer.url(f"/{record['_thumbnail']}")
            shown["thumbnail"] = {"assetId": f"{record['id']}_thumbnail", "url": url}
        if "_original" in record:
            shown["originalFileUrl"] = self.signer.url(f"/{record['_original']}")
        return shown

    def add_image(self, body: Record) -> Record:
        """POST /assets: a base64 picture, bare or as a data URL."""
        name, image = body.get("name"), body.get("image")
        if not isinstance(name, str) or not name:
            raise ApiError(400, "'name' must be provided")
        if not isinstance(image, str) or not image:
            raise ApiError(400, "Either 'image' or 'canvas' must be provided")
        try:
            data = base64.b64decode(
                re.sub(r"^data:[^,]*;base64,", "", image[:200]) + image[200:], validate=True
            )
        except (binascii.Error, ValueError):
            raise ApiError(400, "Unhandled image format") from None
        found = recognise(data[:4096], "image", name)
        if found is None:
            raise ApiError(400, "Unhandled image format")
        file = self.state.files / f"{new_id('image')}.{found[0]}"
        file.write_bytes(data)
        return self.add(file, "image", found[1], {"type": "uploaded", "name": name}, {})


class Uploads:
    """Multipart uploads: announced, sent in parts to signed URLs, completed, validated a moment later."""

    def __init__(self, assets: Assets) -> None:
        self.assets = assets
        self.state = assets.state

    def create(self, body: Record) -> Record:
        size, parts, kind = body.get("fileSize"), body.get("parts"), body.get("kind")
        if not isinstance(body.get("fileName"), str) or kind not in KINDS:
            raise ApiError(400, f"'fileName' and a 'kind' of {', '.join(KINDS)} must be provided")
        if type(size) is not int or not 0 < size <= MAX_UPLOAD_BYTES:
            raise ApiError(400, "'fileSize' must be a number of bytes above 0")
        if type(parts) is not int or not 1 <= parts <= MAX_PARTS:
            raise ApiError(400, f"'parts' must be between 1 and {MAX_PARTS}")
        upload_id, job_id = new_id("upload"), new_id("job")
        upload: Record = {key: body.get(key) for key in ("fileName", "contentType", "fileSize", "kind")}
        upload |= {
            "id": upload_id,
            "jobId": job_id,
            "source": "multipart",
            "status": "pending",
            "partsCount": parts,
        }
        upload |= {
            "ownerId": self.assets.project_id,
            "authorId": "sandbox",
            "originalFileName": body["fileName"],
        }
        self.state.put("upload", upload_id, upload)
        self._job(upload, "pending")
        expires = iso(self.state.clock() + self.assets.signer.lifetime_s)
        urls = [self.assets.signer.url(f"/uploads/{upload_id}/{number}") for number in range(1, parts + 1)]
        return public(upload) | {
            "parts": [
                {"number": number, "url": url, "expires": expires} for number, url in enumerate(urls, 1)
            ]
        }

    def _get(self, upload_id: str) -> Record:
        upload = self.state.get("upload", upload_id)
        if upload is None:
            raise ApiError(404, f"Upload {upload_id} not found")
        return upload

    def complete(self, upload_id: str, body: Record) -> Record:
        upload = self._get(upload_id)
        if body.get("action") != "complete":
            raise ApiError(400, "'action' must be 'complete'")
        upload.setdefault("_completed", self.state.clock())
        return public(self.state.put("upload", upload_id, upload))

    def show(self, upload_id: str) -> Record:
        """Return the upload, brought up to now: pending, validating, validated, imported or failed."""
        with self.state.lock:  # two readers must not both import it
            upload = self._get(upload_id)
            if "_completed" in upload and upload["status"] not in ("imported", "failed"):
                passed = (self.state.clock() - float(upload["_completed"])) / STAGE_S
                stage = STAGES[min(int(passed), 3)]
                if stage == "imported":
                    self._import(upload)
                elif stage != upload["status"]:
                    upload["status"] = stage
                    self.state.put("upload", upload_id, upload)
            return public(upload)

    def _import(self, upload: Record) -> None:
        folder = self.state.files / "uploads" / str(upload["id"])
        parts = [folder / str(number) for number in range(1, int(str(upload["partsCount"])) + 1)]
        joined = folder / "joined"
        error = ""
        if not all(part.is_file() for part in parts):
            error = "Not all parts were uploaded"
        elif sum(part.stat().st_size for part in parts) != upload["fileSize"]:
            error = "The parts do not add up to the announced fileSize"
        else:
            with joined.open("wb") as whole:
                for part in parts:
                    with part.open("rb") as piece:
                        shutil.copyfileobj(piece, whole)
            error = self._accept(upload, joined)
        upload["status"] = "failed" if error else "imported"
        if error:
            upload["errorMessage"] = error
        self.state.put("upload", str(upload["id"]), upload)
        self._job(upload, "failure" if error else "success")
        shutil.rmtree(folder, ignore_errors=True)

    def _accept(self, upload: Record, file: Path) -> str:
        """Make the joined file an asset; return what is wrong with it, or an empty text."""
        kind, name = str(upload["kind"]), str(upload["fileName"])
        with file.open("rb") as stream:
            found = recognise(stream.read(4096), kind, name)
        if found is None:
            return (
                "Unhandled image format"
                if kind == "image"
                else f"The file is no {kind} file that is understood"
            )
        os.replace(file, file := file.with_suffix(f".{found[0]}"))
        types = {"image": "uploaded", "3d": "uploaded-3d", "video": "uploaded-video"}
        metadata: Record = {"type": types.get(kind, "uploaded"), "name": name, "fileName": name}
        asset = self.assets.add(file, kind, found[1], metadata, {"format": found[0]})
        upload["entityId"] = asset["id"]
        return ""

    def _job(self, upload: Record, status: str) -> None:
        job_id = str(upload["jobId"])
        job = self.state.get("job", job_id) or {
            "jobId": job_id,
            "jobType": "upload",
            "metadata": {},
            "statusHistory": [],
        }
        job |= {"status": status, "progress": 1 if status == "success" else 0}
        job["statusHistory"] = [*job["statusHistory"], {"status": status, "date": iso(self.state.clock())}]
        if "entityId" in upload:
            job["metadata"] = {"output": {"entityId": upload["entityId"]}}
        self.state.put("job", job_id, job)
