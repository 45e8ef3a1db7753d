# SPDX-License-Identifier: GPL-3.0-or-later
"""From a converted result to objects in the scene: append, place, export, save, render."""

import importlib
import itertools
import json
import math
import os
import struct
import warnings
from pathlib import Path

import bpy
import numpy as np
import pytest
from background_tasks import run_task
from glb_files import glb_of
from mathutils import Vector
from png_files import png

PACKAGE = os.environ.get("MAQUETTE_PACKAGE", "bl_ext.user_default.maquette")
BLENDER = os.environ.get("MAQUETTE_BLENDER") or bpy.app.binary_path
PROVENANCE = {"job": "job_1", "seed": 2**40, "cost_cu": 1.5, "parameters": '{"faces": 12}'}
RED = (230, 30, 25)

scene_package = importlib.import_module(PACKAGE + ".scene")
Placement = scene_package.Placement


def write_box(path: Path) -> None:
    """A closed box of 2 x 4 x 6 m (width, depth, height), red by texture, its corner at the origin."""
    corners = np.array([(x, y, z) for x in (0, 2) for y in (0, 6) for z in (0, 4)], "<f4")
    quads = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
    index = np.array([each for a, b, c, d in quads for each in (a, b, c, a, c, d)], "<u2")
    blobs = [corners.tobytes(), np.full((8, 2), 0.5, "<f4").tobytes(), index.tobytes(), png(4, color=RED)]
    document = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "Box"}],
        "meshes": [
            {"primitives": [{"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "indices": 2, "material": 0}]}
        ],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}, "metallicFactor": 0}}],
        "textures": [{"source": 0}],
        "images": [{"bufferView": 3, "mimeType": "image/png"}],
        "accessors": [
            {
                "bufferView": 0,
                "type": "VEC3",
                "componentType": 5126,
                "count": 8,
                "min": [0, 0, 0],
                "max": [2, 6, 4],
            },
            {"bufferView": 1, "type": "VEC2", "componentType": 5126, "count": 8},
            {"bufferView": 2, "type": "SCALAR", "componentType": 5123, "count": 36},
        ],
    }
    path.write_bytes(glb_of(document, *blobs))


@pytest.fixture(scope="module")
def result(tmp_path_factory) -> Path:
    """The box, converted by the real child."""
    folder = tmp_path_factory.mktemp("result")
    write_box(folder / "box.glb")
    request = {
        "sources": [{"path": str(folder / "box.glb"), "role": "mesh", "name": "box.glb"}],
        "name": "box",
    }
    assert run_task("convert", request | {"target": str(folder / "result.blend")}, folder)["ok"]
    return folder / "result.blend"


@pytest.fixture
def scene():
    """An empty scene of the test's own in the window, and nothing of it left afterwards."""
    window, before = bpy.context.window, bpy.context.window.scene
    made = bpy.data.scenes.new("Test")
    window.scene = made
    yield made
    if bpy.context.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    window.scene = before
    bpy.data.batch_remove([*made.collection.children_recursive, *made.collection.all_objects])
    bpy.data.scenes.remove(made)
    bpy.data.orphans_purge(do_recursive=True)


def append(result: Path, scene: bpy.types.Scene, **placement: object) -> bpy.types.Object:
    return scene_package.append_result(
        result, name="Horse", scene=scene, placement=Placement(**placement), provenance=PROVENANCE
    )


def world_box(root: bpy.types.Object) -> tuple[Vector, Vector]:
    """The corners of the real vertices in the world, evaluated by Blender."""
    bpy.context.view_layer.update()
    points = [
        each.matrix_world @ vertex.co
        for each in (root, *root.children_recursive)
        if each.type == "MESH"
        for vertex in each.data.vertices
    ]
    return (
        Vector(min(point[axis] for point in points) for axis in range(3)),
        Vector(max(point[axis] for point in points) for axis in range(3)),
    )


def counts() -> dict[str, int]:
    found = {
        name: len(getattr(bpy.data, name))
        for name, prop in bpy.data.bl_rna.properties.items()
        if prop.type == "COLLECTION" and name != "all_ids"
    }
    # Blender makes one at the first render and keeps it.
    return found | {"images": sum(image.type != "RENDER_RESULT" for image in bpy.data.images)}


def test_a_result_stands_on_its_point_with_its_longest_side_as_asked(result, scene):
    root = append(result, scene, location=(3, 4, 5), size_m=3.0)
    low, high = world_box(root)
    assert tuple(high - low) == pytest.approx((1, 2, 3), abs=1e-5)
    assert tuple((low + high) / 2) == pytest.approx((3, 4, 6.5), abs=1e-5)


