# SPDX-License-Identifier: GPL-3.0-or-later
"""Assets and uploads: what came in and what jobs made, as files with records; no name is believed."""

import base64
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
# What is accepted, by its first bytes: its kind, the suffix that Blender goes by, its MIME type.
FORMATS = (
    (rb"\x89PNG\r\n", "image", "png", "image/png"),
    (rb"\xff\xd8\xff", "image", "jpg", "image/jpeg"),
    (rb"RIFF....WEBP", "image", "webp", "image/webp"),
    (rb"GIF8[79]a", "image", "gif", "image/gif"),
    (rb"II\*\0|MM\0\*", "image", "tif", "image/tiff"),
    (rb"BM.{4}\0\0\0\0", "image", "bmp", "image/bmp"),
    (rb"....ftyp(avif|heic|heix|mif1)", "image", "avif", "image/avif"),
    (rb"glTF", "3d", "glb", "model/gltf-binary"),
    (rb"Kaydara FBX|; FBX", "3d", "fbx", "model/x-fbx"),
    (rb"ply\r?\n", "3d", "ply", "model/ply"),
    (rb"VOX ", "3d", "vox", "model/x-3d-vox"),
    (rb"\s*\{", "3d", "gltf", "model/gltf+json"),
    (rb"solid\b", "3d", "stl", "model/stl"),
    (rb"([^\0]*\n)?(v|o|mtllib) [^\0]*$", "3d", "obj", "model/obj"),
    (rb".{84}", "3d", "stl", "model/stl"),
    (rb"....ftyp|\x1aE\xdf\xa3", "video", "mp4", "video/mp4"),
)
KINDS = ("image", "3d", "video")


def recognise(head: bytes, kind: str) -> tuple[str, str] | None:
    """Return (suffix, MIME type) of content by its first bytes, or None if it is not of this kind."""
    found = (row for row in FORMATS if row[1] == kind and re.match(row[0], head, re.DOTALL))
    return next(((suffix, mime) for _, _, suffix, mime in found), None)


class Assets:
    """Creates assets and shows them as the service does, with freshly signed URLs."""

    def __init__(self, state: State, signer: Signer) -> None:
        self.state = state
        self.signer = signer
        self.owner = {"ownerId": state.setting("project", lambda: new_id("proj")), "authorId": "sandbox"}

    def path(self, asset_id: str) -> str:
        return str(self.state.files / self.state.find("asset", asset_id)["_file"])

    def add(self, source: Path, kind: str, mime: str, metadata: Record, **properties: Any) -> Record:
        """Take a file over (it is moved) and return the asset's record; a parent picture is its thumbnail."""
        asset_id = new_id("asset")
        record: Record = {"id": asset_id, **self.owner, "status": "success", "kind": kind, "mimeType": mime}
        record |= {"privacy": "private", "tags": [], "collectionIds": [], "source": metadata["type"]}
        record["metadata"] = {"kind": kind, **metadata}
        record["properties"] = {"size": source.stat().st_size, **properties}
        record["_file"] = f"assets/{asset_id}{source.suffix}"
        (self.state.files / "assets").mkdir(exist_ok=True)
        shutil.move(source, self.state.files / record["_file"])
        return self.state.put("asset", asset_id, record)

    def show(self, record: Record) -> Record:
        shown = public(record) | {"url": self.signer.url(f"/{record['_file']}")}
        parent = self.state.get("asset", record["metadata"].get("parentId"))
        if parent and parent["kind"] == "image":
            shown["thumbnail"] = {"assetId": parent["id"], "url": self.signer.url(f"/{parent['_file']}")}
        return shown

    def add_image(self, body: Record) -> Record:
        """POST /assets: a base64 picture, bare or as a data URL."""
        name, image = body.get("name"), body.get("image")
        if not isinstance(name, str) or not name:
            raise ApiError(400, "'name' must be provided")
        if not isinstance(image, str) or not image:
            raise ApiError(400, "Either 'image' or 'canvas' must be provided")
        try:
            data = base64.b64decode(image.rpartition(";base64,")[2], validate=True)
        except ValueError:
            data = b""
        found = recognise(data[:4096], "image")
        if found is None:
            raise ApiError(400, "Unhandled image format")
        file = self.state.files / f"{new_id('image')}.{found[0]}"
        file.write_bytes(data)
        return self.add(file, "image", found[1], {"type": "uploaded", "name": name})


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
        upload |= {"id": upload_id, "jobId": job_id, "source": "multipart", "status": "pending"}
        upload |= {"partsCount": parts, "originalFileName": body["fileName"], **self.assets.owner}
        self.state.put("upload", upload_id, upload)
        self.state.put_job({"jobId": job_id, "jobType": "upload", "metadata": {}}, "pending", 0)
        expires = iso(self.state.clock() + self.assets.signer.lifetime_s)
        urls = [self.assets.signer.url(f"/uploads/{upload_id}/{number}") for number in range(1, parts + 1)]
        numbered = enumerate(urls, 1)
        return public(upload) | {
            "parts": [{"number": n, "url": url, "expires": expires} for n, url in numbered]
        }

    def complete(self, upload_id: str, body: Record) -> Record:
        upload = self.state.find("upload", upload_id)
        if body.get("action") != "complete":
            raise ApiError(400, "'action' must be 'complete'")
        upload.setdefault("_completed", self.state.clock())
        return public(self.state.put("upload", upload_id, upload))

    def show(self, upload_id: str) -> Record:
        """Return the upload, brought up to now: pending, validating, validated, imported or failed."""
        with self.state.lock:  # two readers must not both import it
            upload = self.state.find("upload", upload_id)
            if "_completed" in upload and upload["status"] not in ("imported", "failed"):
                passed = (self.state.clock() - upload["_completed"]) / STAGE_S
                upload["status"] = STAGES[min(int(passed), 3)]
                if upload["status"] == "imported":
                    self._import(upload)
                self.state.put("upload", upload_id, upload)
            return public(upload)

    def _import(self, upload: Record) -> None:
        """Make an asset of the parts, or say in the upload what is wrong with them."""
        job = self.state.find("job", upload["jobId"])
        folder = self.state.files / "uploads" / upload["id"]
        try:
            upload["entityId"] = self._join(upload, folder)["id"]
            job["metadata"] = {"output": {"entityId": upload["entityId"]}}
        except ValueError as error:
            upload |= {"status": "failed", "errorMessage": str(error)}
        has_failed = upload["status"] == "failed"
        self.state.put_job(job, "failure" if has_failed else "success", 0 if has_failed else 1)
        shutil.rmtree(folder, ignore_errors=True)

    def _join(self, upload: Record, folder: Path) -> Record:
        kind, name = upload["kind"], upload["fileName"]
        parts = [folder / str(number) for number in range(1, upload["partsCount"] + 1)]
        if not all(part.is_file() for part in parts):
            raise ValueError("Not all parts were uploaded")
        if sum(part.stat().st_size for part in parts) != upload["fileSize"]:
            raise ValueError("The parts do not add up to the announced fileSize")
        with parts[0].open("rb") as first:
            found = recognise(first.read(4096), kind)
        if found is None:
            is_image = kind == "image"
            raise ValueError(
                "Unhandled image format" if is_image else f"This is no {kind} file that is known"
            )
        with (whole := folder / f"whole.{found[0]}").open("wb") as target:
            for part in parts:
                with part.open("rb") as source:
                    shutil.copyfileobj(source, target)
        type_ = "uploaded" if kind == "image" else f"uploaded-{kind}"
        metadata = {"type": type_, "name": name, "fileName": name}
        return self.assets.add(whole, kind, found[1], metadata, format=found[0])
