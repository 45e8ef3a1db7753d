# SPDX-License-Identifier: GPL-3.0-or-later
"""The converter as a real child process: all formats that Blender itself writes, and files made to hurt."""

import gzip
import json
import os
import struct
import warnings
import zipfile
from pathlib import Path

import bpy
import pytest
from background_tasks import run_task
from glb_files import glb
from model_files import POINTS, bare_triangle, operator_exists
from png_files import png

PACKAGE = os.environ.get("MAQUETTE_PACKAGE", "bl_ext.user_default.maquette")
BLENDER = os.environ.get("MAQUETTE_BLENDER") or bpy.app.binary_path
SIZE = (2.0, 4.0, 6.0)
EXPORTS = {
    "model.glb": ("export_scene.gltf", {"export_format": "GLB"}),
    "model.gltf": ("export_scene.gltf", {"export_format": "GLTF_SEPARATE"}),
    "model.fbx": ("export_scene.fbx", {"path_mode": "COPY", "embed_textures": True}),
    "model.obj": ("wm.obj_export", {"path_mode": "COPY"}),
    "model.ply": ("wm.ply_export", {}),
    "model-text.ply": ("wm.ply_export", {"ascii_format": True}),
    "model.stl": ("wm.stl_export", {}),
    "model-text.stl": ("wm.stl_export", {"ascii_format": True}),
    "model.usdc": ("wm.usd_export", {}),
    "model.usda": ("wm.usd_export", {}),
    "model.usdz": ("wm.usd_export", {}),
}
COMPANIONS = (".mtl", ".png", ".bin")
TEXTURED = {"model.glb", "model.gltf", "model.fbx", "model.obj", "model.usdz", "model.usdc", "model.usda"}


def export(operator: str, path: Path, **options: object) -> None:
    """Runs one of Blender's exporters; with a newer numpy than they were made for, they warn."""
    group, _, verb = operator.partition(".")
    with warnings.catch_warnings(action="ignore"):
        getattr(getattr(bpy.ops, group), verb)(filepath=str(path), **options)


def textured_box(texture: Path) -> None:
    """Leaves a textured box of 2 x 4 x 6 m in the scene, off the origin, with a camera, a lamp, an empty."""
    bpy.data.batch_remove(list(bpy.data.objects))
    bpy.ops.mesh.primitive_cube_add(size=1, location=(5, 7, 9))
    box = bpy.context.object
    box.dimensions = SIZE
    material = bpy.data.materials.new("Skin")
    if bpy.app.version < (5, 0):
        material.use_nodes = True
    node = material.node_tree.nodes.new("ShaderNodeTexImage")
    node.image = bpy.data.images.load(str(texture))
    surface = next(each for each in material.node_tree.nodes if each.type == "BSDF_PRINCIPLED")
    material.node_tree.links.new(node.outputs["Color"], surface.inputs["Base Color"])
    box.data.materials.append(material)
    for data in (bpy.data.cameras.new("Eye"), bpy.data.lights.new("Lamp", "SUN"), None):
        bpy.context.scene.collection.objects.link(bpy.data.objects.new("Extra", data))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Folder of each format's files, by name of the model."""
    base = tmp_path_factory.mktemp("exported")
    texture = base / "skin.png"
    texture.write_bytes(png())
    textured_box(texture)
    folders: dict[str, Path] = {}
    for name, (operator, options) in EXPORTS.items():
        if operator_exists(operator):
            folders[name] = base / name.replace(".", "-")
            folders[name].mkdir()
            export(operator, folders[name] / name, **options)
    bpy.data.batch_remove(list(bpy.data.objects))
    return folders


def converted(folder: Path, *files: Path | tuple[Path, str]) -> dict:
    """Runs the converter on the files, companions told by their suffix; returns its answer."""
    folder.mkdir(exist_ok=True)
    named = [each if isinstance(each, tuple) else (each, each.name) for each in files]
    sources = [
        {
            "path": str(path),
            "name": name,
            "role": "companion" if name.lower().endswith(COMPANIONS) else "mesh",
        }
        for path, name in named
    ]
    request = {"sources": sources, "target": str(folder / "result.blend"), "name": "horse"}
    found = run_task("convert", request, folder)
    left = {each.name for each in folder.iterdir()} - {path.name for path, _ in named}
    assert left == {"convert.log"} | ({"result.blend"} if found.get("objects") else set())
    return found