def test_a_result_as_delivered_keeps_its_metres(result, scene):
    low, high = world_box(append(result, scene, size_m=None))
    assert tuple(high - low) == pytest.approx((2, 4, 6), abs=1e-5)


def test_a_result_is_turned_about_its_own_foot(result, scene):
    low, high = world_box(append(result, scene, location=(1, 0, 0), rotation_z=math.pi / 2, size_m=6))
    assert tuple(high - low) == pytest.approx((4, 2, 6), abs=1e-4)
    assert tuple((low + high) / 2) == pytest.approx((1, 0, 3), abs=1e-4)


def test_sizes_are_metres_also_in_a_scene_of_centimetres(result, scene):
    scene.unit_settings.system = "METRIC"
    scene.unit_settings.scale_length = 0.01
    low, high = world_box(append(result, scene, size_m=1.5))
    assert max(high - low) == pytest.approx(150, rel=1e-5)
    low, high = world_box(append(result, scene, size_m=None))
    assert max(high - low) == pytest.approx(600, rel=1e-5)


@pytest.mark.parametrize("size", [0, -1, math.nan, math.inf])
def test_a_size_that_is_none_is_refused_and_nothing_stays(result, scene, size):
    before = counts()
    with pytest.raises(ValueError, match="above 0"):
        append(result, scene, size_m=size)
    assert counts() == before


def test_the_root_says_where_the_model_comes_from(result, scene):
    root = append(result, scene)
    assert root.name.startswith("Horse")
    assert (root["maquette_job"], root["maquette_cost_cu"]) == ("job_1", 1.5)
    assert root["maquette_seed"] == str(2**40)


def test_appending_twice_gives_two_that_share_nothing(result, scene):
    first, second = append(result, scene), append(result, scene)
    assert first != second
    assert first.data != second.data
    assert first.data.materials[0] != second.data.materials[0]
    assert [each.name.split(".")[0] for each in scene.collection.children] == ["Maquette"]


def test_an_append_leaves_no_library_and_no_stray_collection(result, scene):
    before = counts()
    root = append(result, scene)
    after = counts()
    assert after["libraries"] == before["libraries"]
    assert after["collections"] == before["collections"] + 1
    assert all(each.users_scene == (scene,) for each in (root, *root.children_recursive))
    assert all(image.packed_file for image in bpy.data.images if image.users and image.source == "FILE")


@pytest.mark.parametrize("mode", ["OBJECT", "EDIT", "SCULPT"])
def test_an_append_leaves_mode_selection_and_active_object_alone(result, scene, mode):
    bpy.ops.mesh.primitive_cube_add()
    mine = bpy.context.object
    bpy.ops.object.mode_set(mode=mode)
    root = append(result, scene)
    assert bpy.context.view_layer.objects.active == mine
    assert mine.mode == mode
    assert [each for each in scene.objects if each.select_get()] == [mine]
    assert root.name in scene.objects


def test_results_go_into_the_collection_wherever_it_was_moved(result, scene):
    first = append(result, scene)
    (collection,) = scene.collection.children
    shelf = bpy.data.collections.new("Shelf")
    scene.collection.children.link(shelf)
    scene.collection.children.unlink(collection)
    shelf.children.link(collection)
    collection.name = "Models"
    assert append(result, scene).users_collection == first.users_collection == (collection,)


def test_a_result_does_not_vanish_into_an_excluded_collection(result, scene):
    append(result, scene)
    scene.view_layers[0].layer_collection.children[0].exclude = True
    assert append(result, scene).visible_get()


def test_each_scene_has_a_collection_of_its_own(result, scene):
    other = bpy.data.scenes.new("Other")
    first, second = append(result, scene), append(result, other)
    assert (first.users_scene, second.users_scene) == ((scene,), (other,))
    bpy.data.batch_remove([*other.collection.children_recursive, *other.collection.all_objects])
    bpy.data.scenes.remove(other)


@pytest.mark.parametrize("content", [None, b"", b"BLENDER-v402garbage", b"no blend at all"])
def test_an_unreadable_result_is_an_error_and_leaves_nothing(scene, tmp_path, content):
    path = tmp_path / "result.blend"
    if content is not None:
        path.write_bytes(content)
    before = counts()
    with pytest.raises(OSError, match=r"result\.blend"):
        append(path, scene)
    assert counts() == before


