# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stranger's file says about itself: in the converter, and in the artist's Blender."""

import contextlib
import importlib
import json
import os
import struct
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from background_tasks import run_in_new_blender, run_task
from glb_files import glb
from model_files import NETWORK, POINTS, bare_triangle

with_usd = pytest.mark.skipif(not bpy.app.build_options.usd, reason="this Blender was built without USD")
pytestmark = pytest.mark.usefixtures("empty_file")
PACKAGE = os.environ.get("MAQUETTE_PACKAGE", "bl_ext.user_default.maquette")
LIE = json.dumps({"counts": [2_000_000_000] * 2, "arrays": [["/etc/passwd", "position", "FLOAT", "POINT"]]})
EXTRAS = {"maquette_parts": LIE, "maquette_min": "x", "maquette_awaits": [1], "maquette_x": 1, "other": 2}


def part(name: str) -> Any:
    return importlib.import_module(f"{PACKAGE}.{name}")


scene_package = part("scene")
parts = part("scene.conversion.sidecar")


def convert(
    folder: Path, *files: Path, run: Callable[..., dict[str, Any]] = run_task, **more: object
) -> dict[str, Any]:
    """The converter's answer for the first file, with the others beside it."""
    sources = [
        {"path": str(file), "name": file.name, "role": "companion" if number else "mesh"}
        for number, file in enumerate(files)
    ]
    request = {"sources": sources, "name": "model", "target": str(folder / "result.blend"), **more}
    return run("convert", request, folder)


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def keys_of_everything() -> set[str]:
    """The custom properties of each data-block and bone in the open file."""
    holders: list[Any] = [
        each for name in ("objects", "meshes", "materials") for each in getattr(bpy.data, name)
    ]
    holders += [each for name in ("images", "collections", "actions") for each in getattr(bpy.data, name)]
    holders += [each for name in ("armatures", "node_groups") for each in getattr(bpy.data, name)]
    holders += [bone for rig in bpy.data.armatures for bone in rig.bones]
    holders += [bone for each in bpy.data.objects if each.pose for bone in each.pose.bones]
    return {key for each in holders for key in each.keys()}  # noqa: SIM118


# 3.1 What a file says of itself.


def test_no_custom_property_of_ours_comes_with_a_file_on_whatever_it_sits(tmp_path: Path) -> None:
    document = bare_triangle(
        nodes=[{"mesh": 0, "extras": EXTRAS, "children": [1]}, {"extras": EXTRAS, "name": "bone"}],
        materials=[{"extras": EXTRAS}],
        scenes=[{"nodes": [0], "extras": EXTRAS}],
        skins=[{"joints": [1], "extras": EXTRAS}],
    )
    document["nodes"][0]["skin"] = 0
    document["meshes"][0]["extras"] = EXTRAS
    document["meshes"][0]["primitives"][0] |= {"material": 0, "extras": EXTRAS}
    file = written(tmp_path / "a.glb", glb(document, POINTS))
    assert convert(tmp_path, file)["ok"]
    root, objects = scene_package.Loading(tmp_path / "result.blend").finish()
    ours = {key for key in keys_of_everything() if key.startswith("maquette_")}
    assert ours == {"maquette_min", "maquette_max", "maquette_part"}
    assert [each for each in objects if "maquette_min" in each] == [root]
    assert len(objects) >= 2
    assert "other" in keys_of_everything()


def test_a_model_that_maquette_exported_comes_back_like_any_other(tmp_path: Path) -> None:
    assert convert(tmp_path, written(tmp_path / "a.glb", glb(bare_triangle(), POINTS)))["ok"]
    first = scene_package.append_result(
        tmp_path / "result.blend",
        name="first",
        scene=bpy.context.scene,
        placement=scene_package.Placement(),
        provenance={"job": "job_1"},
    )
    first.data["maquette_parts"] = LIE
    scene_package.write_output([first], tmp_path / "again.glb")
    (tmp_path / "second").mkdir()
    assert convert(tmp_path / "second", tmp_path / "again.glb")["ok"]
    root, objects = scene_package.Loading(tmp_path / "second" / "result.blend").finish()
    assert "maquette_job" not in {key for each in objects for key in each.keys()}  # noqa: SIM118
    assert [each for each in objects if "maquette_min" in each] == [root]