@pytest.mark.parametrize("name", EXPORTS)
def test_a_model_keeps_its_size_and_stands_upright_whatever_its_format(exported, tmp_path, name):
    if name not in exported:
        pytest.skip(f"this Blender writes no {name}")
    folder = exported[name]
    files = [(each, each.relative_to(folder).as_posix()) for each in folder.rglob("*") if each.is_file()]
    answer = converted(tmp_path / "work", *files)
    assert answer["ok"], answer
    assert answer["faces"] in (6, 12)
    assert answer["objects"] == 1 or (".usd" in name and answer["objects"] <= 3)  # USD keeps its groups
    size = [high - low for low, high in zip(answer["min"], answer["max"], strict=True)]
    assert size == pytest.approx(SIZE, rel=1e-4)
    assert answer["textures"] == (1 if name in TEXTURED else 0)
    assert answer["messages"] == []
    assert answer["kept"] == []


@pytest.mark.parametrize("name", ["model.glb", "model.obj", "model.usdc"])
def test_the_content_decides_and_not_the_name(exported, tmp_path, name):
    if name not in exported:
        pytest.skip(f"this Blender writes no {name}")
    answer = converted(tmp_path / "work", (exported[name] / name, "picture.jpg.fbx"))
    assert answer["ok"]
    assert answer["faces"] in (6, 12)


def test_an_archive_brings_its_model_with_its_textures(exported, tmp_path):
    archive = tmp_path / "all.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        for each in exported["model.obj"].iterdir():
            out.write(each, f"textures/{each.name}" if each.suffix == ".png" else each.name)
        out.writestr("readme.txt", "hello")
    answer = converted(tmp_path / "work", archive)
    assert answer["ok"]
    assert answer["faces"] == 6
    assert answer["textures"] == 1


def test_of_two_files_of_the_same_model_one_is_placed(exported, tmp_path):
    source = exported["model.glb"] / "model.glb"
    answer = converted(tmp_path / "work", (source, "shaded.glb"), (source, "pbr.glb"))
    assert answer["imported"] == ["shaded.glb"]
    assert [each["name"] for each in answer["kept"]] == ["pbr.glb"]
    assert (answer["objects"], answer["faces"], answer["textures"]) == (1, 12, 1)


def test_the_same_model_in_a_second_format_is_kept_as_a_file(exported, tmp_path):
    answer = converted(
        tmp_path / "work", exported["model.stl"] / "model.stl", exported["model.glb"] / "model.glb"
    )
    assert answer["imported"] == ["model.glb"]
    assert [each["name"] for each in answer["kept"]] == ["model.stl"]


def test_a_broken_file_does_not_spoil_the_sound_one_beside_it(exported, tmp_path):
    broken = tmp_path / "broken.glb"
    broken.write_bytes(b"glTF")
    answer = converted(tmp_path / "work", broken, exported["model.glb"] / "model.glb")
    assert answer["imported"] == ["model.glb"]
    assert "cut short" in answer["kept"][0]["why"]


def test_a_material_file_delivered_under_another_name_is_found(exported, tmp_path):
    folder = exported["model.obj"]
    texture = next(folder.glob("*.png"))
    answer = converted(
        tmp_path / "work", folder / "model.obj", (folder / "model.mtl", "asset_9.mtl"), texture
    )
    assert answer["textures"] == 1


def test_a_texture_that_was_not_delivered_is_a_message_and_no_failure(exported, tmp_path):
    folder = exported["model.obj"]
    answer = converted(tmp_path / "work", folder / "model.obj", folder / "model.mtl")
    assert answer["ok"]
    assert answer["textures"] == 0
    assert "not delivered" in answer["messages"][0]


def test_a_texture_is_found_though_the_model_puts_it_in_another_folder(exported, tmp_path):
    folder = exported["model.gltf"]
    document = json.loads((folder / "model.gltf").read_text())
    document["images"][0]["uri"] = "maps/" + document["images"][0]["uri"]
    (tmp_path / "model.gltf").write_text(json.dumps(document))
    companions = [each for each in folder.iterdir() if each.suffix in COMPANIONS]
    answer = converted(tmp_path / "work", tmp_path / "model.gltf", *companions)
    assert (answer["textures"], answer["messages"]) == (1, [])


@pytest.mark.parametrize("line", ["../../secret.png", "-bm 1 {folder}/secret.png", "..\\..\\secret.png"])
def test_a_material_reads_nothing_outside_its_folder(tmp_path, line):
    (tmp_path / "secret.png").write_bytes(png())
    model, material = tmp_path / "m.obj", tmp_path / "m.mtl"
    model.write_text("mtllib m.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nusemtl a\nf 1/1 2/1 3/1\n")
    before = f"newmtl a\nmap_Kd {line.format(folder=tmp_path)}\n"
    material.write_text(before)
    answer = converted(tmp_path / "work", model, material)
    assert answer["ok"]
    assert answer["textures"] == 0
    assert "secret.png" in answer["messages"][0]
    assert material.read_text() == before


