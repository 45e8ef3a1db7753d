# SPDX-License-Identifier: GPL-3.0-or-later
"""All that this Blender reads comes in; what it does not read gets a true sentence and is kept."""

import gzip
import importlib
import json
import os
import struct
from pathlib import Path
from typing import Any

import bpy
import pytest
from glb_files import glb
from model_files import (
    FBX,
    NETWORK,
    converted,
    looked_into,
    obj_box,
    operator_exists,
    text_fbx,
    triangle,
    written,
)
from png_files import png

PACKAGE = os.environ.get("MAQUETTE_PACKAGE", "bl_ext.user_default.maquette")
READS_TEXT_FBX = operator_exists("wm.fbx_import")
READS_COLLADA = operator_exists("wm.collada_import")
with_text_fbx = pytest.mark.skipif(not READS_TEXT_FBX, reason="this Blender reads no FBX in text form")
with_collada = pytest.mark.skipif(not READS_COLLADA, reason="this Blender reads no Collada")
MARK = b"\xef\xbb\xbf"


def part(name: str) -> Any:
    return importlib.import_module(f"{PACKAGE}.{name}")


def looked_through(folder: Path, files: dict[str, bytes]) -> tuple[dict[str, bytes], list[str]]:
    """The files as an importer would see them, by name, and what was said of them."""
    staging = part("scene.conversion.unpack")
    sources = [
        {"path": str(path), "name": name, "role": "companion" if number else "mesh"}
        for number, (path, name) in enumerate(written(folder / "delivered", files))
    ]
    staged = folder / "staged"
    staged.mkdir()
    models, problems = staging.stage(sources, staged)
    assert not problems
    said = [line for model in models for line in part("scene.conversion.preflight").check(model, staged)]
    return {each.name: each.read_bytes() for each in staged.rglob("*") if each.is_file()}, said


# FBX as text.


@pytest.mark.parametrize("head", [b"", MARK, FBX[:24].encode() + b"\n"])
@pytest.mark.parametrize("path", ["t.png", "textures\\t.png", "C:\\work\\t.png"])
def test_an_fbx_as_text_comes_with_its_texture_or_is_kept(tmp_path: Path, head: bytes, path: str) -> None:
    model = head + (text_fbx(path)[24:] if head == b"" else text_fbx(path))
    answer = converted(tmp_path, {"m.fbx": model, "t.png": png()})
    if READS_TEXT_FBX:
        assert (answer["faces"], answer["textures"], answer["messages"]) == (1, 1, []), answer
    else:
        assert (answer["ok"], answer["objects"]) == (True, 0)
        why = "m.fbx is an FBX in text form, which Blender reads from 4.5 on; it is kept as a file."
        assert answer["kept"] == [{"name": "m.fbx", "why": why}]


@pytest.mark.parametrize("path", NETWORK)
def test_an_fbx_as_text_comes_without_its_network_texture(tmp_path: Path, path: str) -> None:
    seen, said = looked_through(tmp_path, {"m.fbx": text_fbx(path)})
    assert b"host" not in seen["m.fbx"]
    assert "left out" in said[0]
    if READS_TEXT_FBX:
        answer = converted(tmp_path, {"m.fbx": text_fbx(path)})
        assert (answer["ok"], answer["faces"], answer["textures"]) == (True, 1, 0)


TRICKS = [
    'Content: , "//host/a.png.x"',
    'RelativeFilename: ; Content:\n "//host/a"',
    'Foo: "Content:", "//host/a"',
    'Foo: "\nContent:" "//host/a"',
    '; "\nRelativeFilename: "//host/a" ; "',
    "RelativeFilename\n: //host/a.png",
    'Content: "" RelativeFilename: "//host/a"',
    'Content: ""\nRelativeFilename\n:\n"//host/a"',
    'RelativeFilename: "\0//host/a.png"',
]


@pytest.mark.parametrize("line", TRICKS)
def test_nothing_in_an_fbx_as_text_hides_a_network_path(tmp_path: Path, line: str) -> None:
    model = FBX.replace("Objects:  {", f"{line}\nObjects:  {{").encode()
    seen, _ = looked_through(tmp_path, {"m.fbx": model})
    assert b"//host" not in seen["m.fbx"]