def lying_result(folder: Path, **changes: object) -> Path:
    """A result.blend whose mesh says of its parts what the changes say; else all of it is right."""
    folder.joinpath("result.parts").mkdir()
    np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], "<f4").tofile(folder / "result.parts" / "0.array")
    np.array([[0, 1], [1, 2], [2, 0]], "<i4").tofile(folder / "result.parts" / "1.array")
    np.arange(3, dtype="<i4").tofile(folder / "result.parts" / "2.array")
    np.arange(3, dtype="<i4").tofile(folder / "result.parts" / "3.array")
    mesh = bpy.data.meshes.new("m")
    mesh.vertices.add(1)
    mesh.edges.add(1)
    mesh.loops.add(3)
    mesh.polygons.add(1)
    record = {
        "uv": "",
        "uv_render": "",
        "colour": "",
        "colour_render": "",
        "counts": [3, 3],
        "arrays": [
            ["0.array", "position", "FLOAT_VECTOR", "POINT"],
            ["1.array", ".edge_verts", "INT32_2D", "EDGE"],
            ["2.array", ".corner_vert", "INT", "CORNER"],
            ["3.array", ".corner_edge", "INT", "CORNER"],
        ],
    }
    mesh["maquette_parts"] = changes["raw"] if "raw" in changes else json.dumps(record | changes)
    root, child = bpy.data.objects.new("root", None), bpy.data.objects.new("child", mesh)
    root["maquette_min"], root["maquette_max"] = [0.0, 0.0, 0.0], [1.0, 1.0, 0.0]
    child.parent = root
    bpy.data.libraries.write(str(folder / "result.blend"), {root, child})
    bpy.data.batch_remove([root, child, mesh])
    return folder / "result.blend"


def test_parts_that_agree_with_the_mesh_are_put_in(tmp_path: Path) -> None:
    _, objects = scene_package.Loading(lying_result(tmp_path)).finish()
    assert [len(each.data.vertices) for each in objects if each.data] == [3]


def arrays(place: int, *values: str) -> list[list[str]]:
    found = [
        ["0.array", "position", "FLOAT_VECTOR", "POINT"],
        ["1.array", ".edge_verts", "INT32_2D", "EDGE"],
        ["2.array", ".corner_vert", "INT", "CORNER"],
        ["3.array", ".corner_edge", "INT", "CORNER"],
    ]
    found[place] = list(values)
    return found


LIES: dict[str, dict[str, object]] = {
    "vast counts": {"counts": [2_000_000_000, 2_000_000_000]},
    "counts below none": {"counts": [-5, 3]},
    "counts that are no numbers": {"counts": ["a", None]},
    "counts that are endless": {"counts": [float("inf"), 3]},
    "one count": {"counts": [3]},
    "no arrays": {"arrays": []},
    "an absolute path": {"arrays": arrays(0, "/etc/passwd", "position", "FLOAT_VECTOR", "POINT")},
    "a way up": {"arrays": arrays(0, "../result.blend", "position", "FLOAT_VECTOR", "POINT")},
    "a network path": {"arrays": arrays(0, "\\\\host\\a.array", "position", "FLOAT_VECTOR", "POINT")},
    "a drive": {"arrays": arrays(0, "C:0.array", "position", "FLOAT_VECTOR", "POINT")},
    "an unknown type": {"arrays": arrays(0, "0.array", "position", "STRING", "POINT")},
    "an unknown domain": {"arrays": arrays(0, "0.array", "position", "FLOAT_VECTOR", "CURVE")},
    "another length": {"arrays": arrays(0, "1.array", "position", "FLOAT_VECTOR", "POINT")},
    "a name that is none": {"arrays": [[None, None, None, None]]},
    "a list": {"raw": "[1, 2]"},
    "no JSON": {"raw": "{"},
    "a number": {"raw": 5},
    "a depth without end": {"raw": "[" * 100_000},
}


@pytest.mark.parametrize("lie", LIES)
def test_what_a_mesh_says_of_its_parts_is_looked_at_before_it_is_acted_upon(tmp_path: Path, lie: str) -> None:
    result = lying_result(tmp_path, **LIES[lie])
    with pytest.raises((OSError, ValueError), match=r"Convert the result again\."):
        scene_package.Loading(result).finish()
    assert not bpy.data.objects
    assert not bpy.data.meshes


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no pipes in folders")
@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_a_part_that_is_no_file_is_refused_and_nothing_waits_for_it(tmp_path: Path, kind: str) -> None:
    result = lying_result(tmp_path)
    file = tmp_path / "result.parts" / "0.array"
    moved = file.rename(tmp_path / "elsewhere")
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "link":
        file.symlink_to(moved)
    else:
        file.mkdir()
    with pytest.raises(OSError, match=r"Convert the result again\."):
        scene_package.Loading(result).finish()
    assert not bpy.data.meshes


ODD = [
    5,
    "x",
    [],
    [1.0],
    [1, 2],
    ["a", "b"],
    [float("nan")] * 3,
    [float("inf")] * 3,
    [1e38] * 3,
    {"a": 1},
    b"\0",
]


