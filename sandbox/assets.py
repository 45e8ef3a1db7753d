# SPDX-License-Identifier: GPL-3.0-or-later
"""Assets and uploads: what came in and what jobs made, as files with records; no name is believed.

As on the real CDN a signed address is the permission to read or write a file, until it expires.
"""

import base64
import hashlib
import hmac
import os
import re
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from .state import Record, State, iso, new_id, public
from .web import ApiError

MAX_PARTS = 10_000
IMPORT_S = 0.15  # how long an upload is looked through
# What is accepted, by its first bytes: its kind, the suffix that Blender goes by, its MIME type.
FORMATS = (
    (rb"\x89PNG\r\n", "image", "png", "image/png"),
    (rb"\xff\xd8\xff", "image", "jpg", "image/jpeg"),
    (rb"RIFF....WEBP", "image", "webp", "image/webp"),
    (rb"II\*\0|MM\0\*", "image", "tif", "image/tiff"),
    (rb"glTF", "3d", "glb", "model/gltf-binary"),
    (rb"Kaydara FBX|; FBX", "3d", "fbx", "model/x-fbx"),
    (rb"ply\r?\n", "3d", "ply", "model/ply"),
    (rb"\s*\{", "3d", "gltf", "model/gltf+json"),
    (rb"solid\b", "3d", "stl", "model/stl"),
    (rb"([^\0]*\n)?(v|o|mtllib) [^\0]*$", "3d", "obj", "model/obj"),
    (rb".{84}", "3d", "stl", "model/stl"),
    (rb"....ftyp|\x1aE\xdf\xa3", "video", "mp4", "video/mp4"),
)
KINDS = ("image", "3d", "video")


def recognise(head: bytes, kind: str) -> tuple[str, str]:
    """Return (suffix, MIME type) of content by its first bytes. ValueError if it is not of this kind."""
    for pattern, of_kind, suffix, mime in FORMATS:
        if of_kind == kind and re.match(pattern, head, re.DOTALL):
            return suffix, mime
    raise ValueError("Unhandled image format" if kind == "image" else f"This is no {kind} file that is known")