@with_text_fbx
def test_a_picture_within_an_fbx_as_text_stays_whatever_slashes_its_code_has(tmp_path: Path) -> None:
    import base64

    picture = png() + b"\xff\xff\xff" * 4  # some that are two slashes in a row
    code = base64.b64encode(picture).decode()
    assert "//" in code
    lines = ",\n".join(f'"{code[start : start + 60]}"' for start in range(0, len(code), 60))
    answer = converted(tmp_path, {"m.fbx": text_fbx("t.png", f"\n\t\tContent: ,\n{lines}")})
    assert (answer["textures"], answer["messages"]) == (1, [])


def test_an_fbx_as_text_that_claims_more_numbers_than_it_holds_is_refused(tmp_path: Path) -> None:
    model = text_fbx().replace(b"*12", b"*999999999999")
    assert "claims more" in converted(tmp_path, {"m.fbx": model})["error"]


# Collada.

DAE = """<?xml version="1.0" encoding="utf-8"?>
<COLLADA xmlns="http://www.collada.org/2005/11/COLLADASchema" version="1.4.1">
<asset><up_axis>Z_UP</up_axis></asset>
<library_images><image id="i" name="i"><init_from>PATH</init_from></image></library_images>
<library_effects><effect id="e"><profile_COMMON>
<newparam sid="s"><surface type="2D"><init_from>i</init_from></surface></newparam>
<newparam sid="p"><sampler2D><source>s</source></sampler2D></newparam>
<technique sid="common"><lambert><diffuse><texture texture="p" texcoord="UV"/></diffuse></lambert></technique>
</profile_COMMON></effect></library_effects>
<library_materials><material id="m" name="M"><instance_effect url="#e"/></material></library_materials>
<library_geometries><geometry id="g" name="g"><mesh>
<source id="p1"><float_array id="a1" count="9">0 0 0 1 0 0 0 1 0</float_array><technique_common>
<accessor source="#a1" count="3" stride="3"><param name="X" type="float"/><param name="Y" type="float"/>
<param name="Z" type="float"/></accessor></technique_common></source>
<source id="p2"><float_array id="a2" count="6">0 0 1 0 0 1</float_array><technique_common>
<accessor source="#a2" count="3" stride="2"><param name="S" type="float"/><param name="T" type="float"/>
</accessor></technique_common></source>
<vertices id="v"><input semantic="POSITION" source="#p1"/></vertices>
<triangles count="1" material="sym"><input semantic="VERTEX" source="#v" offset="0"/>
<input semantic="TEXCOORD" source="#p2" offset="1" set="0"/><p>0 0 1 1 2 2</p></triangles>
</mesh></geometry></library_geometries>
<library_visual_scenes><visual_scene id="s" name="s"><node id="n" name="n" type="NODE">
<instance_geometry url="#g"><bind_material><technique_common><instance_material symbol="sym" target="#m">
<bind_vertex_input semantic="UV" input_semantic="TEXCOORD" input_set="0"/></instance_material>
</technique_common></bind_material></instance_geometry>EXTRA</node></visual_scene></library_visual_scenes>
<scene><instance_visual_scene url="#s"/></scene></COLLADA>
"""


def dae(path: str = "t.png", extra: str = "") -> bytes:
    return DAE.replace("PATH", path).replace("EXTRA", extra).encode()


@pytest.mark.parametrize("path", ["t.png", "./textures/t.png", "textures\\t.png", "file:///C:/models/t.png"])
def test_a_collada_comes_with_its_texture_or_is_kept(tmp_path: Path, path: str) -> None:
    answer = converted(tmp_path, {"m.dae": dae(path), "t.png": png()})
    if READS_COLLADA:
        assert (answer["faces"], answer["textures"], answer["messages"]) == (1, 1, []), answer
        return
    assert (answer["ok"], answer["objects"]) == (True, 0)
    assert "cannot read any more" in answer["kept"][0]["why"] or "built without" in answer["kept"][0]["why"]
    assert answer["kept"][0]["why"].endswith(("kept as a file.", "have one."))