@pytest.mark.parametrize("value", ODD, ids=repr)
def test_a_file_of_a_stranger_opens_whatever_its_objects_say(tmp_path: Path, value: object) -> None:
    names = ("min", "max", "awaits", "placeholder", "part", "parts", "job", "collection")
    cube = bpy.data.meshes.new("m")
    for data in (None, cube):
        item = bpy.data.objects.new("Item", data)
        bpy.context.scene.collection.objects.link(item)
        for name in names:
            item[f"maquette_{name}"] = cube[f"maquette_{name}"] = value
    bpy.context.scene.collection["maquette_collection"] = value
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    assert scene_package.find_placeholders(None) == ({"x": ["Item", "Item.001"]} if value == "x" else {})
    scene_package.row_place(bpy.context.scene, 1.0)
    for item in bpy.context.scene.objects:
        assert not part("window.placeholders").is_root(item)
        low, high = scene_package.box_of(item)
        assert len(low) == len(high) == 3
    part("window.placing").find_placeholders()
    assert part("window.placeholders").targets(bpy.context) == [None]


def test_a_result_that_cannot_be_placed_is_that_job_s_error_and_the_next_one_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    placer, jobs = part("window.placing").placer, part("jobs")
    preferences: Any = bpy.context.preferences.addons[PACKAGE].preferences
    preferences.folder, preferences.is_sandbox = str(tmp_path / "state"), True
    part("window.connection").open_backend()
    backend = part("session_state").state.backend
    try:
        made = []
        for number, lie in enumerate(({"counts": [7, 7]}, {})):
            (folder := tmp_path / str(number)).mkdir()
            result = lying_result(folder, **lie)
            job = backend.store.add(
                jobs.NewJob(name=f"n{number}", model_id="m", inputs={}, service=backend.service)
            )
            for state in ("uploading", "submitting", "queued", "downloading", "converting", "ready"):
                job = backend.store.move(job, jobs.State(state))
            backend.store.job_folder(job.id).mkdir(parents=True, exist_ok=True)
            result.rename(backend.store.job_folder(job.id) / "result.blend")
            (folder / "result.parts").rename(backend.store.job_folder(job.id) / "result.parts")
            scene_package.add_placeholder(
                bpy.context.scene, job_id=job.id, name="p", location=(0, 0, 0), size=1.0
            )
            backend.jobs.get(job.id)
            placer.enqueue(job.id)
            made.append(job.id)
        for _ in range(100):
            placer.jobs_changed(backend.jobs, backend.tick())
            if placer.is_busy:
                placer.step(backend.jobs)
        bad, good = (backend.jobs.get(each) for each in made)
        assert (bad.state, good.state) == ("ready", "placed")
        assert "Convert the result again." in bad.message
        assert not placer.is_busy
    finally:
        part("window.connection").close_backend()
        preferences.folder, preferences.is_sandbox = "", False


# 3.3 What leads to a network, whatever the syntax around it.

OBJ = b"mtllib m.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvn 0 0 1\nusemtl a\nf 1//1 2//1 3//1\n"
MTL = [
    "map_Kd {}",
    'map_Kd "{}"',
    "map_Kd\x0b{}",
    "map_Kd \x0c{}",
    "map_Kd \x01{}",
    "map_Kd -bm 1 {}",
    "\tnorm\t{}",
]


def looked_through(folder: Path, *files: Path) -> tuple[dict[str, bytes], list[str]]:
    """The files as an importer would see them, by name, and what was said of them."""
    staging, gate = part("scene.conversion.unpack"), part("scene.conversion.preflight")
    sources = [
        {"path": str(file), "name": file.name, "role": "companion" if number else "mesh"}
        for number, file in enumerate(files)
    ]
    folder.mkdir()
    models, problems = staging.stage(sources, folder)
    assert not problems
    said = [line for model in models for line in gate.check(model, folder)]
    return {each.name: each.read_bytes() for each in folder.rglob("*") if each.is_file()}, said


@pytest.mark.parametrize("line", MTL, ids=repr)
@pytest.mark.parametrize("path", NETWORK)
def test_a_material_s_network_path_is_taken_out_whatever_is_around_it(
    tmp_path: Path, path: str, line: str
) -> None:
    model = written(tmp_path / "m.obj", OBJ)
    before = f"newmtl a\n{line.format(path)}\n".encode()
    material = written(tmp_path / "m.mtl", before)
    seen, said = looked_through(tmp_path / "files", model, material)
    assert b"host" not in seen["m.mtl"]
    assert seen["m.mtl"].rstrip(b'"\n').endswith(b"a.png")
    assert seen["m.obj"] == OBJ
    assert "left out" in said[0]
    assert material.read_bytes() == before, "the file that was delivered stays as it was"


def test_a_model_comes_without_its_network_texture_and_says_so(tmp_path: Path) -> None:
    material = written(tmp_path / "m.mtl", b"newmtl a\nmap_Kd \\\\host\\share\\a.png\n")
    answer = convert(tmp_path, written(tmp_path / "m.obj", OBJ), material)
    assert (answer["ok"], answer["faces"], answer["textures"]) == (True, 1, 0)
    assert answer["messages"][0].startswith("m.obj refers to a file outside its folder")


