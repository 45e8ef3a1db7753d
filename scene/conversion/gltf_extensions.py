# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes out of a glTF's description what this Blender cannot read, so that it costs a texture at most.

What the shape itself depends on is another matter: without its decoder the file is kept and not imported.
"""

import base64
import importlib
import re
from typing import Any

from .unpack import UnsupportedError

_DRACO = "KHR_draco_mesh_compression"
_MESHOPT = ("EXT_meshopt_compression", "KHR_meshopt_compression")
_WEBP = "EXT_texture_webp"
# In the name of an extension without which there is no shape, or another one.
_SHAPE = re.compile("mesh|compress|splat|voxel|instanc|primitive|tile", re.IGNORECASE)
# What a factor would make of all the surface once its texture is gone: a mirror, a lamp, or glass.
_WITHOUT: dict[str, dict[str, Any]] = {
    "metallicRoughnessTexture": {"metallicFactor": 0.0},
    "emissiveTexture": {"emissiveFactor": [0.0, 0.0, 0.0]},
    "transmissionTexture": {"transmissionFactor": 0.0},
}
_TEXTURE = re.compile("texture|image", re.IGNORECASE)


def _known_extensions() -> set[str]:
    """The extensions that a file may ask for: those that Blender's importer knows and has the library for."""
    module = importlib.import_module("io_scene_gltf2.io.imp.gltf2_io_gltf")
    settings = {"import_user_extensions": [], "loglevel": 50}
    found = set(module.glTFImporter("", settings).extensions_managed)
    addon: Any = importlib.import_module("io_scene_gltf2")
    if not addon.is_draco_available():  # asked by all: each build has its library or has not
        found.discard(_DRACO)
    if not getattr(addon, "is_meshopt_available", lambda: False)():
        found.difference_update(_MESHOPT)
    return found


def leave_out(name: str, document: dict[str, Any]) -> list[str]:
    """Takes out what is not read, and says so. Raises UnsupportedError where the shape depends on it."""
    required: list[str] = document.get("extensionsRequired", [])
    used: list[str] = document.get("extensionsUsed", [])
    compressions = [each for each in (_DRACO, *_MESHOPT) if each in used]
    known = _known_extensions() if required or compressions else set[str]()
    lacking = [each for each in dict.fromkeys([*required, *compressions]) if each not in known]
    compressed = [each for each in lacking if each in (_DRACO, *_MESHOPT) and not _uncompress(document, each)]
    if compressed:
        raise UnsupportedError(
            f"{name} is compressed by {compressed[0]}, and this Blender has no decoder for it; "
            f"it is kept as a file. {_where_to_get(compressed[0])}"
        )
    shapes = [each for each in lacking if _SHAPE.search(each) and each not in compressions]
    if shapes:
        raise UnsupportedError(
            f"{name} needs {shapes[0]}, which this Blender cannot read; it is kept as a file."
        )
    if used or required:  # what is required has to be among what is used
        document["extensionsUsed"] = [
            each for each in dict.fromkeys([*used, *required]) if each not in lacking
        ]
        document["extensionsRequired"] = [each for each in required if each not in lacking]
    count = _drop_textures(document)
    textures = [each for each in lacking if _TEXTURE.search(each)]
    others = [each for each in lacking if each not in (*textures, *compressions)]
    messages = [
        f"{name} asks for {each}, which Blender does not know: it may look different." for each in others
    ]
    if count:
        why = (
            f"only given by {textures[0]}, which Blender cannot read" if textures else "damaged or not there"
        )
        what = f"A texture of {name} is" if count == 1 else f"{count} textures of {name} are"
        messages.append(f"{what} left out: {why}.")
    return messages


def _where_to_get(extension: str) -> str:
    if extension == _DRACO:
        return "Official builds from blender.org have one."
    return "Those from 5.2 on have one if they are from blender.org."


def _uncompress(document: dict[str, Any], extension: str) -> bool:
    """Whether the file brings the same data uncompressed, too; then that is what is left."""
    if extension == _DRACO:
        holders = [part for mesh in document["meshes"] for part in mesh["primitives"]]
        packed = [each for each in holders if extension in each.get("extensions", {})]
        numbers = [
            number for each in packed for number in (*each["attributes"].values(), each.get("indices"))
        ]
        accessors = [document["accessors"][number] for number in numbers if number is not None]
        is_there = all("bufferView" in each for each in accessors)
    else:
        packed = [each for each in document["bufferViews"] if extension in each.get("extensions", {})]
        buffers = [document["buffers"][each["buffer"]] for each in packed]
        is_there = not any(extension in each.get("extensions", {}) for each in buffers)
    for each in packed if is_there else ():
        del each["extensions"][extension]
    return is_there


def _drop_textures(document: dict[str, Any]) -> int:
    """Takes every mention of a texture that has no sound image out of the materials; returns how many."""
    images = document.get("images", [])
    sound = {number for number, each in enumerate(images) if _is_sound(each, document)}
    textures = document.get("textures", [])
    kept: set[int] = set()
    for number, each in enumerate(textures):
        sources = [each.get("source"), each.get("extensions", {}).get(_WEBP, {}).get("source")]
        if any(source in sound for source in sources if isinstance(source, int)):
            kept.add(number)
    kept |= {number - len(textures) for number in kept}  # Blender counts negative ones from the end
    dropped: set[int] = set()
    waiting: list[Any] = list(document.get("materials", []))
    while waiting:
        holder = waiting.pop()
        if isinstance(holder, list):
            waiting += holder
            continue
        fields: dict[str, Any] = holder if isinstance(holder, dict) else {}
        for key, value in list(fields.items()):
            is_texture = isinstance(value, dict) and key.lower().endswith("texture") and "index" in value
            if is_texture and value["index"] not in kept:
                dropped.add(value["index"])
                del fields[key]
                fields |= _WITHOUT.get(key, {})
            else:
                waiting.append(value)
    return len(dropped)


def _is_sound(image: dict[str, Any], document: dict[str, Any]) -> bool:
    """Whether there are bytes; whether they are a picture turns out later."""
    uri = image.get("uri")
    if isinstance(uri, str):
        _, is_data, text = uri.partition(";base64,") if uri.startswith("data:") else ("", "", "")
        try:
            return not is_data or bool(base64.b64decode(text))
        except ValueError:
            return False
    views = document.get("bufferViews", [])
    number = image.get("bufferView")
    if not isinstance(number, int) or not 0 <= number < len(views):
        return False
    view = views[number]
    buffers = document.get("buffers", [])
    if not 0 <= view["buffer"] < len(buffers) or view["byteLength"] <= 0:
        return False
    return 0 <= view.get("byteOffset", 0) <= buffers[view["buffer"]]["byteLength"] - view["byteLength"]