@pytest.mark.parametrize("path", [*NETWORK, "&#47;&#47;host/a.png", "&#x2F;/host/a.png", "%2F%2Fhost/a.png"])
def test_a_collada_comes_without_a_picture_of_a_network(tmp_path: Path, path: str) -> None:
    seen, _ = looked_through(tmp_path, {"m.dae": dae(path)})
    for sign in (b"//host", b"\\\\host", b"\\/host", b"47;host", b"2F;host", b"%2F", b"smb:", b"UNC"):
        assert sign not in seen["m.dae"]
    assert b'xmlns="http://www.collada.org/2005/11/COLLADASchema"' in seen["m.dae"]
    if READS_COLLADA:
        answer = converted(tmp_path, {"m.dae": dae(path)})
        assert (answer["ok"], answer["faces"], answer["textures"]) == (True, 1, 0)


@pytest.mark.parametrize(
    "path",
    [
        "/<!-- -->/host/a.png",
        "/<![CDATA[/host/a.png]]>",
        "/<?x y?>/host/a.png",
        "/<b/>/host/a.png",
        "/<!-<!-- -->- -->/host/a.png",
        "<![CDATA[//host/a.png]]>",
        'xmlns="http://host/a.png"',
    ],
)
def test_nothing_in_a_collada_puts_a_network_path_together(tmp_path: Path, path: str) -> None:
    seen, _ = looked_through(tmp_path, {"m.dae": dae(path)})
    text = seen["m.dae"]
    assert b"<!" not in text
    assert b"<?x " not in text
    assert b"//host" not in text
    assert b"/<b" not in text


@pytest.mark.parametrize(
    "extra",
    [
        '<instance_node url="http://host/other.dae#n"/>',
        '<instance_node url="other.dae#n"/>',
        "<instance_node url='\\\\host\\other.dae#n'/>",
        '<instance_geometry url="&#104;ttp://host/other.dae#n"/>',
        '<instance_controller url = "file:///etc/other.dae#n"/>',
        '<extra><accessor source="other.bin"/></extra>',
        '<instance_material symbol="x" target="other.dae#n"/>',
    ],
)
def test_a_collada_names_no_other_document(tmp_path: Path, extra: str) -> None:
    seen, _ = looked_through(tmp_path, {"m.dae": dae(extra=extra), "other.dae": dae()})
    assert b"other." not in seen["m.dae"]


@pytest.mark.parametrize(
    "head",
    [
        b'<!DOCTYPE COLLADA [<!ENTITY a "//host/a.png">]>',
        b'<!DOCTYPE COLLADA SYSTEM "http://host/a.dtd">',
        b'<!ENTITY % a SYSTEM "http://host/a.dtd">',
        b"<!-- -- ><!DOCTYPE COLLADA>",
    ],
)
def test_a_collada_with_entities_is_refused_and_none_is_looked_up(tmp_path: Path, head: bytes) -> None:
    first, rest = dae("&a;").split(b"\n", 1)
    answer = converted(tmp_path, {"m.dae": first + b"\n" + head + rest})
    assert answer["ok"] is False
    assert "entities" in answer["error"]


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
def test_a_text_of_two_bytes_a_character_is_read(tmp_path: Path, order: str) -> None:
    """As Windows' Notepad saves one as Unicode, with a mark before it."""
    text = "\ufeffo stuhl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"
    assert converted(tmp_path, {"m.obj": text.encode(order)})["faces"] == 1
    binary = b"\xff\xfe" + bytes(range(1, 100)) * 2
    seen, _ = looked_through(tmp_path / "other", {"m.obj": text.encode(order), "m.bin": binary})
    assert (seen["m.obj"], seen["m.bin"]) == (text[1:].encode(), binary)


@with_collada
def test_a_collada_of_two_bytes_a_character_is_read_and_looked_through(tmp_path: Path) -> None:
    text = "\ufeff" + dae("//host/a.png").decode().replace("utf-8", "utf-16").replace("UTF-8", "UTF-16")
    seen, _ = looked_through(tmp_path, {"m.dae": text.encode("utf-16-le")})
    assert b"//host" not in seen["m.dae"]
    assert converted(tmp_path / "again", {"m.dae": text.encode("utf-16-le")})["faces"]


@pytest.mark.parametrize("alphabet", ["utf-7", "utf-16", "EBCDIC-CP-US", "ucs-4"])
def test_a_collada_in_an_alphabet_that_could_hide_a_path_is_refused(tmp_path: Path, alphabet: str) -> None:
    spaces = " " * 3000
    model = dae().replace(b'encoding="utf-8"', f'{spaces}encoding="{alphabet}"'.encode())
    assert "alphabet" in converted(tmp_path, {"m.dae": model})["error"]


