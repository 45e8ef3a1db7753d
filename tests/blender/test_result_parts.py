# SPDX-License-Identifier: GPL-3.0-or-later
"""What the artist has made of a result, and hung on it, stays where another version takes its place."""

import importlib
import os
from pathlib import Path
from typing import Any

import bpy
import pytest
from background_tasks import run_task
from mathutils import Matrix

PACKAGE = os.environ.get("MAQUETTE_PACKAGE", "bl_ext.user_default.maquette")
scene_package = importlib.import_module(PACKAGE + ".scene")


def cube(name: str, **options: Any) -> Any:
    bpy.ops.mesh.primitive_cube_add(**options)
    made: Any = bpy.context.object
    made.name = name
    return made


def rigged() -> list[Any]:
    skin = cube("Skin", size=2, location=(0, 0, 1))
    bpy.ops.object.armature_add()
    rig: Any = bpy.context.object
    bpy.ops.object.mode_set(mode="EDIT")
    bone = rig.data.edit_bones[0]
    bone.name, bone.head, bone.tail = "Hand", (0, 0, 1), (1, 0, 1)
    bpy.ops.object.mode_set(mode="OBJECT")
    skin.parent = rig
    skin.modifiers.new("Armature", "ARMATURE").object = rig
    skin.vertex_groups.new(name="Hand").add(range(8), 1.0, "REPLACE")
    return [skin, rig]


def two_parts() -> list[Any]:
    body = cube("Body", size=1)
    body.data.materials.append(bpy.data.materials.new("paint"))
    return [body, cube("Wheel", size=1, location=(3, 0, 0))]


