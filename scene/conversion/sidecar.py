# SPDX-License-Identifier: GPL-3.0-or-later
"""Large arrays and textures travel beside the .blend, a file each, so that a result comes in short steps.

Appending takes about 0.6 ms for each megabyte, in one piece. So the converter calls `extract_arrays`, and
the artist's Blender calls `restore_arrays`, which copies one array a step as a block and parses nothing. It
checks first that each file is a regular one of the result's own folder and as long as the counts say.
"""

import json
import mmap
import os
import re
import stat
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Literal

import bpy

from ..custom_properties import ARRAYS_BESIDE
from ..prefault import prefault

LARGE_BYTES = 4 << 20  # of a mesh or a texture; less comes quickly enough within the .blend
SLICE_BYTES = 2 << 20  # 1 ms; on a virtual machine 4
PAGE_BYTES = 4096
_ELEMENT_BYTES = {"vertices": 12, "edges": 8}
_PLAIN_NAME = re.compile(r"\d{1,6}(\.\w{1,10})?", re.ASCII)  # of a file beside the .blend
_DOMAINS = ("POINT", "EDGE", "FACE", "CORNER")
_TOPOLOGY = ("position", ".edge_verts", ".corner_vert", ".corner_edge")
# By the attribute's type: the property with its values, their code (see `struct`), and how many make one.
_VALUES: dict[str, tuple[str, Literal["?", "b", "f", "h", "i"], int]] = {
    "BOOLEAN": ("value", "?", 1),
    "FLOAT": ("value", "f", 1),
    "FLOAT2": ("vector", "f", 2),
    "FLOAT_COLOR": ("color", "f", 4),
    "FLOAT_VECTOR": ("vector", "f", 3),
    "INT": ("value", "i", 1),
    "INT16_2D": ("value", "h", 2),
    "INT32_2D": ("value", "i", 2),
    "INT8": ("value", "b", 1),
}


_AGAIN = "Convert the result again."


class GoneError(Exception):
    """What was being put together is no longer in the file: something was undone, say. Begin again."""


def extract_arrays(objects: Iterable[bpy.types.Object], folder: Path) -> None:
    """Moves what is large into files in `folder`, which is made if need be."""
    users: dict[bpy.types.Mesh, list[bpy.types.Object]] = {}
    for each in objects:
        if isinstance(each.data, bpy.types.Mesh):
            users.setdefault(each.data, []).append(each)
    for mesh, its_users in users.items():
        if sum(map(_size, mesh.attributes)) >= LARGE_BYTES:
            folder.mkdir(exist_ok=True)
            _extract_mesh(mesh, is_rigged=any(each.vertex_groups for each in its_users), folder=folder)
    for image in [each for each in bpy.data.images if each.users and each.source == "FILE"]:
        if image.packed_file and image.packed_file.size >= LARGE_BYTES:
            folder.mkdir(exist_ok=True)
            file = _vacant(folder, Path(image.filepath_raw).suffix)
            file.write_bytes(image.packed_file.data)
            image.unpack(method="REMOVE")
            image[ARRAYS_BESIDE] = file.name


def _size(attribute: bpy.types.Attribute) -> int:
    """Bytes, about."""
    return len(attribute.data) * 4 * _VALUES.get(attribute.data_type, ("", "b", 1))[2]


def _vacant(folder: Path, suffix: str) -> Path:
    name = f"{sum(1 for _ in folder.iterdir())}{suffix}"
    return folder / (name if _PLAIN_NAME.fullmatch(name) else Path(name).stem)