def picture(path: Path, size: int = 4) -> Path:
    image = bpy.data.images.new("Drawn", size, size)
    image.file_format = "PNG"
    image.filepath_raw = str(path)
    image.save()
    bpy.data.images.remove(image)
    return path


def test_a_texture_that_was_delivered_is_found_though_its_path_was_of_a_network(tmp_path: Path) -> None:
    material = written(tmp_path / "m.mtl", b"newmtl a\nmap_Kd //server/project/a.png\n")
    answer = convert(tmp_path, written(tmp_path / "m.obj", OBJ), material, picture(tmp_path / "a.png"))
    assert (answer["ok"], answer["textures"]) == (True, 1)


@pytest.mark.parametrize("name", ["paint.txt", "paint", "paint.png", "m.MTL"])
def test_a_material_file_of_any_name_is_looked_through(tmp_path: Path, name: str) -> None:
    model = written(tmp_path / "m.obj", OBJ.replace(b"m.mtl", name.encode()))
    paint = written(tmp_path / name, b"newmtl a\nmap_Kd //host/a.png\n")
    seen, _ = looked_through(tmp_path / "files", model, paint)
    assert not [each for each, content in seen.items() if b"host" in content]


@pytest.mark.parametrize("head", [b"\x89PNG\r\n", b"RIFF\n", b"DDS \n", b"\0\n"])
def test_a_picture_is_not_read_as_a_material_file(tmp_path: Path, head: bytes) -> None:
    model = written(tmp_path / "m.obj", OBJ.replace(b"m.mtl", b"a.png"))
    both = written(tmp_path / "a.png", head + b"newmtl a\nmap_Kd //host/a.png\n")
    seen, _ = looked_through(tmp_path / "files", model, both)
    assert b"mtllib" not in seen["m.obj"]
    assert seen["a.png"] == both.read_bytes()


@pytest.mark.parametrize(
    "line",
    [b"mtllib //host/m.mtl", b"mtllib\x0b\\\\host\\m.mtl", b"mtllib \\\n//host/m.mtl", b"mtllib ../../m.mtl"],
)
def test_a_model_comes_without_a_material_file_from_elsewhere(tmp_path: Path, line: bytes) -> None:
    model = written(tmp_path / "m.obj", OBJ.replace(b"mtllib m.mtl", line))
    seen, said = looked_through(tmp_path / "files", model)
    assert b"mtllib" not in seen["m.obj"]
    assert "left out" in said[0]
    answer = convert(tmp_path, model)
    assert (answer["ok"], answer["faces"]) == (True, 1)
    assert "left out" in answer["messages"][0]


def test_names_and_comments_are_no_references(tmp_path: Path) -> None:
    model = written(tmp_path / "m.obj", OBJ.replace(b"usemtl a", b"usemtl a//b"))
    material = b"# made by https://example.com/tool\nnewmtl a//b\nKd 1 0 0\n"
    seen, said = looked_through(tmp_path / "files", model, written(tmp_path / "m.mtl", material))
    assert said == []
    assert b"newmtl a//b" in seen["m.mtl"]
    document = bare_triangle(images=[{"uri": "data:image/png;base64,//8=", "name": "http://host/a.png"}])
    document["asset"] |= {"generator": "https://example.com/tool", "copyright": "//example.com"}
    file = written(tmp_path / "a.glb", glb(document, POINTS))
    seen, said = looked_through(tmp_path / "more", file)
    assert said == []
    assert seen["a.glb"] == file.read_bytes()


URIS = [
    *NETWORK,
    "%2F%2Fhost/a.png",
    "%5C%5Chost%5Ca.png",
    "ftp:a.png",
    "../../a.png",
    "/etc/a.png",
    "C:\\a.png",
]


@pytest.mark.parametrize("uri", URIS)
@pytest.mark.parametrize("form", ["a.glb", "a.gltf"])
def test_a_gltf_comes_without_an_image_from_elsewhere_and_says_so(
    tmp_path: Path, uri: str, form: str
) -> None:
    document = bare_triangle(
        images=[{"uri": uri}], extensions={"X": {"uri": uri}}, materials=[{}], textures=[{"source": 0}]
    )
    document["materials"][0]["pbrMetallicRoughness"] = {"baseColorTexture": {"index": 0}}
    document["meshes"][0]["primitives"][0]["material"] = 0
    if form == "a.gltf":
        document["buffers"][0]["uri"] = "a.bin"
    content = glb(document, POINTS) if form == "a.glb" else json.dumps(document).encode()
    files = [written(tmp_path / form, content), written(tmp_path / "a.bin", POINTS)]
    seen, said = looked_through(tmp_path / "files", *files)
    text = seen["a.glb"]
    for gone in (b"host", b"ftp", b"..", b"etc", b"C:", b"%5C", b"%2F"):
        assert gone not in text
    assert "left out" in said[0]
    answer = convert(tmp_path, *files)
    assert (answer["ok"], answer["faces"], answer["textures"]) == (True, 1, 0)