def test_a_collada_that_claims_more_numbers_than_it_holds_is_refused(tmp_path: Path) -> None:
    model = dae().replace(b'count="9"', b'count="9999999999"')
    assert "claims more" in converted(tmp_path, {"m.dae": model})["error"]


# Marks and zeros in texts.


def test_a_byte_order_mark_hides_nothing_of_a_text(tmp_path: Path) -> None:
    document, binary = triangle()
    document["buffers"][0]["uri"] = "a.bin"
    model = json.dumps(document).encode()
    for name, files, count in (
        ("obj", {"m.obj": MARK + obj_box()}, 6),
        ("gltf", {"m.gltf": MARK + model, "a.bin": binary}, 1),
        ("mtl", {"m.obj": obj_box("mtllib m.mtl"), "m.mtl": MARK + b"newmtl M\nKd 1 0 0\n"}, 6),
    ):
        answer = converted(tmp_path / name, files)
        assert (answer["faces"], answer["messages"]) == (count, []), answer
    (material,) = looked_into(tmp_path / "mtl").materials
    assert tuple(material.diffuse_color)[:3] == pytest.approx((1, 0, 0))


def test_what_follows_the_end_of_a_glb_is_not_read(tmp_path: Path) -> None:
    assert converted(tmp_path, {"m.glb": glb(*triangle()) + b"\r\n"})["faces"] == 1


@pytest.mark.parametrize("place", [0, 4000, -1])
def test_an_obj_with_a_zero_byte_is_an_obj(tmp_path: Path, place: int) -> None:
    comment = b"# " + b"x" * 5000 + b"\n"
    model = comment + obj_box()
    model = model + b"\0" if place < 0 else b"#" + model[: place + 1] + b"\0" + model[place + 1 :]
    answer = converted(tmp_path, {"m.obj": model})
    assert (answer["faces"], answer["messages"]) == (6, [])


def test_a_zero_byte_hides_no_material_file_of_a_network(tmp_path: Path) -> None:
    for number, line in enumerate((b"mtllib \0//host/m.mtl", b"mtllib m\0\\\\host\\m.mtl")):
        model = obj_box().replace(b"v ", line + b"\nv ", 1)
        seen, _ = looked_through(tmp_path / str(number), {"m.obj": model})
        assert b"\0" not in seen["m.obj"]
        assert b"\nmtllib" not in seen["m.obj"]


# What comes under another kind, and what cannot come.


@pytest.mark.parametrize("name", ["asset", "asset.pdf", "model.glb"])
def test_a_model_is_found_whatever_the_service_calls_it(tmp_path: Path, name: str) -> None:
    answer = converted(tmp_path, {name: glb(*triangle())}, role="companion")
    assert (answer["faces"], answer["kept"]) == (1, [])


def test_a_companion_is_looked_into_only_where_no_model_came(tmp_path: Path) -> None:
    files = {"m.glb": glb(*triangle()), "extra.bin": glb(*triangle())}
    answer = converted(tmp_path, files)
    assert (answer["imported"], answer["faces"]) == (["m.glb"], 1)