def test_a_blend_file_that_is_no_result_is_refused_and_leaves_nothing(scene, tmp_path):
    stray = bpy.data.objects.new("Stray", None)
    bpy.data.libraries.write(str(tmp_path / "other.blend"), {stray})
    bpy.data.objects.remove(stray)
    before = counts()
    with pytest.raises(ValueError, match=r"other\.blend is not a result"):
        append(tmp_path / "other.blend", scene)
    assert counts() == before


def test_a_row_stands_side_by_side_with_the_gap_between(result, scene):
    roots = [append(result, scene, size_m=size, rotation_z=turn) for size, turn in ((1, 0), (2, 0.5), (3, 0))]
    for root, location in zip(roots, scene_package.row_locations(roots, 0.25), strict=True):
        root.location = location
    boxes = [world_box(root) for root in roots]
    gaps = [right[0].x - left[1].x for left, right in itertools.pairwise(boxes)]
    assert gaps == pytest.approx([0.25, 0.25], abs=1e-5)
    assert boxes[0][0].x == pytest.approx(-boxes[-1][1].x, abs=1e-5)
    assert scene_package.row_locations([], 1) == []


def glb_json(path: Path) -> dict:
    data = path.read_bytes()
    assert data[:4] == b"glTF"
    return json.loads(data[20 : 20 + struct.unpack_from("<I", data, 12)[0]])


def test_an_exported_glb_holds_the_results_alone_and_their_provenance(result, scene, tmp_path):
    bpy.ops.mesh.primitive_monkey_add()
    roots = [append(result, scene), append(result, scene, location=(2, 0, 0))]
    before = counts()
    with warnings.catch_warnings(
        action="ignore"
    ):  # Blender's exporter, with a newer numpy than it was made for
        scene_package.write_output(roots[1:], tmp_path / "horse.glb")
    assert counts() == before
    assert [each.name for each in tmp_path.iterdir()] == ["horse.glb"]
    document = glb_json(tmp_path / "horse.glb")
    assert len(document["meshes"]) == 1
    (root,) = document["nodes"]
    assert root["mesh"] == 0
    assert "scale" not in root
    assert root["translation"] == pytest.approx([2, 0, 0])
    assert root["extras"]["maquette_job"] == "job_1"
    assert "bufferView" in document["images"][0]
    assert bpy.context.scene == scene


def test_an_export_to_nowhere_is_an_error_and_leaves_nothing(result, scene, tmp_path):
    root = append(result, scene)
    (tmp_path / "file").touch()
    before = counts()
    with pytest.raises((RuntimeError, OSError)), warnings.catch_warnings(action="ignore"):
        scene_package.write_output([root], tmp_path / "file" / "horse.glb")
    assert counts() == before
    assert bpy.context.scene == scene


def test_a_saved_copy_holds_the_result_and_makes_no_backup(result, scene, tmp_path):
    append(result, scene)
    for _ in range(2):
        scene_package.save_blend(tmp_path / "out.blend")
    assert [each.name for each in tmp_path.iterdir()] == ["out.blend"]
    assert bpy.data.filepath != str(tmp_path / "out.blend")
    saved = str(tmp_path / "out.blend")
    with bpy.data.libraries.load(saved) as (source, _):  # pyright: ignore[reportGeneralTypeIssues]
        assert any(name.startswith("Horse") for name in source.objects)


def test_a_preview_shows_the_result_in_its_own_colour_on_a_neutral_ground(result, scene, tmp_path):
    root = append(result, scene)
    before = counts()
    scene_package.render_preview([root], tmp_path / "p.png", resolution=(96, 64))
    assert counts() == before
    assert [each.name for each in tmp_path.iterdir()] == ["p.png"]
    image = bpy.data.images.load(str(tmp_path / "p.png"))
    pixels = np.empty(96 * 64 * 4, np.float32)
    image.pixels.foreach_get(pixels)
    bpy.data.images.remove(image)
    colours = pixels.reshape(64, 96, 4)[:, :, :3]
    red = (colours[:, :, 0] > 0.4) & (colours[:, :, 1] < 0.35) & (colours[:, :, 2] < 0.35)
    rows, columns = np.nonzero(red)
    assert 40 < rows.max() - rows.min() < 64  # it fills the height and is cut off nowhere
    assert columns.min() > 0
    assert columns.max() < 95
    corner = colours[-3:, :3].reshape(-1, 3).mean(0)
    assert corner.min() > 0.7
    assert np.ptp(corner) < 0.06