def boxed(path: Path, texture: Path, operator: str, **options: object) -> Path:
    """A textured box, exported by Blender to `path`."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.mesh.primitive_cube_add()
    material = bpy.data.materials.new("Skin")
    if bpy.app.version < (5, 0):
        material.use_nodes = True
    node = material.node_tree.nodes.new("ShaderNodeTexImage")
    node.image = bpy.data.images.load(str(texture))
    surface = material.node_tree.nodes["Principled BSDF"]
    material.node_tree.links.new(node.outputs["Color"], surface.inputs["Base Color"])
    bpy.context.object.data.materials.append(material)
    group, verb = operator.split(".")
    with warnings.catch_warnings(action="ignore"):
        getattr(getattr(bpy.ops, group), verb)(filepath=str(path), **options)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    return path


@pytest.mark.parametrize("path", NETWORK)
@pytest.mark.parametrize("kind", [b"S", b"R"])
def test_an_fbx_comes_without_its_network_texture_as_text_or_as_raw_bytes(
    tmp_path: Path, path: str, kind: bytes
) -> None:
    folder = tmp_path / ("d" * 40)
    folder.mkdir()
    texture = picture(folder / ("t" * 60 + ".png"))
    model = boxed(tmp_path / "m.fbx", texture, "export_scene.fbx", path_mode="ABSOLUTE")
    content, start = bytearray(model.read_bytes()), 0
    name = str(texture).encode()
    count = 0
    while (start := content.find(name, start + 1)) >= 0:
        assert content[start - 5 : start - 4] == b"S"
        content[start - 5 : start - 4] = kind
        content[start : start + len(name)] = path.encode()[:-5].ljust(len(name) - 5, b"x") + b"a.png"
        count += 1
    assert count
    model.write_bytes(content)
    seen, said = looked_through(tmp_path / "files", model)
    assert b"host" not in seen["m.fbx"]
    assert "left out" in said[0]
    answer = convert(tmp_path, model)
    if kind == b"R" and bpy.app.version < (4, 5):  # the importer of that time wants texts
        assert "could not read" in answer["error"]
        return
    assert (answer["ok"], answer["textures"]) == (True, 0)
    assert answer["faces"] in (6, 12)


LAYER = """#usda 1.0
(
    {before}
)
// a comment
def Mesh "m" (
    doc = "see https://example.com/manual, or //example.com"
    {meta}
) {{
    int[] faceVertexCounts = [3]
    int[] faceVertexIndices = [0, 1, 2]
    point3f[] points = [(0, 0, 0), (1, 0, 0), (0, 1, 0)] # and http://example.com
    {inside}
}}
"""
REFERENCES = {
    "sublayer": {"before": "subLayers = [@{}a.usda@]"},
    "reference": {"meta": "references = @{}a.usd@</x>"},
    "three signs": {"meta": "references = @@@{}a.usd@@@</x>"},
    "payload": {"meta": "payload = @{}a.usdc@</x>"},
    "asset": {"inside": "asset inputs:file = @{}a.png@"},
    "template": {"meta": 'clips = {{ dictionary default = {{ string templateAssetPath = "{}a.###.usd" }} }}'},
    "escaped": {"inside": 'string a = "\\x2f\\x2fhost/a.usd{}"'},
    "expression": {
        "before": 'expressionVariables = {{ string A = "/{}" }}\n subLayers = [@`"${{A}}${{A}}host/a.usd"`@]'
    },
}


@with_usd
@pytest.mark.parametrize("kind", REFERENCES)
@pytest.mark.parametrize("where", ["//host/x/", "\\\\host\\x\\", "http://host/", "../../host/", "/host/"])
def test_a_usd_comes_without_what_leads_elsewhere(tmp_path: Path, kind: str, where: str) -> None:
    if kind in ("escaped", "expression"):
        where = ""
    elif kind == "template" and not where.startswith(("//", "http", "\\")):
        pytest.skip("the template is relative to a layer that is looked through")
    shown = where.replace("\\", "\\\\") if kind == "template" else where
    fields = {key: text.format(shown) for key, text in REFERENCES[kind].items()}
    model = written(
        tmp_path / "m.usda", LAYER.format(**{"before": "", "meta": "", "inside": "", **fields}).encode()
    )
    seen, said = looked_through(tmp_path / "files", model)
    text = seen["m.usda"]
    assert b"host/x" not in text
    assert b"@`" not in text
    for sign in (b"//", b"\\\\", b"http:/", b"x2f", b"../", b"@/"):
        assert sign not in text
    assert said or kind in ("escaped", "expression")
    answer = convert(tmp_path, model)
    assert (answer["ok"], answer["faces"]) == (True, 1), answer


def retold(path: Path, old: bytes, new: bytes) -> None:
    """Changes a token of a binary USD, with a table that is packed as literals."""
    usd = part("scene.conversion.usd")
    content = path.read_bytes()
    entry, table = usd.read_tokens(content)
    assert [each for each in table if old in each]
    joined = b"".join((new if old in each else each) + b"\0" for each in table)
    block = b"\0" + usd.stored_literally(joined)
    section = struct.pack("<QQQ", len(table), len(joined), len(block)) + block
    changed = bytearray(content + section)
    struct.pack_into("<qq", changed, entry, len(content), len(section))
    path.write_bytes(changed)


@with_usd
@pytest.mark.parametrize("form", ["m.usdc", "m.usdz"])
@pytest.mark.parametrize("path", [*NETWORK, "../../x/host/a.png", "/host/a.png", '`"//host/a.png"`'])
def test_a_binary_usd_comes_without_what_leads_elsewhere(tmp_path: Path, path: str, form: str) -> None:
    model = boxed(tmp_path / "m.usdc", picture(tmp_path / "texture_of_it.png"), "wm.usd_export")
    retold(model, b"texture_of_it.png", path.encode())
    if form == "m.usdz":
        with zipfile.ZipFile(tmp_path / form, "w") as archive:
            archive.write(model, "m.usdc")
        model = tmp_path / form
    seen, _ = looked_through(tmp_path / "files", model)
    usd = part("scene.conversion.usd")
    layer = written(tmp_path / "seen.usdc", seen["m.usdc"])
    assert not [each for each in usd.read_tokens(layer.read_bytes())[1] if b"host" in each or b"`" in each]
    answer = convert(tmp_path, model)
    assert (answer["ok"], answer["textures"]) == (True, 0)
    assert answer["faces"] in (6, 12)
    assert "left out" in answer["messages"][0]


@with_usd
def test_a_damaged_binary_usd_is_refused_in_words(tmp_path: Path) -> None:
    model = boxed(tmp_path / "m.usdc", picture(tmp_path / "a.png"), "wm.usd_export")
    sound = model.read_bytes()
    generator = np.random.default_rng(7)
    for _ in range(200):
        content = bytearray(sound)
        for place in generator.integers(0, len(content), 20):
            content[place] = generator.integers(256)
        content = content[: generator.integers(9, len(content))] if generator.random() < 0.3 else content
        written(model, b"PXR-USDC" + content[8:])
        with contextlib.suppress(part("scene.conversion.unpack").UnreadableError):
            part("scene.conversion.usd").clean_layer(model, tmp_path)


def test_a_damaged_fbx_is_refused_in_words(tmp_path: Path) -> None:
    model = boxed(tmp_path / "m.fbx", picture(tmp_path / "a.png"), "export_scene.fbx")
    sound = model.read_bytes()
    generator = np.random.default_rng(7)
    for _ in range(200):
        content = bytearray(sound)
        for place in generator.integers(23, len(content), 20):
            content[place] = generator.integers(256)
        written(
            model, content[: generator.integers(27, len(content))] if generator.random() < 0.3 else content
        )
        with contextlib.suppress(part("scene.conversion.unpack").UnreadableError):
            part("scene.conversion.fbx").clean_fbx(model, "m.fbx")


# 3.4 How much a file may ask for.


def instanced(count: int, **more: object) -> bytes:
    """A triangle `count` times along X, the last of them mirrored, with coordinates of a texture."""
    places = np.zeros((count, 3), "<f4")
    places[:, 0] = np.arange(count) * 2
    scales = np.ones((count, 3), "<f4")
    scales[-1, 0] = -1
    uvs = struct.pack("<6f", 0, 0, 1, 0, 0, 1)
    blobs = [POINTS, uvs, places.tobytes(), scales.tobytes()]
    starts = np.cumsum([0, *map(len, blobs)]).tolist()
    attributes = {"TRANSLATION": 2, "SCALE": 3}
    document = bare_triangle(
        extensionsUsed=["EXT_mesh_gpu_instancing"],
        nodes=[{"mesh": 0, "extensions": {"EXT_mesh_gpu_instancing": {"attributes": attributes}}}],
        meshes=[{"primitives": [{"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "material": 0}]}],
        materials=[{"name": "Skin"}],
        accessors=[
            {"bufferView": 0, "type": "VEC3", "componentType": 5126, "count": 3},
            {"bufferView": 1, "type": "VEC2", "componentType": 5126, "count": 3},
            {"bufferView": 2, "type": "VEC3", "componentType": 5126, "count": count},
            {"bufferView": 3, "type": "VEC3", "componentType": 5126, "count": count},
        ],
        bufferViews=[
            {"buffer": 0, "byteOffset": start, "byteLength": len(blob)}
            for start, blob in zip(starts, blobs, strict=False)
        ],
        buffers=[{"byteLength": starts[-1]}],
        **more,
    )
    return glb(document, b"".join(blobs))


def test_many_objects_come_as_one_and_the_job_says_so(tmp_path: Path) -> None:
    answer = convert(tmp_path, written(tmp_path / "a.glb", instanced(600)))
    assert (answer["ok"], answer["objects"], answer["faces"]) == (True, 1, 600)
    assert "joined" in answer["messages"][0]
    _, objects = scene_package.Loading(tmp_path / "result.blend").finish()
    (mesh,) = [each.data for each in objects if each.data]
    assert len(objects) == 1
    assert (len(mesh.polygons), len(mesh.vertices), len(mesh.edges)) == (600, 1800, 1800)
    assert [each.name for each in mesh.materials] == ["Skin"]
    assert not mesh.validate()
    uvs = np.empty(3600, np.float32)
    mesh.uv_layers.active.data.foreach_get("uv", uvs)
    assert sorted(set(uvs.round(4).tolist())) == [0.0, 1.0]
    lows = sorted(min(mesh.vertices[i].co.x for i in each.vertices) for each in mesh.polygons)
    left = lows[0]
    assert [each - left for each in lows[:3]] == pytest.approx([0, 2, 4])
    assert [each - left for each in lows[-2:]] == pytest.approx([1196, 1197])
    normals = {tuple(round(part) for part in each.normal) for each in mesh.polygons}
    assert len(normals) == 1, "what is mirrored shows its front as well"


def test_a_few_objects_stay_what_they_are(tmp_path: Path) -> None:
    answer = convert(tmp_path, written(tmp_path / "a.glb", instanced(50)))
    assert answer["objects"] in (50, 51)
    assert answer["messages"] == []


def test_animated_objects_without_number_come_as_one_without_their_animation(tmp_path: Path) -> None:
    count = 600
    times = struct.pack("<2f", 0, 1)
    moves = struct.pack("<6f", 0, 0, 0, 1, 0, 0)
    nodes = [{"mesh": 0, "translation": [2.0 * number, 0, 0]} for number in range(count)]
    channels = [{"sampler": 0, "target": {"node": number, "path": "translation"}} for number in range(count)]
    document = bare_triangle(
        scenes=[{"nodes": list(range(count))}],
        nodes=nodes,
        animations=[{"channels": channels, "samplers": [{"input": 1, "output": 2}]}],
        accessors=[
            {"bufferView": 0, "type": "VEC3", "componentType": 5126, "count": 3},
            {"bufferView": 1, "type": "SCALAR", "componentType": 5126, "count": 2, "min": [0], "max": [1]},
            {"bufferView": 2, "type": "VEC3", "componentType": 5126, "count": 2},
        ],
        bufferViews=[
            {"buffer": 0, "byteLength": 36},
            {"buffer": 0, "byteOffset": 36, "byteLength": 8},
            {"buffer": 0, "byteOffset": 44, "byteLength": 24},
        ],
        buffers=[{"byteLength": 68}],
    )
    answer = convert(tmp_path, written(tmp_path / "a.glb", glb(document, POINTS + times + moves)))
    assert (answer["ok"], answer["objects"], answer["faces"]) == (True, 1, count)
    assert "without rigs and animation" in answer["messages"][0]


CLAIMS: dict[str, tuple[dict[str, object], str]] = {
    "zeros": ({"accessors": [{"type": "VEC3", "componentType": 5126, "count": 10_000_000}]}, "claims more"),
    "more than it brings": (
        {"accessors": [{"bufferView": 0, "type": "VEC3", "componentType": 5126, "count": 4}]},
        "more vertices than it brings",
    ),
    "no number": ({"accessors": [{"type": "VEC3", "componentType": 5126, "count": "a"}]}, "no glTF model"),
    "a stride of text": (
        {"bufferViews": [{"buffer": 0, "byteLength": 36, "byteStride": "aaaa"}]},
        "no glTF model",
    ),
    "instances": (
        {
            "nodes": [{"mesh": 0, "extensions": {"EXT_mesh_gpu_instancing": {"attributes": {"SCALE": 1}}}}],
            "accessors": [
                {"bufferView": 0, "type": "VEC3", "componentType": 5126, "count": 3},
                {"type": "VEC3", "componentType": 5126, "count": 500_000},
            ],
        },
        "claims more",
    ),
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_small_file_that_claims_much_is_refused_before_anything_is_allocated(
    tmp_path: Path, claim: str
) -> None:
    changes, fragment = CLAIMS[claim]
    answer = convert(tmp_path, written(tmp_path / "a.glb", glb(bare_triangle(**changes), POINTS)))
    assert answer["ok"] is False
    assert fragment in answer["error"]


def test_an_fbx_that_claims_more_than_its_size_allows_is_refused(tmp_path: Path) -> None:
    array = b"d" + struct.pack("<III", 1 << 29, 1, 8) + bytes(8)
    node = struct.pack("<IIIB", 27 + 13 + 4 + len(array), 1, len(array), 4) + b"Vert" + array
    content = b"Kaydara FBX Binary  \0\x1a\0" + struct.pack("<I", 7400) + node + bytes(13)
    answer = convert(tmp_path, written(tmp_path / "m.fbx", content))
    assert answer["ok"] is False
    assert "claims more memory" in answer["error"]


def test_textures_beyond_the_budget_are_made_smaller_and_said_so(tmp_path: Path) -> None:
    textures = part("scene.conversion.textures")
    images = [bpy.data.images.load(str(picture(tmp_path / f"{size}.png", size))) for size in (64, 64, 8)]
    for image in images:
        image.use_fake_user = True
    assert textures.pack_textures(images, tmp_path) == []
    sizes, messages = textures.fit_textures(max_pixels=64 * 64)
    assert sorted(sizes.values()) == [(8, 8), (32, 32), (32, 32)]
    assert sorted(tuple(image.size) for image in images) == [(8, 8), (32, 32), (32, 32)]
    assert all(image.packed_file.data.startswith(b"\x89PNG") for image in images)
    assert messages[0].startswith("2 of 3 textures were made smaller, to 32 pixels")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="no limit to test with")
def test_a_result_that_needs_more_memory_than_it_may_ends_its_child_alone(tmp_path: Path) -> None:
    side = 400
    lines = [f"v {x} {y} 0" for y in range(side) for x in range(side)]
    for y in range(side - 1):
        first = [y * side + x + 1 for x in range(side - 1)]
        lines += [f"f {n} {n + 1} {n + side + 1} {n + side}" for n in first]
    model = written(tmp_path / "m.obj", "\n".join(lines).encode())
    answer = convert(tmp_path, model, run=run_in_new_blender, memory_bytes=4 << 20)
    assert answer["ok"] is False
    assert "memory" in answer["error"]
    again = convert(tmp_path, model)
    assert (again["ok"], again["faces"]) == (True, (side - 1) ** 2)


# 3.5 What points elsewhere, or speaks to a terminal.


def moving(path: Path) -> Path:
    """A USD in which a cube changes its shape and another its place over ten frames."""
    points = "[(0, 0, 0), ({x}, 0, 0), (0, 1, 0)]"
    samples = ", ".join(f"{frame}: {points.format(x=frame + 1)}" for frame in range(10))
    places = ", ".join(f"{frame}: ({frame + 3}, 0, 0)" for frame in range(10))
    faces = "int[] faceVertexCounts = [3]\n    int[] faceVertexIndices = [0, 1, 2]"
    path.write_text(
        f"""#usda 1.0
