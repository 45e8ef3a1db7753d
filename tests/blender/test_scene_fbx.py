# SPDX-License-Identifier: GPL-3.0-or-later
"""Binary FBX in forms that Blender's own exporter does not write, made of what it writes."""

import importlib
import os
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path

import bpy
import pytest
from background_tasks import run_task
from png_files import png

PACKAGE = os.environ.get("MAQUETTE_PACKAGE", "bl_ext.user_default.maquette")
append = importlib.import_module(f"{PACKAGE}.scene.append")
HEAD = 27  # bytes before the first node
SIZES = {b"Y": 2, b"C": 1, b"B": 1, b"I": 4, b"F": 4, b"D": 8, b"L": 8}
ELEMENTS = {b"f": 4, b"d": 8, b"l": 8, b"i": 4, b"b": 1, b"c": 1}


def exported(folder: Path, comment: bytes = b"") -> bytes:
    """A triangle with an embedded picture, as Blender writes it: so small that its arrays are not packed."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    mesh = bpy.data.meshes.new("Triangle")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    bpy.context.collection.objects.link(bpy.data.objects.new("Triangle", mesh))
    material = bpy.data.materials.new("Skin")
    if bpy.app.version < (5, 0):
        material.use_nodes = True
    (folder / "skin.png").write_bytes(png(comment=comment))
    node = material.node_tree.nodes.new("ShaderNodeTexImage")
    node.image = bpy.data.images.load(str(folder / "skin.png"))
    surface = next(each for each in material.node_tree.nodes if each.type == "BSDF_PRINCIPLED")
    material.node_tree.links.new(node.outputs["Color"], surface.inputs["Base Color"])
    mesh.materials.append(material)
    with warnings.catch_warnings(action="ignore"):
        bpy.ops.export_scene.fbx(filepath=str(folder / "model.fbx"), path_mode="COPY", embed_textures=True)
    content = (folder / "model.fbx").read_bytes()
    (folder / "skin.png").unlink()
    (folder / "model.fbx").unlink()
    return content


def turned(content: bytes) -> bytes:
    """The same file with the bytes of each number the other way round."""
    (version,) = struct.unpack_from("<I", content, 23)
    made = bytearray(content[:22] + b"\1" + struct.pack(">I", version) + content[HEAD:])
    header = "QQQB" if version >= 7500 else "IIIB"
    for place, form in numbers(content, header, HEAD, len(content)):
        struct.pack_into(">" + form, made, place, *struct.unpack_from("<" + form, content, place))
    return bytes(made)


def numbers(content: bytes, header: str, place: int, end: int) -> Iterator[tuple[int, str]]:
    """Where numbers are, and of what form, in the nodes between two places."""
    while place < end:
        after, count, length, name_length = struct.unpack_from("<" + header, content, place)
        yield place, header
        if not after:
            return
        at = place + struct.calcsize("<" + header) + name_length
        inner = at + length
        for _ in range(count):
            kind = content[at : at + 1]
            at += 1
            if kind in SIZES:
                yield at, {1: "B", 2: "H", 4: "I", 8: "Q"}[SIZES[kind]]
                at += SIZES[kind]
            elif kind in ELEMENTS:
                number, is_packed, size = struct.unpack_from("<III", content, at)
                yield at, "III"
                assert not is_packed
                assert size == number * ELEMENTS[kind]
                form = {1: "B", 4: "I", 8: "Q"}[ELEMENTS[kind]]
                yield at + 12, f"{number}{form}"
                at += 12 + size
            else:
                yield at, "I"
                at += 4 + struct.unpack_from("<I", content, at)[0]
        yield from numbers(content, header, inner, after)
        place = after


def converted(folder: Path, content: bytes) -> dict:
    (folder / "model.fbx").write_bytes(content)
    sources = [{"path": str(folder / "model.fbx"), "name": "model.fbx", "role": "mesh"}]
    request = {"sources": sources, "target": str(folder / "result.blend"), "name": "x"}
    return run_task("convert", request, folder)


def test_an_embedded_picture_arrives_with_every_byte_whatever_is_in_it(tmp_path: Path) -> None:
    comment = b"made by http://host.invalid/a.png //host.invalid/b.png \\\\host\\c.png"
    content = exported(tmp_path, comment)
    answer = converted(tmp_path, content)
    assert (answer["textures"], answer["messages"]) == (1, [])
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    append.Loading(tmp_path / "result.blend").finish()
    assert [bytes(each.packed_file.data) for each in bpy.data.images if each.packed_file] == [
        png(comment=comment)
    ]


@pytest.mark.skipif(bpy.app.version < (4, 5), reason="the importer of that time reads neither")
def test_an_fbx_with_its_bytes_the_other_way_round_is_read(tmp_path: Path) -> None:
    content = turned(exported(tmp_path))
    answer = converted(tmp_path, content)
    assert answer["ok"], answer
    assert (answer["faces"], answer["textures"]) == (1, 1)


@pytest.mark.skipif(bpy.app.version < (4, 5), reason="the importer of that time reads neither")
def test_a_truth_value_of_the_other_kind_is_read(tmp_path: Path) -> None:
    """Maya writes `Z` for those of sounds."""
    content = exported(tmp_path)
    header = "QQQB" if struct.unpack_from("<I", content, 23)[0] >= 7500 else "IIIB"
    places = [at for at, form in numbers(content, header, HEAD, len(content)) if form == "B"]
    made = bytearray(content)
    for place in places:
        made[place - 1 : place] = b"Z"
    assert places
    answer = converted(tmp_path, bytes(made))
    assert answer.get("faces") == 1, answer