def _extract_mesh(mesh: bpy.types.Mesh, *, is_rigged: bool, folder: Path) -> None:
    """Replaces the mesh by one that has only its face sizes.

    If it has data that cannot be stored as arrays, takes its large attributes away instead.
    """
    has_odd = any(each.data_type not in _VALUES for each in mesh.attributes)
    has_old_normals = mesh.has_custom_normals and "custom_normal" not in mesh.attributes  # before 4.5
    is_hollow = not (has_odd or has_old_normals or is_rigged or mesh.shape_keys)
    record: dict[str, object] = {
        "uv": mesh.uv_layers.active.name if mesh.uv_layers.active else "",
        "uv_render": next((each.name for each in mesh.uv_layers if each.active_render), ""),
        "colour": mesh.attributes.active_color_name,
        "colour_render": mesh.attributes.default_color_name,
        "counts": [len(mesh.vertices), len(mesh.edges)],
    }
    arrays: list[tuple[str, str, str, str]] = []
    names = [each.name for each in mesh.attributes]
    for name in names if is_hollow else [each for each in names if each not in _TOPOLOGY]:
        attribute = mesh.attributes[name]
        if is_hollow or (attribute.data_type in _VALUES and _size(attribute) >= LARGE_BYTES):
            file = _vacant(folder, ".array")
            _write(attribute, file)
            arrays.append((file.name, name, attribute.data_type, attribute.domain))
            if not is_hollow:
                mesh.attributes.remove(attribute)
    left = _placeholder_mesh(mesh) if is_hollow else mesh
    left[ARRAYS_BESIDE] = json.dumps(record | {"arrays": arrays})


def _write(attribute: bpy.types.Attribute, file: Path) -> None:
    import numpy as np  # the artist's Blender does without: its first import takes a while

    name, code, width = _VALUES[attribute.data_type]
    values = np.empty(len(attribute.data) * width, code)
    attribute.data.foreach_get(name, values)
    values.tofile(file)


def _placeholder_mesh(mesh: bpy.types.Mesh) -> bpy.types.Mesh:
    """The same faces, each corner at one and the same vertex; takes the place of the mesh.

    Where faces begin is the one array that Python can only set value by value.
    """
    import numpy as np

    hollow = bpy.data.meshes.new(mesh.name)
    hollow.vertices.add(1)
    hollow.edges.add(1)
    hollow.loops.add(len(mesh.loops))
    hollow.polygons.add(len(mesh.polygons))
    starts = np.empty(len(mesh.polygons), np.int32)
    mesh.polygons.foreach_get("loop_start", starts)
    hollow.polygons.foreach_set("loop_start", starts)
    for material in mesh.materials:
        hollow.materials.append(material)
    for key, value in mesh.items():
        hollow[key] = value
    mesh.user_remap(hollow)
    name = mesh.name
    bpy.data.meshes.remove(mesh)
    hollow.name = name
    return hollow


def restore_arrays(kind: str, name: str, folder: Path) -> Iterator[bool]:
    """Makes `bpy.data.KIND[name]` whole again, a step for each `next`: at most some 40 MB each.

    Yields whether the next step is a long one, and keeps no reference between two. Raises GoneError, OSError
    if a file is missing or is not of this result, and ValueError if what the data-block says is not what
    `extract_arrays` writes.
    """
    if kind == "images":
        yield False
        yield from prefault(_size_of(folder, _incomplete(kind, name)[ARRAYS_BESIDE]))
        _restore_image(_incomplete(kind, name), folder)
        return
    record = _checked(_incomplete(kind, name), folder)
    for elements, count in zip(("vertices", "edges"), record["counts"], strict=True):
        yield False
        yield from prefault(count * _ELEMENT_BYTES[elements])
        held = getattr(_incomplete(kind, name), elements)
        held.add(count - len(held))
    for file, attribute, data_type, domain in record["arrays"]:
        yield False
        if attribute not in _incomplete(kind, name).attributes:
            _incomplete(kind, name).attributes.new(attribute, data_type, domain)
            yield False
            _, code, width = _VALUES[data_type]
            count = SLICE_BYTES // (struct.calcsize(code) * width)
            for start in range(0, len(_incomplete(kind, name).attributes[attribute].data), count):
                _prefault(_incomplete(kind, name).attributes[attribute], range(start, start + count))
                yield False
        yield _size_of(folder, file) > SLICE_BYTES
        _restore_array(_incomplete(kind, name).attributes[attribute], folder, file)
    mesh = _incomplete(kind, name)
    if layer := mesh.uv_layers.get(record["uv"]):
        mesh.uv_layers.active = layer
        (mesh.uv_layers.get(record["uv_render"]) or layer).active_render = True
    if record["colour"] in mesh.color_attributes:
        mesh.attributes.active_color_name = record["colour"]
        mesh.attributes.default_color_name = record["colour_render"]
    mesh.update()
    del mesh[ARRAYS_BESIDE]


