# SPDX-License-Identifier: GPL-3.0-or-later
"""What a file refers to costs its texture or its material at most; colour is not lost without a word."""

import base64
import importlib
import json
import os
import re
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import bpy
import pytest
from glb_files import glb
from model_files import COLOURS, converted, looked_into, obj_box, surface, triangle
from png_files import png

PACKAGE = os.environ.get("MAQUETTE_PACKAGE", "bl_ext.user_default.maquette")
with_usd = pytest.mark.skipif(not bpy.app.build_options.usd, reason="this Blender was built without USD")
MTL = b"newmtl M\nKd 1 1 1\n"


def is_textured(folder: Path) -> bool:
    """Whether each material of the result shows a picture as its base colour."""
    found = looked_into(folder)
    linked = [surface(each).links for each in found.materials]
    return bool(linked) and all(each and each[0].from_node.image.packed_file for each in linked)


PATHS = ["textures\\t.png", ".\\textures\\t.png", "C:\\t.png", "textures\\\\t.png", "textures///t.png"]
LEADS = ["\\\\host\\a.png", "//host/a.png", "/////////host/a.png", "\\\\?\\UNC\\host\\a.png"]


@pytest.mark.parametrize("line", PATHS)
def test_a_backslash_in_a_material_file_separates_folders(tmp_path: Path, line: str) -> None:
    files = {"m.obj": obj_box("mtllib m.mtl"), "m.mtl": MTL + f"map_Kd {line}\n".encode()}
    answer = converted(tmp_path, {**files, "textures/t.png": png()})
    assert (answer["textures"], answer["messages"]) == (1, [])
    assert is_textured(tmp_path)


@pytest.mark.parametrize("path", LEADS)
@pytest.mark.parametrize("before", ["-bm 1", "a", "..", "(a)"])
def test_separators_within_a_path_become_one_so_that_no_part_of_it_leads_to_a_network(
    path: str, before: str
) -> None:
    references = importlib.import_module(f"{PACKAGE}.scene.conversion.references")
    content, _ = references.neutralised(f"newmtl a\nmap_Kd {before}{path}\n".encode())
    assert not re.search(rb"[\\/]{2}|:[\\/]|[\\/]\?\?[\\/]", content)