def test_an_fbx_picture_outside_its_folder_is_left_out(tmp_path):
    secret = tmp_path / "secret.png"
    secret.write_bytes(png())
    textured_box(secret)
    export("export_scene.fbx", tmp_path / "model.fbx", path_mode="ABSOLUTE", embed_textures=False)
    bpy.data.batch_remove(list(bpy.data.objects))
    answer = converted(tmp_path / "work", tmp_path / "model.fbx")
    assert answer["ok"]
    assert answer["textures"] == 0
    assert "left out" in answer["messages"][0]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TARGA"])
def test_a_texture_of_absurd_size_is_left_out(exported, tmp_path, kind):
    folder = exported["model.obj"]
    texture = next(folder.glob("*.png"))
    picture = bpy.data.images.new("Wide", 16_400, 4)
    picture.file_format = kind
    picture.filepath_raw = str(tmp_path / texture.name)
    picture.save()
    bpy.data.images.remove(picture)
    files = [folder / "model.obj", folder / "model.mtl", tmp_path / texture.name]
    answer = converted(tmp_path / "work", *files)
    assert (answer["ok"], answer["textures"]) == (True, 0)
    assert "16384" in answer["messages"][0]


def test_textures_are_found_by_name_whatever_machine_wrote_their_path(exported, tmp_path):
    folder = exported["model.obj"]
    texture = next(folder.glob("*.png"))
    material = (folder / "model.mtl").read_text().replace(texture.name, f"C:\\Users\\me\\{texture.name}")
    (tmp_path / "model.mtl").write_text(material)
    files = [folder / "model.obj", tmp_path / "model.mtl", (texture, f"maps/{texture.name}")]
    answer = converted(tmp_path / "work", *files)
    assert (answer["textures"], answer["messages"]) == (1, [])