class Assets:
    """Creates assets and uploads, and shows them as the service does, with freshly signed addresses."""

    def __init__(self, state: State, url_lifetime_s: float) -> None:
        self.state = state
        self.owner = {"ownerId": state.setting("project", lambda: new_id("proj")), "authorId": "sandbox"}
        self.base = ""  # of addresses; known once the port is
        self._lifetime_s = url_lifetime_s
        self._key = state.setting("signing-key", lambda: os.urandom(32).hex()).encode()

    def _sign(self, path: str, expires: str) -> str:
        return hmac.new(self._key, f"{path}?{expires}".encode(), hashlib.sha256).hexdigest()

    def url(self, path: str) -> str:
        """Return an address in CloudFront's form, with a signature of the sandbox's own."""
        expires = str(self.state.clock() + self._lifetime_s)
        terms = {"Expires": expires, "Signature": self._sign(path, expires), "Key-Pair-Id": "KSANDBOX"}
        return f"{self.base}{path}?{urlencode(terms)}"

    def is_valid(self, path: str, query: dict[str, str]) -> bool:
        expires, signature = query.get("Expires", ""), query.get("Signature", "")
        is_ours = hmac.compare_digest(self._sign(path, expires).encode(), signature.encode())
        return is_ours and float(expires) > self.state.clock()

    def path(self, asset_id: str) -> str:
        return str(self.state.files / self.state.find("asset", asset_id)["_file"])

    def add(self, source: Path, kind: str, mime: str, metadata: Record, **properties: Any) -> Record:
        """Take a file over (it is moved) and return the asset's record."""
        asset_id = new_id("asset")
        record: Record = {"id": asset_id, **self.owner, "status": "success", "kind": kind, "mimeType": mime}
        record |= {
            "privacy": "private",
            "tags": [],
            "collectionIds": [],
            "editCapabilities": [],
            "source": metadata["type"],
        }
        record["metadata"] = {"kind": kind, **metadata}
        record["properties"] = {"size": source.stat().st_size, **properties}
        record["_file"] = f"assets/{asset_id}{source.suffix}"
        (self.state.files / "assets").mkdir(exist_ok=True)
        shutil.move(source, self.state.files / record["_file"])
        return self.state.put("asset", asset_id, record)

    def show(self, record: Record) -> Record:
        return public(record) | {"url": self.url(f"/{record['_file']}")}

    def add_image(self, body: Record) -> Record:
        """POST /assets: a base64 picture, bare or as a data URL."""
        name, image = body.get("name"), body.get("image")
        if not isinstance(name, str) or not name:
            raise ApiError(400, "'name' must be provided")
        if not isinstance(image, str) or not image:
            raise ApiError(400, "Either 'image' or 'canvas' must be provided")
        try:
            data = base64.b64decode(image.rpartition(";base64,")[2], validate=True)
            suffix, mime = recognise(data[:4096], "image")
        except ValueError:
            raise ApiError(400, "Unhandled image format") from None
        file = self.state.files / f"{new_id('image')}.{suffix}"
        file.write_bytes(data)
        return self.add(file, "image", mime, {"type": "uploaded", "name": name})

    def start_upload(self, body: Record) -> Record:
        """POST /uploads: announced here, then sent in parts to signed addresses, completed, imported."""
        size = body.get("fileSize")
        parts = body.get("parts")
        kind = body.get("kind")
        if not isinstance(body.get("fileName"), str) or kind not in KINDS:
            raise ApiError(400, f"'fileName' and a 'kind' of {', '.join(KINDS)} must be provided")
        if type(size) is not int or size <= 0:
            raise ApiError(400, "'fileSize' must be a number of bytes above 0")
        if type(parts) is not int or not 1 <= parts <= MAX_PARTS:
            raise ApiError(400, f"'parts' must be between 1 and {MAX_PARTS}")
        upload: Record = {key: body.get(key) for key in ("fileName", "contentType", "fileSize", "kind")}
        upload |= {"id": new_id("upload"), "source": "multipart", "status": "pending", "partsCount": parts}
        upload = self.state.put("upload", upload["id"], upload | self.owner)
        (self.state.files / "uploads" / upload["id"]).mkdir(parents=True)
        expires = iso(self.state.clock() + self._lifetime_s)
        urls = ((number, self.url(f"/uploads/{upload['id']}/{number}")) for number in range(1, parts + 1))
        return upload | {"parts": [{"number": n, "url": url, "expires": expires} for n, url in urls]}

    def complete_upload(self, upload_id: str, body: Record) -> Record:
        upload = self.state.find("upload", upload_id)
        if body.get("action") != "complete":
            raise ApiError(400, "'action' must be 'complete'")
        upload |= {"status": "validating", "_completed": self.state.clock()}
        return public(self.state.put("upload", upload_id, upload))

    def show_upload(self, upload_id: str) -> Record:
        """Return the upload, brought up to now: pending, validating, imported or failed."""
        with self.state.lock:  # two readers must not both import it
            upload = self.state.find("upload", upload_id)
            if upload["status"] == "validating" and self.state.clock() - upload["_completed"] >= IMPORT_S:
                folder = self.state.files / "uploads" / upload_id
                try:
                    upload |= {"entityId": self._join(upload, folder)["id"], "status": "imported"}
                except ValueError as error:
                    upload |= {"status": "failed", "errorMessage": str(error)}
                self.state.put("upload", upload_id, upload)
                shutil.rmtree(folder, ignore_errors=True)
            return public(upload)

    def _join(self, upload: Record, folder: Path) -> Record:
        """Make an asset of the parts. ValueError says what is wrong with them."""
        kind, name = upload["kind"], upload["fileName"]
        parts = [folder / str(number) for number in range(1, upload["partsCount"] + 1)]
        if not all(part.is_file() for part in parts):
            raise ValueError("Not all parts were uploaded")
        if sum(part.stat().st_size for part in parts) != upload["fileSize"]:
            raise ValueError("The parts do not add up to the announced fileSize")
        with parts[0].open("rb") as first:
            suffix, mime = recognise(first.read(4096), kind)
        with (whole := folder / f"whole.{suffix}").open("wb") as target:
            for part in parts:
                target.write(part.read_bytes())
        type_ = "uploaded" if kind == "image" else f"uploaded-{kind}"
        return self.add(whole, kind, mime, {"type": type_, "name": name, "fileName": name}, format=suffix)
