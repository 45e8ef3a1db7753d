# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stranger's file says about itself: in the converter, and in the artist's Blender."""

import importlib
import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from errands import errand

PACKAGE = os.environ.get("MAQUETTE_PACKAGE", "bl_ext.user_default.maquette")
POINTS = struct.pack("<9f", 0, 0, 0, 1, 0, 0, 0, 1, 0)
LIE = json.dumps({"counts": [2_000_000_000] * 2, "arrays": [["/etc/passwd", "position", "FLOAT", "POINT"]]})
EXTRAS = {"maquette_parts": LIE, "maquette_min": "x", "maquette_awaits": [1], "maquette_x": 1, "other": 2}


def part(name: str) -> Any:
    return importlib.import_module(f"{PACKAGE}.{name}")


scene_package = part("scene")
parts = part("scene.conversion.parts")


@pytest.fixture(autouse=True)
def nothing_else() -> Iterator[None]:
    """Each test begins without data, and leaves none."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    yield
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)


def glb(document: object, binary: bytes = b"") -> bytes:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    body = struct.pack("<I4s", len(text), b"JSON") + text
    if binary:
        body += struct.pack("<I4s", len(binary), b"BIN\0") + binary
    return struct.pack("<4sII", b"glTF", 2, 12 + len(body)) + body


def triangle(**changes: object) -> dict[str, Any]:
    return {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "accessors": [{"bufferView": 0, "type": "VEC3", "componentType": 5126, "count": 3}],
        "bufferViews": [{"buffer": 0, "byteLength": len(POINTS)}],
        "buffers": [{"byteLength": len(POINTS)}],
        **changes,
    }


def convert(folder: Path, *files: Path, **more: object) -> dict[str, Any]:
    """The converter's answer for the first file, with the others beside it."""
    sources = [
        {"path": str(file), "name": file.name, "role": "companion" if number else "mesh"}
        for number, file in enumerate(files)
    ]
    wish = {"sources": sources, "name": "model", "target": str(folder / "result.blend"), **more}
    return errand("convert", wish, folder)


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
    document = triangle(
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
    assert convert(tmp_path, written(tmp_path / "a.glb", glb(triangle(), POINTS)))["ok"]
    first = scene_package.append_result(
        tmp_path / "result.blend",
        name="first",
        scene=bpy.context.scene,
        placement=scene_package.Placement(),
        provenance={"job": "job_1"},
    )
    first.children[0].data["maquette_parts"] = LIE
    scene_package.export_glb([first], tmp_path / "again.glb")
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
        assert not part("operators.reserve").is_root(item)
        low, high = scene_package.box_of(item)
        assert len(low) == len(high) == 3
    part("operators.arrivals").scan()
    assert part("operators.reserve").targets(bpy.context) == [None]


def test_a_result_that_cannot_be_placed_is_that_job_s_error_and_the_next_one_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrivals, jobs = part("operators.arrivals"), part("jobs")
    preferences: Any = bpy.context.preferences.addons[PACKAGE].preferences
    preferences.folder, preferences.is_sandbox = str(tmp_path / "state"), True
    part("operators.session").open_desk()
    desk = part("jobs.holder").current()
    try:
        made = []
        for number, lie in enumerate(({"counts": [7, 7]}, {})):
            (folder := tmp_path / str(number)).mkdir()
            result = lying_result(folder, **lie)
            job = desk.store.add(
                jobs.NewJob(name=f"n{number}", model_id="m", inputs={}, service=desk.service)
            )
            for state in ("uploading", "submitting", "queued", "downloading", "converting", "ready"):
                job = desk.store.move(job, jobs.State(state))
            desk.store.job_folder(job.id).mkdir(parents=True, exist_ok=True)
            result.rename(desk.store.job_folder(job.id) / "result.blend")
            (folder / "result.parts").rename(desk.store.job_folder(job.id) / "result.parts")
            scene_package.add_placeholder(
                bpy.context.scene, job_id=job.id, name="p", location=(0, 0, 0), size=1.0
            )
            desk.get(job.id)
            arrivals.expect(job.id)
            made.append(job.id)
        for _ in range(100):
            arrivals.note(desk, desk.tick())
            if arrivals.are_waiting():
                arrivals.step(desk)
        bad, good = (desk.get(each) for each in made)
        assert (bad.state, good.state) == ("ready", "placed")
        assert "Convert the result again." in bad.message
        assert not arrivals.are_waiting()
    finally:
        part("operators.session").close_desk()
        preferences.folder, preferences.is_sandbox = "", False