TRIANGLE_PLY = (
    b"ply\nformat binary_little_endian 1.0\nelement vertex 3\nproperty float x\nproperty float y\n"
    b"property float z\nelement face 1\nproperty list uchar int vertex_indices\nend_header\n"
)
FACE = struct.pack("<B3i", 3, 0, 1, 2)
SPLAT = b"ply\nformat binary_little_endian 1.0\nelement vertex 1\n" + b"".join(
    b"property float %s\n" % each for each in (b"x", b"y", b"z", b"f_dc_0", b"scale_0", b"rot_0")
)
HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty.glb": (b"", "is empty"),
    "noise.glb": (bytes(range(7, 256)) * 9, "no 3D file"),
    "short.glb": (glb(bare_triangle(), POINTS)[:-8], "cut short"),
    "stub.glb": (b"glTF\2\0\0\0", "cut short"),
    "json.gltf": (b'{"error": "expired"}', "no glTF model"),
    "list.gltf": (b'{"asset": 3', "no JSON"),
    "page.glb": (b"<!DOCTYPE html><html>expired</html>", "web page"),
    "scene.blend": (b"BLENDER-v402", "can carry scripts"),
    "outside.gltf": (
        json.dumps(bare_triangle(buffers=[{"uri": "../../etc/passwd", "byteLength": 36}])).encode(),
        "outside its folder",
    ),
    "escaped.gltf": (
        json.dumps(bare_triangle(buffers=[{"uri": "%2e%2e/%2e%2e/passwd", "byteLength": 36}])).encode(),
        "outside its folder",
    ),
    "missing.gltf": (
        json.dumps(bare_triangle(buffers=[{"uri": "data.bin", "byteLength": 36}])).encode(),
        "was not delivered",
    ),
    "vast.glb": (
        glb(bare_triangle(accessors=[{"type": "VEC3", "componentType": 5126, "count": 10**12}]), POINTS),
        "more vertices",
    ),
    "deep.gltf": (b'{"asset":' + b"[" * 100_000, "no JSON"),
    "offrange.glb": (
        glb(bare_triangle(bufferViews=[{"buffer": 7, "byteLength": 36}]), POINTS),
        "could not read",
    ),
    "nowhere.glb": (glb(bare_triangle(), struct.pack("<9f", *[float("nan")] * 9)), "vertices"),
    "endless.ply": (TRIANGLE_PLY + struct.pack("<9f", *[float("inf")] * 9) + FACE, "vertices"),
    "far.glb": (glb(bare_triangle(), struct.pack("<9f", *[1e30, 0, 0, 0, 1e30, 0, 0, 0, 1])), "far away"),
    "point.obj": (b"v 1 1 1\nv 1 1 1\nv 1 1 1\nf 1 2 3\n", "one point"),
    "short.ply": (
        b"ply\nformat binary_little_endian 1.0\nelement vertex 900000\nproperty float x\n"
        b"element face 9\nproperty list uchar int vertex_indices\nend_header\n",
        "cut short",
    ),
    "broken.fbx": (b"Kaydara FBX Binary  \0\x1a\0" + b"\xff" * 400, "could not read"),
    "broken.zip": (b"PK\x03\x04" + b"\0" * 90, "damaged zip"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_bad_file_gets_a_sentence_that_says_what_is_wrong(tmp_path, name):
    content, fragment = HOSTILE[name]
    (tmp_path / name).write_bytes(content)
    answer = converted(tmp_path / "work", tmp_path / name)
    assert answer.keys() == {"ok", "error"}, answer
    assert answer["ok"] is False
    assert fragment in answer["error"]
    assert answer["error"].endswith(".")
    assert "Traceback" not in answer["error"]
    assert str(tmp_path) not in answer["error"]


KEPT: dict[str, tuple[bytes, str]] = {
    "splat.ply": (SPLAT + b"end_header\n" + b"\0" * 24, "Gaussian splat"),
    "cloud.ply": (
        b"ply\nformat ascii 1.0\nelement vertex 2\nproperty float x\nproperty float y\nproperty float z\n"
        b"end_header\n0 0 0\n1 1 1\n",
        "point cloud",
    ),
    "splat.spz": (gzip.compress(b"NGSP" + b"\0" * 60), "Gaussian splat"),
    "house.vox": (b"VOX \x96\0\0\0MAIN", "voxel"),
    "points.glb": (
        glb(bare_triangle(meshes=[{"primitives": [{"attributes": {"POSITION": 0}, "mode": 0}]}]), POINTS),
        "no faces",
    ),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_blender_cannot_import_is_kept_as_a_file_and_said_so(tmp_path, name):
    content, fragment = KEPT[name]
    (tmp_path / name).write_bytes(content)
    answer = converted(tmp_path / "work", tmp_path / name)
    assert (answer["ok"], answer["objects"], answer["imported"]) == (True, 0, [])
    assert answer["kept"][0]["name"] == name
    assert fragment in answer["kept"][0]["why"]


def test_an_archive_that_writes_outside_its_folder_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as out:
        out.writestr("../../escaped.obj", "v 0 0 0\n")
    assert "outside its folder" in converted(tmp_path / "work", tmp_path / "all.zip")["error"]
    assert not list(tmp_path.parent.rglob("escaped.obj"))


def test_an_archive_that_swells_beyond_reason_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as out:
        out.writestr("bomb.obj", b"\0" * (1 << 28))
    assert "far more" in converted(tmp_path / "work", tmp_path / "all.zip")["error"]


def test_a_usd_without_an_importer_is_kept_and_said_so(tmp_path):
    if operator_exists("wm.usd_import"):
        pytest.skip("this Blender imports USD")
    (tmp_path / "model.usda").write_text('#usda 1.0\ndef Mesh "m" {}\n')
    answer = converted(tmp_path / "work", tmp_path / "model.usda")
    assert answer["objects"] == 0
    assert "without an importer" in answer["kept"][0]["why"]


def test_rigs_and_hierarchies_survive_and_lights_and_cameras_go(tmp_path):
    bpy.data.batch_remove(list(bpy.data.objects))
    link = bpy.context.scene.collection.objects.link
    bpy.ops.object.armature_add()
    rig = bpy.context.object
    bpy.ops.mesh.primitive_cube_add()
    skin, group = bpy.context.object, bpy.data.objects.new("Group", None)
    skin.parent = rig
    skin.vertex_groups.new(name=rig.data.bones[0].name).add(range(8), 1.0, "REPLACE")
    skin.modifiers.new("Rig", "ARMATURE").object = rig
    rig.parent = group
    lonely, eye = (
        bpy.data.objects.new("Lonely", None),
        bpy.data.objects.new("Eye", bpy.data.cameras.new("Eye")),
    )
    for each in (group, lonely, eye):
        link(each)
    export("export_scene.gltf", tmp_path / "rig.glb", export_cameras=True)
    bpy.data.batch_remove(list(bpy.data.objects))
    answer = converted(tmp_path / "work", tmp_path / "rig.glb")
    blend = str(tmp_path / "work" / "result.blend")
    with bpy.data.libraries.load(blend) as (source, _):  # pyright: ignore[reportGeneralTypeIssues]
        names = set(source.objects)
        assert len(names) == 4  # with the root, and without the shape in which the importer draws bones
        assert len(source.meshes) == 1
        assert source.armatures
        assert not source.cameras
    assert answer["objects"] == 3
    assert "Group" in names
    assert not {"Lonely", "Eye"} & names