def test_a_backslash_in_the_name_of_a_zip_s_entry_separates_folders(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
        for name, content in (
            ("out\\m.obj", obj_box("mtllib m.mtl")),
            ("out\\m.mtl", MTL + b"map_Kd textures/t.png\n"),
            ("out\\textures\\t.png", png()),
        ):
            entry = zipfile.ZipInfo("x")
            entry.filename = name  # as it is, on whatever system
            archive.writestr(entry, content)
    answer = converted(tmp_path, {"m.zip": (tmp_path / "m.zip").read_bytes()})
    assert (answer["imported"], answer["textures"], answer["messages"]) == (["m.obj"], 1, [])


@pytest.mark.parametrize("name", ["..\\m.obj", "a\\..\\..\\m.obj", "C:\\m.obj", "\\m.obj"])
def test_a_zip_s_entry_leads_out_of_its_folder_by_no_backslash(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
        entry = zipfile.ZipInfo("x")
        entry.filename = name
        archive.writestr(entry, obj_box())
    answer = converted(tmp_path, {"m.zip": (tmp_path / "m.zip").read_bytes()})
    assert "outside its folder" in answer["error"]


@pytest.mark.parametrize(
    "line", ["../m.mtl", "C:\\work\\m.mtl", "/elsewhere/other.mtl", "maps", "", "a.mtl b.mtl"]
)
def test_a_material_file_from_elsewhere_is_the_one_that_was_delivered(tmp_path: Path, line: str) -> None:
    files = {"m.obj": obj_box(f"mtllib {line}"), "m.mtl": MTL + b"map_Kd t.png\n", "t.png": png()}
    answer = converted(tmp_path, {**files, "maps/note.txt": b"hello"})
    assert (answer["faces"], answer["textures"], answer["messages"]) == (6, 1, [])


@pytest.mark.parametrize("line", ["../m.mtl", "C:\\work\\m.mtl", "//host/m.mtl", "maps", "m.mtl"])
def test_a_material_file_that_was_not_delivered_costs_no_model(tmp_path: Path, line: str) -> None:
    answer = converted(tmp_path, {"m.obj": obj_box(f"mtllib {line}")})
    assert (answer["ok"], answer["faces"]) == (True, 6)


USDA = """#usda 1.0
(
    upAxis = "Z"
)
def Mesh "m" (
    prepend apiSchemas = ["MaterialBindingAPI"]
)
{
    int[] faceVertexCounts = [3]
    int[] faceVertexIndices = [0, 1, 2]
    point3f[] points = [(0, 0, 0), (1, 0, 0), (0, 1, 0)]
    texCoord2f[] primvars:st = [(0, 0), (1, 0), (0, 1)] (interpolation = "vertex")
    rel material:binding = </M>
}
def Material "M"
{
    token outputs:surface.connect = </M/s.outputs:surface>
    def Shader "s"
    {
        uniform token info:id = "UsdPreviewSurface"
        color3f inputs:diffuseColor.connect = </M/t.outputs:rgb>
        token outputs:surface
    }
    def Shader "t"
    {
        uniform token info:id = "UsdUVTexture"
        asset inputs:file = @PATH@
        float3 outputs:rgb
    }
}
"""


@with_usd
@pytest.mark.parametrize("path", [".\\textures\\t.png", "textures\\t.png", "./textures/t.png"])
def test_a_backslash_in_a_usd_separates_folders(tmp_path: Path, path: str) -> None:
    model = USDA.replace("PATH", path).encode()
    answer = converted(tmp_path, {"m.usda": model, "textures/t.png": png()})
    assert (answer["faces"], answer["textures"], answer["messages"]) == (1, 1, [])
    assert is_textured(tmp_path)


@with_usd
def test_materialx_costs_materials_at_most_and_is_named(tmp_path: Path) -> None:
    model = USDA.replace("PATH", "./t.png").encode()
    answer = converted(tmp_path, {"m.usda": model, "t.png": png(), "m.mtlx": b'<?xml version="1.0"?>'})
    assert (answer["faces"], answer["textures"]) == (1, 1)
    assert answer["messages"] == ["The MaterialX that came with m.usda is left out."]


@with_usd
def test_a_usd_without_its_texture_comes_in_its_own_colour_and_says_so(tmp_path: Path) -> None:
    answer = converted(tmp_path, {"m.usda": USDA.replace("PATH", "./t.png").encode()})
    assert "not delivered" in answer["messages"][0]
    (material,) = looked_into(tmp_path).materials
    assert not [each for each in material.node_tree.nodes if each.type == "TEX_IMAGE"]


def odd_png(depth: int, colours: int) -> bytes:
    """A PNG whose header says other bits and colours than it has; all its sums agree."""
    data = bytearray(png(64))
    data[24:26] = depth, colours
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return bytes(data)


UNREAD = {
    "cut short": png(64)[:60],
    "PNG without data": png(64)[:33] + png(64)[-12:],
    "PNG of no kind": odd_png(8, 5),
    "PNG of odd bits": odd_png(3, 2),
    "PNG without its palette": odd_png(8, 3),
    "no picture": b"nothing at all",
    "KTX2": b"\xabKTX 20\xbb\r\n\x1a\n" + bytes(64),
    "AVIF": b"\0\0\0\x1cftypavif" + bytes(64),
    "DDS": b"DDS " + bytes(200),
}


@pytest.mark.parametrize("kind", UNREAD)
def test_a_texture_that_blender_cannot_decode_is_left_out_and_named(tmp_path: Path, kind: str) -> None:
    document, binary = triangle(UNREAD[kind])
    document["images"][0]["name"] = "skin"
    document["materials"][0]["pbrMetallicRoughness"]["baseColorFactor"] = [1, 0, 0, 1]
    answer = converted(tmp_path, {"m.glb": glb(document, binary)})
    assert (answer["ok"], answer["faces"], answer["textures"]) == (True, 1, 0)
    assert answer["messages"] == ["Blender cannot decode the texture 'skin': it is left out."]
    found = looked_into(tmp_path)
    assert not found.images
    socket = surface(found.materials[0])
    assert not socket.is_linked
    assert tuple(socket.default_value)[:3] == pytest.approx((1, 0, 0))


def test_roughness_and_metal_of_a_lost_texture_are_not_made_up(tmp_path: Path) -> None:
    document, binary = triangle(UNREAD["cut short"])
    document["materials"] = [{"pbrMetallicRoughness": {"metallicRoughnessTexture": {"index": 0}}}]
    assert converted(tmp_path, {"m.glb": glb(document, binary)})["textures"] == 0
    (material,) = looked_into(tmp_path).materials
    node = next(each for each in material.node_tree.nodes if each.type == "BSDF_PRINCIPLED")
    assert not node.inputs["Metallic"].is_linked
    assert node.inputs["Metallic"].default_value == 0
    assert not [each for each in material.node_tree.nodes if "SEP" in each.type]


@pytest.mark.parametrize("is_named", [True, False])
def test_a_lost_texture_makes_no_lamp_of_the_model(tmp_path: Path, is_named: bool) -> None:
    document, binary = triangle(UNREAD["cut short"])
    document["materials"] = [{"emissiveTexture": {"index": 0}, "emissiveFactor": [1, 1, 1]}]
    document["textures"] = [{"source": 0}] if is_named else [{}]
    assert converted(tmp_path, {"m.glb": glb(document, binary)})["textures"] == 0
    (material,) = looked_into(tmp_path).materials
    node = next(each for each in material.node_tree.nodes if each.type == "BSDF_PRINCIPLED")
    shines = node.inputs["Emission Strength"].default_value > 0
    assert not (shines and any(tuple(node.inputs["Emission Color"].default_value)[:3]))


def required(extension: str, **texture: object) -> bytes:
    document, binary = triangle(png())
    document["extensionsUsed"] = document["extensionsRequired"] = [extension]
    document["textures"] = [texture or {"source": 0}]
    return glb(document, binary)


@pytest.mark.parametrize("extension", ["KHR_texture_basisu", "MSFT_texture_dds", "EXT_texture_avif"])
def test_an_unknown_texture_extension_costs_the_texture_and_not_the_model(
    tmp_path: Path, extension: str
) -> None:
    answer = converted(tmp_path, {"m.glb": required(extension, extensions={extension: {"source": 0}})})
    assert (answer["ok"], answer["faces"], answer["textures"]) == (True, 1, 0)
    (message,) = answer["messages"]
    assert message == f"A texture of m.glb is left out: only given by {extension}, which Blender cannot read."


def test_a_texture_with_another_form_to_fall_back_on_stays(tmp_path: Path) -> None:
    texture = {"source": 0, "extensions": {"KHR_texture_basisu": {"source": 0}}}
    answer = converted(tmp_path, {"m.glb": required("KHR_texture_basisu", **texture)})
    assert (answer["textures"], answer["messages"]) == (1, [])


def test_an_unknown_extension_of_materials_costs_its_look_and_not_the_model(tmp_path: Path) -> None:
    answer = converted(tmp_path, {"m.glb": required("ADOBE_materials_thin_transparency")})
    assert (answer["faces"], answer["textures"]) == (1, 1)
    assert "asks for ADOBE_materials_thin_transparency" in answer["messages"][0]


@pytest.mark.parametrize("extension", ["KHR_gaussian_splatting", "EXT_mesh_primitive_restart"])
def test_an_unknown_extension_of_the_shape_is_named_and_the_file_kept(tmp_path: Path, extension: str) -> None:
    answer = converted(tmp_path, {"m.glb": required(extension)})
    assert (answer["ok"], answer["objects"]) == (True, 0)
    assert f"needs {extension}, which this Blender cannot read" in answer["kept"][0]["why"]


ODD: dict[str, dict[str, Any]] = {
    "a view that is none": {"images": [{"bufferView": 9}]},
    "text that is no base64": {"images": [{"uri": "data:image/png;base64,a"}]},
    "no bytes at all": {"images": [{}]},
    "an image that is none": {"textures": [{"source": 7}]},
    "a texture that is none": {"textures": []},
    "a material that is none": {"materials": []},
}


@pytest.mark.parametrize("kind", ODD)
def test_a_mention_of_something_that_is_not_there_costs_no_model(tmp_path: Path, kind: str) -> None:
    document, binary = triangle(png(), **ODD[kind])
    answer = converted(tmp_path, {"m.glb": glb(document, binary)})
    assert (answer["ok"], answer["faces"], answer["textures"]) == (True, 1, 0), answer
    assert answer["messages"]


def test_a_negative_number_of_a_texture_is_one_from_the_end_as_blender_takes_it(tmp_path: Path) -> None:
    document, binary = triangle(png())
    (material,) = document["materials"]
    material["pbrMetallicRoughness"]["baseColorTexture"]["index"] = -1
    answer = converted(tmp_path, {"m.glb": glb(document, binary)})
    assert (answer["textures"], answer["messages"]) == (1, [])


def test_a_number_that_json_does_not_have_costs_no_model(tmp_path: Path) -> None:
    document, binary = triangle()
    document["accessors"][0]["max"] = [float("nan")] * 3
    assert converted(tmp_path, {"m.glb": glb(document, binary)})["faces"] == 1


def test_a_buffer_is_found_by_its_kind_where_it_is_the_only_one(tmp_path: Path) -> None:
    document, binary = triangle()
    document["buffers"][0]["uri"] = "C:\\work\\scene.bin"
    answer = converted(tmp_path, {"m.gltf": json.dumps(document).encode(), "asset_7.bin": binary})
    assert (answer["ok"], answer["faces"]) == (True, 1), answer


def test_no_text_of_the_product_has_a_result_paid_for_again() -> None:
    package = Path(importlib.import_module(PACKAGE).__file__ or "").parent
    texts = {path: path.read_text("utf-8").lower() for path in package.rglob("*.py")}
    assert len(texts) > 100
    assert not [
        path.name for path, text in texts.items() if "generate it anew" in text or "ask for glb" in text
    ]


# What is said of a model's colour, and by what.


def is_tinted(material: bpy.types.Material) -> bool:
    kinds = {each.type for each in material.node_tree.nodes}
    return "VERTEX_COLOR" in kinds and surface(material).is_linked


@pytest.mark.parametrize("mtl", [b"newmtl M\nKd 0.4 0.4 0.4\n", b"newmtl M\n", None])
def test_vertex_colours_show_under_a_material_without_a_texture(tmp_path: Path, mtl: bytes | None) -> None:
    files = {"m.obj": obj_box("mtllib m.mtl", has_colours=True)}
    answer = converted(tmp_path, files | ({"m.mtl": mtl} if mtl else {}))
    assert answer["messages"] == []
    (material,) = looked_into(tmp_path).materials
    assert material.name == "M"
    assert is_tinted(material)
    mixes = [each for each in material.node_tree.nodes if each.type == "MIX"]
    assert len(mixes) == (1 if mtl and b"Kd" in mtl else 0)
    if mixes:
        factor = [each for each in mixes[0].inputs if each.type == "RGBA" and not each.is_linked]
        assert tuple(factor[0].default_value)[:3] == pytest.approx((0.4, 0.4, 0.4))


def test_a_texture_is_not_multiplied_with_vertex_colours_that_the_file_does_not_mention(
    tmp_path: Path,
) -> None:
    files = {"m.obj": obj_box("mtllib m.mtl", has_colours=True), "m.mtl": MTL + b"map_Kd t.png\n"}
    converted(tmp_path, {**files, "t.png": png()})
    (material,) = looked_into(tmp_path).materials
    assert not is_tinted(material)


def test_vertex_colours_show_where_the_texture_is_lost(tmp_path: Path) -> None:
    files = {"m.obj": obj_box("mtllib m.mtl", has_colours=True), "m.mtl": MTL + b"map_Kd t.png\n"}
    answer = converted(tmp_path, {**files, "t.png": png(64)[:60]})
    assert "cannot decode" in answer["messages"][0]
    (material,) = looked_into(tmp_path).materials
    assert is_tinted(material)


@pytest.mark.parametrize("shade", ["0 0 0", "1 1 1"])
def test_vertex_colours_that_are_all_black_or_all_white_tell_nothing(tmp_path: Path, shade: str) -> None:
    model = obj_box("mtllib m.mtl", has_colours=True).decode()
    for colour in COLOURS:
        model = model.replace(" " + " ".join(map(str, colour)) + "\n", f" {shade}\n")
    converted(tmp_path, {"m.obj": model.encode(), "m.mtl": b"newmtl M\nKd 0.4 0.4 0.4\n"})
    (material,) = looked_into(tmp_path).materials
    assert not is_tinted(material)


def test_a_mesh_without_colours_keeps_its_material_beside_one_with_colours(tmp_path: Path) -> None:
    model = obj_box("mtllib m.mtl\no first", has_colours=True).decode()
    model += "o second\nv 3 0 0\nv 4 0 0\nv 3 1 0\nusemtl M\nf 9 10 11\n"
    answer = converted(tmp_path, {"m.obj": model.encode(), "m.mtl": b"newmtl M\nKd 1 0 0\n"})
    assert answer["objects"] == 2
    meshes = {each.name: each for each in looked_into(tmp_path).meshes}
    assert is_tinted(meshes["first"].materials[0])
    assert not is_tinted(meshes["second"].materials[0])


PLY = """ply
format ascii 1.0
{}element vertex 3
property float x
property float y
property float z
property float s
property float t
element face 1
property list uchar int vertex_indices
end_header
0 0 0 0 0
1 0 0 1 0
0 1 0 0 1
3 0 1 2
"""
BESIDE = {
    "m.obj": obj_box(),
    "m.ply": PLY.format("comment TextureFile t.png\n").encode(),
    "m.glb": glb(*triangle()),
}


@pytest.mark.parametrize("name", BESIDE)
def test_the_picture_that_came_with_a_model_that_names_none_is_its_base_colour(
    tmp_path: Path, name: str
) -> None:
    answer = converted(tmp_path, {name: BESIDE[name], "t.png": png()})
    assert (answer["textures"], answer["messages"]) == (1, [])
    assert is_textured(tmp_path)


def test_of_several_pictures_the_one_that_is_called_so_is_the_base_colour(tmp_path: Path) -> None:
    names = ("model_albedo.png", "model_normal.png", "model_roughness.png", "preview.png")
    answer = converted(tmp_path, {"m.obj": obj_box()} | {name: png() for name in names})
    assert (answer["textures"], answer["messages"]) == (1, [])
    (image,) = looked_into(tmp_path).images
    assert image.name == "model_albedo.png"


def test_pictures_of_which_none_is_certain_are_named_and_not_used(tmp_path: Path) -> None:
    answer = converted(tmp_path, {"m.obj": obj_box(), "a.png": png(), "b.png": png()})
    assert answer["textures"] == 0
    assert answer["messages"] == [
        "m.obj names no texture, and of 'a.png', 'b.png' none is certain to be it: none is used."
    ]


def test_a_picture_is_not_used_without_texture_coordinates_and_that_is_said(tmp_path: Path) -> None:
    answer = converted(tmp_path, {"m.obj": obj_box(has_uvs=False), "t.png": png()})
    assert answer["messages"] == ["The picture 't.png' is not used: m.obj comes without texture coordinates."]


@pytest.mark.parametrize("name", ["preview.png", "front.png", "model_normal.png"])
def test_a_picture_that_is_no_base_colour_is_left_alone_without_a_word(tmp_path: Path, name: str) -> None:
    answer = converted(tmp_path, {"m.obj": obj_box(), name: png()})
    assert (answer["textures"], answer["messages"]) == (0, [])


def test_a_model_with_a_texture_is_given_no_other(tmp_path: Path) -> None:
    answer = converted(tmp_path, {"m.glb": glb(*triangle(png(8))), "albedo.png": png()})
    assert (answer["textures"], answer["messages"]) == (1, [])


def test_a_picture_of_another_model_is_not_given_to_a_white_one(tmp_path: Path) -> None:
    files = {"white.glb": glb(*triangle()), "m.obj": obj_box("mtllib m.mtl"), "skin.png": png()}
    answer = converted(tmp_path, {**files, "m.mtl": MTL + b"map_Kd skin.png\n"})
    assert (answer["imported"], answer["textures"]) == (["m.obj"], 1)


def test_a_ply_s_texture_that_was_not_delivered_is_named(tmp_path: Path) -> None:
    answer = converted(tmp_path, {"m.ply": BESIDE["m.ply"]})
    assert answer["messages"] == ["The texture 't.png' was not delivered and is left out."]


def test_a_packed_texture_is_called_as_in_the_result_and_not_by_the_job_s_folder(tmp_path: Path) -> None:
    files = {"m.obj": obj_box("mtllib m.mtl"), "m.mtl": MTL + b"map_Kd t.png\n", "t.png": png()}
    converted(tmp_path, files)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene = importlib.import_module(f"{PACKAGE}.scene")
    scene.append_result(
        tmp_path / "result.blend",
        name="box",
        scene=bpy.context.scene,
        placement=scene.Placement(),
        provenance={},
    )
    (image,) = [each for each in bpy.data.images if each.packed_file]
    assert image.filepath_raw == "//textures/t.png"
    assert [each.filepath for each in image.packed_files] == ["//textures/t.png"]
    assert tuple(image.size) == (4, 4)


def test_a_note_beside_a_model_is_not_worth_a_word(tmp_path: Path) -> None:
    model = glb(*triangle())
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
        archive.writestr("model.glb", model)
        archive.writestr("meta.json", '{"generator": "x"}')
        archive.writestr("LICENSE.txt", "none")
    for files in (
        {"m.zip": (tmp_path / "m.zip").read_bytes()},
        {"model.glb": model, "meta.json": b'{"generator": "x"}', "LICENSE.txt": b"none"},
    ):
        answer = converted(tmp_path, files)
        assert (answer["faces"], answer["kept"], answer["messages"]) == (1, [], [])


def test_an_embedded_picture_in_base64_stays(tmp_path: Path) -> None:
    document, binary = triangle(png())
    document["images"] = [{"uri": "data:image/png;base64," + base64.b64encode(png()).decode()}]
    answer = converted(tmp_path, {"m.glb": glb(document, binary)})
    assert (answer["textures"], answer["messages"]) == (1, [])