(
    startTimeCode = 1
    endTimeCode = 9
    upAxis = "Z"
    metersPerUnit = 1
)
def Mesh "shape"
{{
    {faces}
    point3f[] points.timeSamples = {{ {samples} }}
}}
def Xform "way"
{{
    double3 xformOp:translate.timeSamples = {{ {places} }}
    uniform token[] xformOpOrder = ["xformOp:translate"]
    def Mesh "rider"
    {{
        {faces}
        point3f[] points = {points.format(x=1)}
    }}
}}
"""
    )
    return path


@with_usd
def test_an_animated_usd_comes_as_the_shape_it_shows_and_points_to_no_file(tmp_path: Path) -> None:
    answer = convert(tmp_path, moving(tmp_path / "m.usda"))
    assert (answer["ok"], answer["faces"]) == (True, 2)
    assert "animation of m.usda is left out" in answer["messages"][0]
    content = (tmp_path / "result.blend").read_bytes()
    assert str(tmp_path).encode() not in content
    assert b"m.usda" not in content
    root, objects = scene_package.Loading(tmp_path / "result.blend").finish()
    bpy.context.scene.collection.objects.link(root)
    for each in objects:
        assert not each.modifiers
        assert not each.constraints
    assert not bpy.data.cache_files
    width = max(vertex.co.x for each in objects if each.data for vertex in each.data.vertices)
    assert width == pytest.approx(2)
    bpy.context.view_layer.update()
    low, high = scene_package.bounds_or_none(root)
    assert high.x - low.x == pytest.approx(5)


def test_names_in_a_file_reach_no_terminal_as_commands(tmp_path: Path) -> None:
    odd = "\x1b]0;x\x07\x9b2J\u202eevil"
    document = bare_triangle(images=[{"uri": f"//host/{odd}.png", "name": odd}], textures=[{"source": 0}])
    document["materials"] = [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}]
    document["meshes"][0]["primitives"][0]["material"] = 0
    answer = convert(tmp_path, written(tmp_path / "a\u202eb.glb", glb(document, POINTS)))
    assert answer["messages"]
    for text in json.dumps(answer, ensure_ascii=False), *answer["messages"], *answer["imported"]:
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(text)
