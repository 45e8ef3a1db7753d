# SPDX-License-Identifier: GPL-3.0-or-later
"""Uploads one file: small images within one request, all else in parts to signed addresses.

It may be tried anew as a whole, which at worst leaves an unused asset behind.
"""

import base64
from collections.abc import Sequence
from pathlib import Path

from .content import content_type
from .errors import AnswerError, InputError, TransferError
from .records import Asset, Progress, Sleep
from .transport import Body, Transport

SMALL_IMAGE_BYTES = 3_500_000  # bodies may have 10 MB; this was seen to pass with room to spare
PART_BYTES = 16 << 20  # the storage wants 5 MB at least, and 10,000 parts at most
IMPORT_DEADLINE_S = 900.0  # of pauses between two looks
_DIRECT_TYPES = {
    f"image/{name}" for name in ("png", "jpeg", "gif", "webp", "avif", "tiff", "heic", "svg+xml")
}
_TYPES_OF_KIND = {"3d": ("model/", "application/vnd.autodesk.fbx"), "image-hdr": ("image/",)}


def upload(
    transport: Transport, path: Path, kind: str, name: str, progress: Progress | None, sleep: Sleep
) -> str:
    """The new asset's id; raises InputError if the file is not there or is not of the kind."""

    def bad(text: str) -> InputError:
        return InputError(f"{path} {text}", problems=[(path.name, text)])

    try:
        mime, size = content_type(path), path.stat().st_size
    except OSError as error:
        raise bad(f"cannot be read: {error.strerror}. Check the path.") from error
    if size == 0:
        raise bad("is empty. Choose another file.")
    if mime is None or not mime.startswith(_TYPES_OF_KIND.get(kind, f"{kind}/")):
        found = f"it looks like {mime}" if mime else "its content is of no known type"
        raise bad(f"is not of the kind {kind!r}: {found}. Choose another file.")
    tell: Progress = progress or _tell_nobody
    if kind == "image" and mime in _DIRECT_TYPES and size <= SMALL_IMAGE_BYTES:
        asset_id = _upload_small_image(transport, path, name, mime)
        tell(size, size)
        return asset_id
    count = -(-size // PART_BYTES)
    body = {"fileName": name, "contentType": mime, "fileSize": size, "kind": kind, "parts": count}
    upload = transport.ask("uploads", body=body).nested("upload")
    urls = {part.whole_number("number"): part.text("url") for part in upload.nested_list("parts")}
    if set(urls) != set(range(1, count + 1)):
        raise AnswerError(f"The service offers other parts than the {count} asked for. Try again later.")
    _upload_parts(transport, path, [urls[number] for number in range(1, count + 1)], mime, size, tell)
    transport.ask("uploads", upload.text("id"), "action", body={"action": "complete"})
    return _imported(transport, upload.text("id"), path.name, sleep)


def _tell_nobody(done: int, total: int | None) -> None:
    """For whoever wants no progress."""


def _upload_small_image(transport: Transport, path: Path, name: str, mime: str) -> str:
    image = f"data:{mime};base64,{base64.b64encode(path.read_bytes()).decode()}"
    answer = transport.ask("assets", body={"name": name, "image": image})
    return Asset.from_json(answer.any("asset")).id


def _upload_parts(
    transport: Transport, path: Path, urls: Sequence[str], mime: str, size: int, progress: Progress
) -> None:
    """Raises TransferError where the file is no longer `size` bytes long."""
    done = 0
    with path.open("rb") as file:
        for url in urls:
            content = file.read(PART_BYTES)
            transport.put(url, Body(content, lambda sent, done=done: progress(done + sent, size)), mime)
            done += len(content)
    if done != size:
        raise TransferError(f"{path} changed while it was uploaded. Try again.")


def _imported(transport: Transport, upload_id: str, name: str, sleep: Sleep) -> str:
    """Wait until the service has looked through the file and made an asset of it."""
    waited_s, wait_s = 0.0, 0.5
    while waited_s < IMPORT_DEADLINE_S:
        state = transport.ask("uploads", upload_id).nested("upload")
        status = state.text("status").lower()
        if status == "imported" and (entity := state.optional_text("entityId")):
            return entity
        if status in ("failed", "error"):
            reason = state.optional_text("errorMessage") or "it gives no reason"
            raise TransferError(f"The service does not take {name}: {reason[:300]}")
        sleep(wait_s)
        waited_s += wait_s
        wait_s = min(5.0, wait_s * 1.5)
    raise TransferError(f"The service has not taken {name} in within {IMPORT_DEADLINE_S / 60:.0f} minutes.")
