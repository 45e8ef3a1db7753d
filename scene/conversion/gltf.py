# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks into a glTF's description: it names delivered files alone, and claims no more than its bytes hold."""

import json
import re
import struct
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from .gltf_extensions import leave_out
from .references import bring, last_name, leads_out
from .shown import hidden_words, keep_shown_nodes
from .unpack import Model, UnreadableError, UnsupportedError, replace_content

MAX_JSON_BYTES = 256 << 20
MAX_ELEMENTS = 200_000_000  # vertices plus indices: some 30 times the largest model that generators deliver
USUAL_ELEMENTS = 1_000_000  # so many may be claimed by any file, more only by one with the bytes for it
ELEMENTS_PER_BYTE = 32  # compression leaves an honest vertex or index a byte, or some bits
MAX_NODES = 100_000
_INSTANCES = "EXT_mesh_gpu_instancing"
# By glTF's own codes: bytes of a number, and numbers of an element.
_COMPONENT_BYTES = {5120: 1, 5121: 1, 5122: 2, 5123: 2, 5125: 4, 5126: 4}
_COMPONENTS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}


def check_gltf(model: Model, folder: Path) -> tuple[list[str], list[str]]:
    """Puts what it names in place; returns what led elsewhere, and in words what else does not stay.

    Raises UnreadableError or UnsupportedError.
    """
    _cut_to_length(model)
    odd: list[str] = []  # numbers that JSON does not have, and Blender's importer refuses
    try:
        document = json.loads(_gltf_json(model), parse_constant=lambda name: odd.append(name) or 0)
    except (ValueError, RecursionError) as error:
        raise UnreadableError(
            f"{model.name} is damaged: its description is no JSON. Download it again."
        ) from error
    try:
        _check_version(model.name, document)
        _check_claims(model, document)
        found = _bring_files(model, document, folder)
        extensions = _extensions(document)
        is_changed, hidden = keep_shown_nodes(document)
        messages = leave_out(model.name, document)
        is_changed |= bool(found or messages or odd) or extensions != _extensions(document)
    except (AttributeError, LookupError, TypeError, ValueError, OverflowError) as error:
        raise UnreadableError(f"{model.name} is JSON, but no glTF model. Download it again.") from error
    if is_changed:
        _write_gltf_json(model, document)
    return found, messages + hidden_words(model.name, hidden)


def _cut_to_length(model: Model) -> None:
    """Takes off what follows a GLB's end: Blender's importer refuses a file that is longer than it says."""
    with model.path.open("rb") as file:
        head = file.read(12)
    is_glb = head.startswith(b"glTF") and len(head) == 12
    length = struct.unpack_from("<I", head, 8)[0] if is_glb else 0
    if 12 < length < model.path.stat().st_size:
        replace_content(model.path, model.path.read_bytes()[:length])


def _extensions(document: dict[str, Any]) -> list[list[str]]:
    return [list(document.get(name, [])) for name in ("extensionsUsed", "extensionsRequired")]


def without_materials(model: Model) -> bool:
    """Takes all materials and textures out; whether there were any."""
    document = json.loads(_gltf_json(model))
    for mesh in document.get("meshes", []):
        for part in mesh["primitives"]:
            part.pop("material", None)
            part.get("extensions", {}).pop("KHR_materials_variants", None)
    taken = [document.pop(name, []) for name in ("materials", "textures", "images")]
    if not any(taken):
        return False
    _write_gltf_json(model, document)
    return True


def _check_version(name: str, document: dict[str, Any]) -> None:
    version = str(document["asset"].get("version", "1.0"))
    if version.startswith("1") or isinstance(document.get("meshes"), dict):
        raise UnsupportedError(
            f"{name} is glTF {version}, and Blender reads 2.0 alone; it is kept as a file."
        )