SPZ = gzip.compress(b"NGSP" + bytes(60))
SPLAT = (
    b"ply\nformat binary_little_endian 1.0\nelement vertex 1\n"
    + b"".join(b"property float %s\n" % each for each in (b"x", b"y", b"z", b"f_dc_0", b"scale_0", b"rot_0"))
    + b"end_header\n"
    + bytes(24)
)
STRIPS = b"""ply
format ascii 1.0
element vertex 3
property float x
property float y
property float z
element tristrips 1
property list int int vertex_indices
end_header
0 0 0
1 0 0
0 1 0
3 0 1 2
"""
KEPT = {
    "glTF 1.0.glb": (
        b"glTF" + struct.pack("<III", 1, 20, 0) + bytes(4),
        "is glTF 1.0, and Blender reads 2.0",
    ),
    "1.gltf": (b'{"asset": {"version": "1.0"}, "meshes": {"a": {}}}', "is glTF 1.0, and Blender reads 2.0"),
    "old.gltf": (b'{"meshes": {"a": {}}, "asset": {}}', "is glTF 1.0, and Blender reads 2.0"),
    "strips.ply": (STRIPS, "strips of triangles"),
    "strips-cr.ply": (STRIPS.replace(b"\n", b"\r"), "strips of triangles"),
    "empty.ply": (
        b"ply\nformat ascii 1.0\nelement vertex 0\nproperty float x\nelement face 0\n"
        b"property list uchar int vertex_indices\nend_header\n",
        "is empty",
    ),
    "packed.gz": (gzip.compress(b"hello"), "compressed"),
    "damaged.gz": (b"\x1f\x8b\x08\0aaaaaaaaaaaaaaa", "compressed"),
    "a.spz": (SPZ, "Gaussian splat"),
    "raw.spz": (b"NGSP" + bytes(60), "Gaussian splat"),
    "splat.ply": (SPLAT, "Gaussian splat"),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_this_blender_cannot_read_is_kept_with_a_true_sentence(tmp_path: Path, name: str) -> None:
    if "Gaussian" in KEPT[name][1] and operator_exists("wm.spz_import"):
        pytest.skip("this Blender imports splats")
    content, fragment = KEPT[name]
    answer = converted(tmp_path, {name: content})
    assert (answer["ok"], answer["objects"]) == (True, 0), answer
    (kept,) = answer["kept"]
    assert kept["name"] == name
    assert fragment in kept["why"]


def is_draco_there() -> bool:
    return importlib.import_module("io_scene_gltf2").is_draco_available()


def draco(**attributes: int) -> tuple[dict[str, Any], bytes]:
    """A triangle that says it is compressed; with accessors of its own where attributes are given."""
    document, binary = triangle()
    document["extensionsUsed"] = document["extensionsRequired"] = ["KHR_draco_mesh_compression"]
    part_of_it = document["meshes"][0]["primitives"][0]
    part_of_it["extensions"] = {
        "KHR_draco_mesh_compression": {"bufferView": 0, "attributes": {"POSITION": 0}}
    }
    if not attributes:
        for each in document["accessors"]:
            del each["bufferView"]
    return document, binary


NO_DRACO = (
    "m.glb is compressed by KHR_draco_mesh_compression, and this Blender has no decoder for it; "
    "it is kept as a file. Official builds from blender.org have one."
)


@pytest.mark.skipif(is_draco_there(), reason="this Blender decodes Draco")
def test_draco_without_a_decoder_is_one_true_sentence_or_read_uncompressed(tmp_path: Path) -> None:
    answer = converted(tmp_path / "alone", {"m.glb": glb(*draco())})
    (kept,) = answer["kept"]
    assert kept["why"] == NO_DRACO
    answer = converted(tmp_path / "both", {"m.glb": glb(*draco(POSITION=0))})
    assert (answer["ok"], answer["faces"]) == (True, 1), answer


def test_a_blender_whose_draco_library_is_hidden_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """In every Blender: those that have the library decode what is compressed, else."""
    extensions = importlib.import_module(PACKAGE + ".scene.conversion.gltf_extensions")
    unpack = importlib.import_module(PACKAGE + ".scene.conversion.unpack")
    monkeypatch.setattr(importlib.import_module("io_scene_gltf2"), "is_draco_available", lambda: False)
    document, _ = draco()
    with pytest.raises(unpack.UnsupportedError) as error:
        extensions.leave_out("m.glb", document)
    assert str(error.value) == NO_DRACO
    document, _ = draco(POSITION=0)
    assert extensions.leave_out("m.glb", document) == []
    assert document["extensionsRequired"] == []
    assert "KHR_draco_mesh_compression" not in json.dumps(document["meshes"])


@pytest.mark.parametrize("extension", ["EXT_meshopt_compression", "KHR_meshopt_compression"])
def test_meshopt_without_a_decoder_is_one_true_sentence_or_read_uncompressed(
    tmp_path: Path, extension: str
) -> None:
    there = getattr(importlib.import_module("io_scene_gltf2"), "is_meshopt_available", lambda: False)
    if there():
        pytest.skip("this Blender decodes meshopt")
    document, binary = triangle()
    document["extensionsUsed"] = document["extensionsRequired"] = [extension]
    document["bufferViews"][0]["extensions"] = {
        extension: {"buffer": 0, "byteLength": 36, "mode": "ATTRIBUTES"}
    }
    answer = converted(tmp_path / "both", {"m.glb": glb(document, binary)})
    assert (answer["ok"], answer["faces"]) == (True, 1), answer
    document["buffers"].append({"byteLength": 36, "extensions": {extension: {"fallback": True}}})
    document["bufferViews"][0]["buffer"] = 1
    answer = converted(tmp_path / "alone", {"m.glb": glb(document, binary)})
    assert f"is compressed by {extension}" in answer["kept"][0]["why"]


def make_cloud() -> None:
    """Stands in for 5.3's importer of splats: three points."""
    mesh = bpy.data.meshes.new("Splat")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [])
    item = bpy.data.objects.new("Splat", mesh)
    bpy.context.scene.collection.objects.link(item)
    bpy.context.view_layer.objects.active = item
    item.select_set(True)
    bpy.ops.object.convert(target="POINTCLOUD")