KINDS = {"box": lambda: [cube("Box", size=1)], "parts": two_parts, "rig": rigged}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A converted result of each kind."""
    made: dict[str, Path] = {}
    for kind, build in KINDS.items():
        bpy.ops.wm.read_homefile(use_empty=True)
        folder = tmp_path_factory.mktemp(kind)
        objects = build()
        for each in objects:
            each.select_set(True)
        bpy.ops.export_scene.gltf(filepath=str(folder / "model.glb"), use_selection=True)
        sources = [{"path": str(folder / "model.glb"), "role": "mesh", "name": "model.glb"}]
        request = {"sources": sources, "name": "model", "target": str(folder / "result.blend")}
        assert run_task("convert", request, folder)["ok"]
        made[kind] = folder / "result.blend"
    return made


@pytest.fixture
def scene() -> Any:
    bpy.ops.wm.read_homefile(use_empty=True)
    yield bpy.context.scene
    bpy.ops.wm.read_homefile(use_empty=True)


def arrived(result: Path) -> Any:
    loading = scene_package.Loading(result)
    (made,) = scene_package.arrive(loading, job_id="job_1", name="car", provenance={"job": "job_1"})
    bpy.context.view_layer.update()
    return made


def placed(result: Path) -> Any:
    scene_package.add_placeholder(bpy.context.scene, job_id="job_1", name="car", location=(1, 2, 0), size=2.0)
    bpy.context.view_layer.update()
    return arrived(result)


def next_version(root: Any, result: Path) -> Any:
    scene_package.await_version(root, "job_1", 0.0)
    return arrived(result)


def part(root: Any, name: str) -> Any:
    return next(each for each in scene_package.parts_of(root) if each.name == name)


def link_to(item: Any, parent: Any, kind: str, **options: Any) -> Matrix:
    """Parents the item so, and returns where it is."""
    item.parent, item.parent_type = parent, kind
    for name, value in options.items():
        setattr(item, name, value)
    bpy.context.view_layer.update()
    return item.matrix_world.copy()


def is_close(one: Matrix, other: Matrix) -> bool:
    return all((a - b).length < 1e-4 for a, b in zip(one, other, strict=True))


def test_a_copy_of_a_part_is_the_artists_own_however_often_the_result_is_replaced(
    scene: Any, results: dict[str, Path]
) -> None:
    root = placed(results["parts"])
    wheel = part(root, "Wheel")
    spare = wheel.copy()
    spare.data = wheel.data.copy()
    spare.name = "My spare wheel"
    for collection in wheel.users_collection:
        collection.objects.link(spare)
    spare.modifiers.new("Bevel", "BEVEL")
    bpy.context.view_layer.update()
    was = spare.matrix_world.copy()
    for kind in ("parts", "box", "box", "parts", "parts"):
        root = next_version(root, results[kind])
        assert spare.users_scene and spare.parent == root
        assert is_close(spare.matrix_world, was) or kind == "box"
        assert [each.name for each in scene_package.parts_of(root)] == (
            [] if kind == "box" else ["Body", "Wheel"]
        )
    assert list(spare.modifiers) and wheel.users_scene == ()


@pytest.mark.parametrize("kind", ["box", "parts"])
@pytest.mark.parametrize("edit", ["join", "sculpt", "extrude", "scale", None])
def test_the_mesh_that_was_edited_is_kept(
    scene: Any, results: dict[str, Path], kind: str, edit: str | None
) -> None:
    root = placed(results[kind])
    item = root if kind == "box" else part(root, "Body")
    if edit == "join":
        eye = cube("Eye", size=0.1, location=item.matrix_world.translation)
        eye.select_set(True)
        item.select_set(True)
        bpy.context.view_layer.objects.active = item
        bpy.ops.object.join()
    elif edit == "sculpt":  # within its box
        corner = max(item.data.vertices, key=lambda each: each.co.x + each.co.y + each.co.z)
        corner.co *= 0.9
    elif edit == "extrude":
        item.data.vertices.add(1)
    elif edit == "scale":  # the same shape
        item.data.transform(Matrix.Scale(1.7, 4))
    edited = scene_package.edited_of(root)
    is_kept = edit not in ("scale", None)
    assert edited == ([item.data] if is_kept else [])
    mesh = item.data
    next_version(root, results[kind])
    assert mesh.use_fake_user is is_kept
    assert mesh.name.endswith(" (edited)") is is_kept


def test_while_a_part_is_edited_nothing_takes_its_place(scene: Any, results: dict[str, Path]) -> None:
    root = placed(results["parts"])
    scene_package.await_version(root, "job_1", 0.0)
    bpy.context.view_layer.objects.active = part(root, "Wheel")
    assert scene_package.mode_in_use("job_1") == ""
    bpy.ops.object.mode_set(mode="EDIT")
    assert scene_package.mode_in_use("job_1") == "EDIT"
    bpy.ops.object.mode_set(mode="OBJECT")
    own = cube("Own")
    own.parent = root
    bpy.ops.object.mode_set(mode="EDIT")  # what the artist has put there does not go
    assert scene_package.mode_in_use("job_1") == ""


def test_what_hangs_on_a_bone_goes_to_that_bone_of_the_next_version(
    scene: Any, results: dict[str, Path]
) -> None:
    root = placed(results["rig"])
    rig = next(each for each in scene_package.parts_of(root) if each.type == "ARMATURE")
    sword = cube("Sword", size=0.1)
    was = link_to(sword, rig, "BONE", parent_bone="Hand")
    for _ in range(3):
        root = next_version(root, results["rig"])
        assert (sword.parent.type, sword.parent.name, sword.parent_bone) == (
            "ARMATURE",
            rig_name(root),
            "Hand",
        )
        assert is_close(sword.matrix_world, was)
    root = next_version(root, results["box"])
    assert (sword.parent, sword.parent_type) == (root, "OBJECT")
    assert is_close(sword.matrix_world, was)


def rig_name(root: Any) -> str:
    return next(each.name for each in scene_package.parts_of(root) if each.type == "ARMATURE")


def test_what_hangs_on_a_vertex_stays_where_it_is(scene: Any, results: dict[str, Path]) -> None:
    item = cube("Car", size=2, location=(5, 0, 1))
    lamp = cube("Lamp", size=0.1)
    was = link_to(lamp, item, "VERTEX", parent_vertices=(6, 0, 0))
    item["maquette_awaits"] = "job_1"
    root = arrived(results["box"])
    assert (lamp.parent, lamp.parent_type) == (root, "OBJECT")
    assert is_close(lamp.matrix_world, was)


def test_what_points_to_a_part_does_so_after_many_versions(scene: Any, results: dict[str, Path]) -> None:
    root = placed(results["parts"])
    cut = cube("Wall").modifiers.new("Cut", "BOOLEAN")
    cut.object = part(root, "Wheel")
    for _ in range(4):
        root = next_version(root, results["parts"])
        assert cut.object == part(root, "Wheel")


def test_what_waits_in_a_linked_file_waits_there(
    scene: Any, results: dict[str, Path], tmp_path: Path
) -> None:
    waiting = cube("Car", size=3)
    waiting["maquette_awaits"] = "job_1"
    bpy.data.libraries.write(str(tmp_path / "set.blend"), {waiting}, fake_user=True)
    bpy.ops.wm.read_homefile(use_empty=True)
    own = cube("Car", size=1)
    libraries: Any = bpy.data.libraries
    with libraries.load(str(tmp_path / "set.blend"), link=True) as (_, wanted):
        wanted.objects = ["Car"]
    bpy.context.scene.collection.objects.link(wanted.objects[0])
    assert scene_package.find_placeholders(None) == {}
    loading = scene_package.Loading(results["box"])
    assert scene_package.arrive(loading, job_id="job_1", name="car", provenance={}) == []
    assert own.users_scene and own.name == "Car" and len(own.data.vertices) == 8
    own["maquette_awaits"] = "job_1"  # of the same name, this one does wait
    (made,) = scene_package.arrive(
        scene_package.Loading(results["box"]), job_id="job_1", name="car", provenance={}
    )
    assert made.name == "Car" and made.library is None and not own.users_scene


@pytest.mark.parametrize("built", ["child", "constraint", "nothing"])
def test_a_canceled_job_leaves_the_empty_that_something_was_built_on(scene: Any, built: str) -> None:
    empty = scene_package.add_placeholder(scene, job_id="job_1", name="car", location=(5, 0, 0), size=2.0)
    lamp = cube("Lamp")
    if built == "child":
        lamp.parent = empty
    elif built == "constraint":
        lamp.constraints.new("COPY_LOCATION").target = empty
    bpy.context.view_layer.update()
    was = lamp.matrix_world.copy()
    scene_package.drop_placeholder(empty)
    bpy.context.view_layer.update()
    assert is_close(lamp.matrix_world, was)
    assert ("car" in bpy.data.objects) is (built != "nothing")
    assert scene_package.find_placeholders(None) == {}


def test_an_empty_that_showed_a_collection_shows_the_result_alone(
    scene: Any, results: dict[str, Path]
) -> None:
    collection = bpy.data.collections.new("Set")
    collection.objects.link(bpy.data.objects.new("Table", bpy.data.meshes.new("Table")))
    item = bpy.data.objects.new("Set", None)
    item.instance_type, item.instance_collection = "COLLECTION", collection
    scene.collection.objects.link(item)
    item["maquette_awaits"] = "job_1"
    root = arrived(results["parts"])
    assert (root, root.instance_type) == (item, "NONE")