def _check_claims(model: Model, document: dict[str, Any]) -> None:
    """The importer allocates what is declared, once for each use: a small file could ask for terabytes."""
    accessors = document.get("accessors", [])
    counts = [_whole(each["count"]) for each in accessors]
    parts = [part for mesh in document.get("meshes", []) for part in mesh["primitives"]]
    used = [part["attributes"].get("POSITION", -1) for part in parts]
    used += [part.get("indices", -1) for part in parts]
    objects = len(document.get("nodes", []))
    for node in document.get("nodes", []):
        instances = node.get("extensions", {}).get(_INSTANCES, {}).get("attributes", {})
        objects += max((counts[index] for index in instances.values()), default=0)
    total = sum(counts[index] for index in used if index >= 0)
    most = min(MAX_ELEMENTS, USUAL_ELEMENTS + _bytes_of(model, document) * ELEMENTS_PER_BYTE)
    if max([total, *counts]) > most or objects > MAX_NODES or len(parts) > MAX_NODES:
        raise UnreadableError(f"{model.name} claims more vertices or parts than Blender could hold.")
    views = document.get("bufferViews", [])
    for each in accessors:
        view = views[each["bufferView"]] if "bufferView" in each else None
        if view is None or view.get("extensions"):  # zeros, or compressed
            continue
        width = _COMPONENT_BYTES[each["componentType"]] * _COMPONENTS[each["type"]]
        stride = _whole(view.get("byteStride", width))
        needed = _whole(each.get("byteOffset", 0)) + (each["count"] - 1) * stride + width
        if each["count"] and needed > _whole(view["byteLength"]):
            raise UnreadableError(f"{model.name} claims more vertices than it brings. Download it again.")


def _whole(value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError("no whole number from 0")
    return value


def _bytes_of(model: Model, document: dict[str, Any]) -> int:
    """The file's own and those of its buffers, which it can only say less of than they are."""
    said = sum(_whole(each["byteLength"]) for each in document.get("buffers", []) if "uri" in each)
    real = sum(each.stat().st_size for each in model.path.parent.rglob("*") if each.is_file())
    return model.path.stat().st_size + min(said, real)


def _bring_files(model: Model, document: dict[str, Any], folder: Path) -> list[str]:
    """Gives each `uri` that leads elsewhere its last name alone; returns those."""
    found: list[str] = []
    buffers: list[dict[str, Any]] = document.get("buffers", [])
    waiting: list[Any] = [document]
    while waiting:
        each = waiting.pop()
        waiting += each.values() if isinstance(each, dict) else each if isinstance(each, list) else []
        if not isinstance(each, dict):
            continue
        uri = each.get("uri")
        if not isinstance(uri, str) or (uri.startswith("data:") and ";base64," in uri):
            continue
        name = unquote(uri)
        if _leads_elsewhere(name, model.path.parent, folder):
            found.append(name)
            name = last_name(name.replace("\0", "_").encode()).decode()
            each["uri"] = quote(name)
        is_there = bring(model.path.parent, name, folder)
        if not is_there and any(each is buffer for buffer in buffers):
            raise UnreadableError(
                f"{model.name} refers to a file outside its folder ({found[-1][:80]!r}); it is not imported."
                if found
                else f"{model.name} needs the file {uri[:80]!r}, which was not delivered."
            )
    return found


def _leads_elsewhere(name: str, base: Path, folder: Path) -> bool:
    is_address = re.search(r"^\s*\w[\w+.-]*:|[\\/]{2}|\0", name)
    return bool(is_address) or leads_out(name, base, folder)


def _gltf_json(model: Model) -> bytes:
    size = model.path.stat().st_size
    with model.path.open("rb") as file:
        head = file.read(20)
        if not head.startswith(b"glTF"):
            return head + file.read(MAX_JSON_BYTES)
        if head[4:8] == b"\1\0\0\0":
            raise UnsupportedError(
                f"{model.name} is glTF 1.0, and Blender reads 2.0 alone; it is kept as a file."
            )
        if len(head) < 20 or struct.unpack_from("<I", head, 8)[0] > size:
            raise UnreadableError(f"{model.name} is cut short after {size} bytes. Download it again.")
        return file.read(min(struct.unpack_from("<I", head, 12)[0], MAX_JSON_BYTES))


def _write_gltf_json(model: Model, document: dict[str, Any]) -> None:
    text = json.dumps(document).encode()
    content = model.path.read_bytes()
    if content.startswith(b"glTF"):
        text += b" " * (-len(text) % 4)
        rest = content[20 + struct.unpack_from("<I", content, 12)[0] :]
        head = struct.pack("<4sIII4s", b"glTF", 2, 20 + len(text) + len(rest), len(text), b"JSON")
        text = head + text + rest
    replace_content(model.path, text)