class WM_OT_spz_import(bpy.types.Operator):  # Blender's own name for it
    """Import an SPZ file."""

    bl_idname = "wm.spz_import"
    bl_label = "Import SPZ"
    filepath: bpy.props.StringProperty()  # pyright: ignore[reportInvalidTypeForm]

    def execute(self, context: bpy.types.Context) -> Any:
        make_cloud()
        return {"FINISHED"}


@pytest.mark.skipif(
    operator_exists("wm.spz_import") or bpy.app.version < (5, 0),
    reason="this Blender has such an importer, or makes no point clouds",
)
def test_a_splat_is_imported_where_this_blender_has_an_operator_for_it(tmp_path: Path) -> None:
    convert = part("scene.convert")
    (tmp_path / "a.spz").write_bytes(SPZ)
    source = {"path": str(tmp_path / "a.spz"), "name": "a.spz", "role": "mesh"}
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.utils.register_class(WM_OT_spz_import)
    try:
        target = str(tmp_path / "result.blend")
        answer = next(convert.convert({"sources": [source], "target": target, "name": "splat"}))
    finally:
        bpy.utils.unregister_class(WM_OT_spz_import)
    assert (answer["ok"], answer["imported"], answer["kept"]) == (True, ["a.spz"], [])
    assert (answer["objects"], answer["min"], answer["max"]) == (1, [0, 0, 0], [1, 1, 0])
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene = part("scene")
    _, objects = scene.Loading(tmp_path / "result.blend").finish()
    assert [each.type for each in objects] == ["EMPTY", "POINTCLOUD"]
    assert len(objects[1].data.points) == 3


# All takes.


def walking(path: Path) -> bytes:
    """An FBX of a cube with three takes."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.object
    cube.name = "Cube"
    for number, name in enumerate(("walk", "run", "jump"), 1):
        cube.animation_data_clear()
        for frame in (1, 10):
            cube.location.x = number * frame
            cube.keyframe_insert("location", frame=frame)
        cube.animation_data.action.name = name
        cube.animation_data.action.use_fake_user = True
    bpy.ops.export_scene.fbx(
        filepath=str(path), bake_anim_use_all_actions=True, bake_anim_use_nla_strips=False
    )
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    return path.read_bytes()


@pytest.mark.filterwarnings("ignore")
def test_every_take_of_an_fbx_comes_with_the_model_and_one_of_them_is_shown(tmp_path: Path) -> None:
    answer = converted(tmp_path, {"m.fbx": walking(tmp_path / "made.fbx")})
    assert answer["faces"] == 6
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene = part("scene")
    scene.append_result(
        tmp_path / "result.blend",
        name="cube",
        scene=bpy.context.scene,
        placement=scene.Placement(),
        provenance={},
    )
    assert sorted(each.name for each in bpy.data.actions) == ["cube jump", "cube run", "cube walk"]
    assert all(each.users for each in bpy.data.actions)
    (cube,) = [each for each in bpy.data.objects if each.type == "MESH"]
    data = cube.animation_data
    assert data.action
    assert all(track.mute for track in data.nla_tracks)
    assert {data.action, *(strip.action for track in data.nla_tracks for strip in track.strips)} == set(
        bpy.data.actions
    )