def rename_file(image: bpy.types.Image) -> None:
    """Lets an image be called as in the result: appending has put the result's folder in front of it."""
    name = re.split(r"[\\/]", image.filepath_raw)[-1]
    image.filepath_raw = f"//textures/{name}" if name else ""
    for packed in image.packed_files:
        packed.filepath = image.filepath_raw


def _incomplete(kind: str, name: str) -> bpy.types.Mesh | bpy.types.Image:
    found = getattr(bpy.data, kind).get(name)
    if found is None or ARRAYS_BESIDE not in found:
        raise GoneError(name)
    return found


def _checked(mesh: bpy.types.Mesh, folder: Path) -> dict[str, Any]:
    """What `_extract_mesh` wrote, once it agrees with the mesh and with the files' sizes.

    Before the first allocation: counts that nothing stands behind would end Blender.
    """
    try:
        record = json.loads(mesh[ARRAYS_BESIDE])
        counts, arrays = (
            [int(count) for count in record["counts"]],
            [tuple(each) for each in record["arrays"]],
        )
        for name in ("uv", "uv_render", "colour", "colour_render"):
            record[name] = str(record[name])
        vertices, edges = counts
        given = {attribute for _, attribute, _, _ in arrays}
        sizes = dict(zip(_DOMAINS, (vertices, edges, len(mesh.polygons), len(mesh.loops)), strict=True))
        is_whole = counts == [len(mesh.vertices), len(mesh.edges)]
        is_right = is_whole or (vertices >= 1 and edges >= 1 and given.issuperset(_TOPOLOGY))
        for file, attribute, data_type, domain in arrays:
            _, code, width = _VALUES[data_type]
            size_bytes = _size_of(folder, file)
            is_right &= isinstance(attribute, str) and size_bytes > 0
            is_right &= size_bytes == sizes[domain] * width * struct.calcsize(code)
    except (LookupError, TypeError, ValueError, OverflowError, AttributeError, RecursionError) as error:
        raise ValueError(f"What {mesh.name!r} says of its parts is spoilt. {_AGAIN}") from error
    if not is_right:
        raise OSError(f"A part of {mesh.name!r} is spoilt. {_AGAIN}")
    return {**record, "counts": counts, "arrays": arrays}


def _opened(folder: Path, name: object) -> IO[bytes]:
    """A file that `extract_arrays` wrote into `folder`: a plain name, and no link, pipe or device."""
    if not isinstance(name, str) or not _PLAIN_NAME.fullmatch(name):
        raise OSError(f"{name!r} is no part of a result. {_AGAIN}")
    flags = (
        os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
    )
    try:
        file = os.fdopen(os.open(folder / name, flags), "rb")
    except OSError as error:
        raise OSError(f"The part {name} of the result cannot be read: {error.strerror}. {_AGAIN}") from error
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(f"The part {name} of the result is no file. {_AGAIN}")
    return file


def _prefault(attribute: bpy.types.Attribute, places: range) -> None:
    """Has the system find the memory of these values: it does so when a page is first written to.

    That takes several times as long as copying the values, which can be set in one piece only.
    """
    data, (name, code, width) = attribute.data, _VALUES[attribute.data_type]
    nothing = 0 if width == 1 else (0,) * width
    for index in places[:: PAGE_BYTES // (struct.calcsize(code) * width)]:
        if index < len(data):
            setattr(data[index], name, nothing)


def _restore_array(attribute: bpy.types.Attribute, folder: Path, file: str) -> None:
    name, code, width = _VALUES[attribute.data_type]
    with (
        _opened(folder, file) as opened,
        mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content,
        memoryview(content) as content_bytes,
        content_bytes.cast(code) as values,
    ):
        if len(values) != len(attribute.data) * width:
            raise OSError(f"{file} is spoilt. {_AGAIN}")
        attribute.data.foreach_set(name, values)


def _size_of(folder: Path, name: object) -> int:
    with _opened(folder, name) as file:
        return os.fstat(file.fileno()).st_size


def _restore_image(image: bpy.types.Image, folder: Path) -> None:
    """Blender reads the file as it is, without looking into it."""
    _size_of(folder, image[ARRAYS_BESIDE])
    name = image.filepath_raw
    image.filepath_raw = str(folder / image[ARRAYS_BESIDE])
    image.pack()
    image.filepath_raw = name
    for packed in image.packed_files:
        packed.filepath = name
    del image[ARRAYS_BESIDE]
