# SPDX-License-Identifier: GPL-3.0-or-later
"""A delivery with one mesh is one object, which takes over all that its placeholder has been given."""

import importlib
import math
import os
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from background_tasks import run_task
from mathutils import Matrix, Vector

PACKAGE = os.environ.get("MAQUETTE_PACKAGE", "bl_ext.user_default.maquette")
scene_package = importlib.import_module(PACKAGE + ".scene")


@pytest.fixture(autouse=True)
def empty_file():
    yield
    bpy.ops.wm.read_homefile(use_empty=True)


@pytest.fixture
def scene() -> bpy.types.Scene:
    bpy.ops.wm.read_homefile(use_empty=True)
    return bpy.context.scene


def delivered(folder: Path, objects: list[bpy.types.Object], **options: Any) -> Path:
    """A GLB of the objects, converted by a background Blender; the objects are gone."""
    folder.mkdir(exist_ok=True)
    path = folder / "model.glb"
    bpy.ops.object.select_all(action="DESELECT")
    for each in objects:
        each.select_set(True)
    bpy.ops.export_scene.gltf(filepath=str(path), use_selection=True, **options)
    for kind in (bpy.data.objects, bpy.data.meshes, bpy.data.materials, bpy.data.actions, bpy.data.armatures):
        bpy.data.batch_remove(list(kind))
    sources = [{"path": str(path), "role": "mesh", "name": "model.glb"}]
    request = {"sources": sources, "name": "model", "target": str(folder / "result.blend")}
    answer = run_task("convert", request, folder)
    assert answer["ok"], answer
    return folder / "result.blend"


@pytest.fixture(scope="module")
def block(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A delivery with one mesh."""
    bpy.ops.wm.read_homefile(use_empty=True)
    return delivered(tmp_path_factory.mktemp("block"), [box(bpy.context.scene)])


@pytest.fixture(scope="module")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A delivery with two meshes."""
    bpy.ops.wm.read_homefile(use_empty=True)
    return delivered(tmp_path_factory.mktemp("pieces"), [box(bpy.context.scene) for _ in range(2)])


def box(scene: bpy.types.Scene, size: Vector | tuple[float, float, float] = (1, 2, 3)) -> bpy.types.Object:
    """A box in front of the origin, off every axis, whose normals and colours are its own."""
    bpy.ops.mesh.primitive_cube_add(size=1)
    item: Any = bpy.context.object
    item.data.transform(Matrix.Translation((4, 5, 6)) @ Matrix.Diagonal((*size, 1)))
    colours = item.data.color_attributes.new("Color", "FLOAT_COLOR", "POINT")
    for number, each in enumerate(colours.data):
        each.color = (number / 8, 0.5, 1 - number / 8, 1)
    material = bpy.data.materials.new("paint")
    item.data.materials.append(material)
    return item


def arrived(result: Path, job_id: str = "job_1", name: str = "horse") -> list[bpy.types.Object]:
    loading = scene_package.Loading(result)
    made = scene_package.arrive(loading, job_id=job_id, name=name, provenance={"job": job_id})
    bpy.context.view_layer.update()
    return made


def waiting(scene: bpy.types.Scene, **options: Any) -> bpy.types.Object:
    place = {"location": (0, 0, 0), "size": 1.0} | options
    made: bpy.types.Object = scene_package.add_placeholder(scene, job_id="job_1", name="horse", **place)
    bpy.context.view_layer.update()
    return made


def corners(item: bpy.types.Object) -> tuple[Vector, Vector]:
    """Of the real vertices, in the world."""
    points = [item.matrix_world @ each.co for each in item.data.vertices]
    return (Vector(map(min, zip(*points, strict=True))), Vector(map(max, zip(*points, strict=True))))


def is_clean(item: bpy.types.Object) -> bool:
    turn, size = item.matrix_basis.to_quaternion(), item.matrix_basis.to_scale()
    return (size - Vector((1, 1, 1))).length < 1e-6 and turn.angle < 1e-6


@pytest.mark.parametrize("turn", [0.0, 0.7])
@pytest.mark.parametrize("scale", [(1, 1, 1), (2, 2, 2), (1, 3, 2), (-1, 1, 1), (-2, 1, 3)])
def test_one_mesh_is_one_clean_object_on_its_bottom_centre(
    scene: bpy.types.Scene, tmp_path: Path, turn: float, scale: tuple[float, float, float]
) -> None:
    item = box(scene)
    item.rotation_euler = (turn, turn / 2, turn)
    item.scale = scale
    bpy.context.view_layer.update()
    low, high = corners(item)
    factor = 1 / max(high - low)
    result = delivered(tmp_path, [item])
    waiting(scene, location=(7, 8, 9))
    (made,) = arrived(result)
    assert (made.type, made.name, made.parent) == ("MESH", "horse", None)
    assert list(scene.objects) == [made]
    assert is_clean(made)
    assert tuple(made.location) == pytest.approx((7, 8, 9), abs=1e-5)
    now_low, now_high = corners(made)
    assert tuple(now_high - now_low) == pytest.approx(tuple((high - low) * factor), abs=1e-4)
    assert tuple((now_low + now_high) / 2)[:2] == pytest.approx((7, 8), abs=1e-4)
    assert now_low.z == pytest.approx(9, abs=1e-4)
    middle = (now_low + now_high) / 2
    for face in made.data.polygons:
        outwards = made.matrix_world @ face.center - middle
        assert face.normal.dot(outwards) > 0
        for corner in face.loop_indices:
            assert made.data.corner_normals[corner].vector.dot(face.normal) > 0.9
    assert made["maquette_job"] == "job_1"
    assert made.data.color_attributes


@pytest.mark.parametrize("scale", [(1, 1, 1), (-1, 1, 1), (1, -2, 1), (1, 1, -1), (-2, -2, -2)])
def test_what_replaces_a_mirrored_box_stands_upright_in_it(
    scene: bpy.types.Scene, tmp_path: Path, scale: tuple[float, float, float]
) -> None:
    bpy.ops.mesh.primitive_cone_add()
    result = delivered(tmp_path, [bpy.context.object])
    item = box(scene)  # its origin is not in its middle
    item.location, item.rotation_euler, item.scale = (1, 2, 3), (0, 0, 0.7), scale
    item[scene_package.AWAITS] = "job_1"
    bpy.context.view_layer.update()
    low, high = corners(item)
    (made,) = arrived(result)
    now_low, now_high = corners(made)
    at_top = [each for each in made.data.vertices if (made.matrix_world @ each.co).z > now_high.z - 1e-3]
    at_foot = [each for each in made.data.vertices if (made.matrix_world @ each.co).z < now_low.z + 1e-3]
    assert len({tuple(each.co) for each in at_top}) == 1 < len({tuple(each.co) for each in at_foot})
    assert now_low.z == pytest.approx(low.z, abs=1e-4)
    assert tuple((now_low + now_high).xy / 2) == pytest.approx(tuple((low + high).xy / 2), abs=1e-4)


def test_a_rigid_body_keeps_its_settings_and_what_is_in_no_scene_gets_nothing(
    scene: bpy.types.Scene, tmp_path: Path
) -> None:
    result = delivered(tmp_path, [box(scene)])
    item = box(scene)
    bpy.ops.rigidbody.object_add()
    item.rigid_body.mass, item.rigid_body.collision_shape = 7.0, "SPHERE"
    item[scene_package.AWAITS] = "job_1"
    other = bpy.data.objects.new("elsewhere", None)
    other[scene_package.AWAITS] = "job_1"
    (made,) = arrived(result)
    assert (made.rigid_body.mass, made.rigid_body.collision_shape) == (7.0, "SPHERE")
    assert other[scene_package.AWAITS] == "job_1"


def test_mesh_material_and_object_are_called_as_the_job(scene: bpy.types.Scene, tmp_path: Path) -> None:
    result = delivered(tmp_path, [box(scene)])
    for number in range(3):
        waiting(scene, location=(2 * number, 0, 0))
        (made,) = arrived(result)
        name = "horse" if not number else f"horse.{number:03}"
        assert (made.name, made.data.name, made.data.materials[0].name) == (name, name, name)


def test_given_normals_stay_where_a_mesh_was_stretched_and_mirrored(
    scene: bpy.types.Scene, tmp_path: Path
) -> None:
    bpy.ops.mesh.primitive_uv_sphere_add(segments=16, ring_count=8)
    item = bpy.context.object
    axis = Vector((1, 2, 3)).normalized()
    given = [(each.co.normalized() + axis * 0.4).normalized() for each in item.data.vertices]
    item.data.normals_split_custom_set_from_vertices(given)
    item.scale = (-1, 2, 0.5)
    item.rotation_euler = (0.3, 0.4, 0.5)
    bpy.context.view_layer.update()
    turned = item.matrix_world.to_3x3().inverted().transposed()
    wanted = {}
    low, high = corners(item)
    for loop in item.data.loops:
        point = item.matrix_world @ item.data.vertices[loop.vertex_index].co - (low + high) / 2
        wanted[tuple(round(value, 3) for value in point)] = (turned @ given[loop.vertex_index]).normalized()
    result = delivered(tmp_path, [item])
    waiting(scene, size=max(high - low))
    (made,) = arrived(result)
    now_low, now_high = corners(made)
    worst = 0.0
    places = np.array(list(wanted))
    normals = list(wanted.values())
    for loop in made.data.loops:
        point = made.matrix_world @ made.data.vertices[loop.vertex_index].co - (now_low + now_high) / 2
        nearest = int(((places - np.array(point)) ** 2).sum(axis=1).argmin())
        found = made.data.corner_normals[loop.index].vector
        worst = max(worst, math.degrees(found.angle(normals[nearest])))
    assert worst < 2


def test_shape_keys_come_along(scene: bpy.types.Scene, tmp_path: Path) -> None:
    item = box(scene)
    item.shape_key_add(name="Basis")
    tall = item.shape_key_add(name="Tall")
    for point in tall.data:
        point.co.z += 1
    item.rotation_euler = (0, 0, 0.5)
    result = delivered(tmp_path, [item])
    waiting(scene, size=3.0)
    (made,) = arrived(result)
    assert made.type == "MESH"
    keys = made.data.shape_keys.key_blocks
    assert [each.name for each in keys] == ["Basis", "Tall"]
    moved = [b.co - a.co for a, b in zip(keys[0].data, keys[1].data, strict=True)]
    assert all(tuple(each) == pytest.approx((0, 0, 1), abs=1e-4) for each in moved)


def test_a_mesh_that_moves_a_rig_and_several_meshes_have_an_empty_over_them(
    scene: bpy.types.Scene, tmp_path: Path
) -> None:
    item = box(scene)
    item.location = (0, 0, 0)
    item.keyframe_insert("location", frame=1)
    item.location = (5, 0, 0)
    item.keyframe_insert("location", frame=20)
    moving = delivered(tmp_path / "moving", [item])
    one, two = box(scene), box(scene)
    two.location.x = 3
    several = delivered(tmp_path / "several", [one, two])
    item = box(scene)
    bpy.ops.object.armature_add()
    rig = bpy.context.object
    item.parent = rig
    item.modifiers.new("rig", "ARMATURE").object = rig
    item.vertex_groups.new(name="Bone").add(range(8), 1.0, "REPLACE")
    rigged = delivered(tmp_path / "rigged", [item, rig])
    for result, meshes in ((moving, 1), (several, 2), (rigged, 1)):
        waiting(scene)
        (root,) = arrived(result)
        assert root.type == "EMPTY"
        assert sum(each.type == "MESH" for each in root.children_recursive) == meshes
        assert root["maquette_job"] == "job_1"
        for each in (*root.children_recursive, root):
            bpy.data.objects.remove(each)


def test_what_was_made_of_a_placeholder_is_made_of_the_object(scene: bpy.types.Scene, tmp_path: Path) -> None:
    result = delivered(tmp_path, [box(scene)])
    item = waiting(scene)
    item.name = "Chair"
    item["price"] = 12
    item.id_properties_ui("price").update(max=99, description="in a shop")
    house = bpy.data.objects.new("house", None)
    room = bpy.data.collections.new("room")
    scene.collection.children.link(room)
    room.objects.link(house)
    room.objects.link(item)
    item.parent = house
    house.location = (1, 1, 1)
    hat = bpy.data.objects.new("hat", None)
    scene.collection.objects.link(hat)
    hat.parent = item
    hat.location = (0, 0, 2)
    light = bpy.data.objects.new("light", None)
    scene.collection.objects.link(light)
    light.constraints.new("TRACK_TO").target = item
    driver = light.driver_add("location", 0).driver
    variable = driver.variables.new()
    variable.type = "TRANSFORMS"
    variable.targets[0].id = item
    item.constraints.new("LIMIT_SCALE")
    item.keyframe_insert("rotation_euler", frame=1)
    item.rotation_euler.z = 1
    item.keyframe_insert("rotation_euler", frame=20)
    item.driver_add("color", 1).driver.expression = "0.25"
    track = item.animation_data.nla_tracks.new()
    track.strips.new("walk", 30, bpy.data.actions.new("walk")).repeat = 2
    item.select_set(True)
    bpy.context.view_layer.objects.active = item
    scene.frame_set(20)
    bpy.context.view_layer.update()
    action = item.animation_data.action
    box_now = [item.matrix_world @ Vector(corner) for corner in ((-0.5,) * 3, (0.5,) * 3)]
    floor = item.matrix_world @ Vector((0, 0, -0.5))
    at = hat.matrix_world.translation.copy()
    (made,) = arrived(result)
    scene.frame_set(20)
    assert made.type == "MESH"
    assert (made.name, made.parent, made.data.name) == ("Chair", house, "Chair")
    assert set(made.users_collection) >= {room}
    assert made["price"] == 12
    assert made.id_properties_ui("price").as_dict()["max"] == 99
    assert hat.parent == made
    assert (hat.matrix_world.translation - at).length < 1e-5
    assert light.constraints[0].target == made
    assert light.animation_data.drivers[0].driver.variables[0].targets[0].id == made
    assert [each.type for each in made.constraints] == ["LIMIT_SCALE"]
    assert made.animation_data.action == action
    assert len(made.animation_data.drivers) == 1
    assert made.animation_data.nla_tracks[0].strips[0].repeat == 2
    assert made.select_get()
    assert bpy.context.view_layer.objects.active == made
    assert "maquette_awaits" not in made
    foot = made.matrix_world @ Vector((0, 0, made.data.vertices[0].co.z))
    low, high = corners(made)
    assert low.z == pytest.approx(min(each.z for each in box_now), abs=1e-4)
    assert (low.x + high.x) / 2 == pytest.approx(floor.x, abs=1e-4)
    assert foot is not None
    assert made.rotation_euler.z == pytest.approx(1)
    assert len(scene.objects) == 4


def test_what_only_waited_in_an_old_file_becomes_the_object_in_a_scene_of_curves_and_meshes(
    scene: bpy.types.Scene, tmp_path: Path
) -> None:
    result = delivered(tmp_path, [box(scene)])
    bpy.ops.curve.primitive_bezier_circle_add(radius=2, location=(1, 2, 3))
    curve: Any = bpy.context.object
    bpy.ops.mesh.primitive_cube_add(size=2, location=(9, 2, 3))
    cube: Any = bpy.context.object
    cube.modifiers.new("bevel", "BEVEL")
    cube.display_type = "WIRE"
    names = [curve.name, cube.name]
    for each in (curve, cube):
        each["maquette_awaits"] = "job_1"
    bpy.context.view_layer.update()
    made = arrived(result)
    assert sorted(each.name for each in made) == sorted(names)
    assert {each.type for each in made} == {"MESH"}
    assert len(scene.objects) == 2
    assert not any(each.modifiers for each in made)
    cube_now = bpy.data.objects["Cube"]
    low, high = corners(cube_now)
    assert is_clean(cube_now)
    assert max(high - low) == pytest.approx(2, abs=1e-4)
    assert low.z == pytest.approx(2, abs=1e-4)
    assert cube.modifiers, "what was replaced is as it was, outside the scene"


def test_copies_of_a_placeholder_share_the_mesh_unless_they_are_of_another_size(
    scene: bpy.types.Scene, tmp_path: Path
) -> None:
    result = delivered(tmp_path, [box(scene)])
    for number, size in enumerate((1.5, 1.5, 3.0)):
        waiting(scene, location=(4 * number, 0, 0), size=size)
    made = sorted(arrived(result), key=lambda each: each.location.x)
    assert made[0].data == made[1].data != made[2].data
    sizes = [max(high - low) for low, high in map(corners, made)]
    assert sizes == pytest.approx([1.5, 1.5, 3.0], abs=1e-4)
    assert all(map(is_clean, made))


def test_an_earlier_result_with_parts_is_replaced_by_one_object(
    scene: bpy.types.Scene, tmp_path: Path
) -> None:
    one, two = box(scene), box(scene)
    two.location.x = 3
    several = delivered(tmp_path / "several", [one, two])
    single = delivered(tmp_path / "single", [box(scene)])
    waiting(scene)
    (root,) = arrived(several)
    root["maquette_awaits"] = "job_2"
    (made,) = arrived(single, "job_2")
    assert (made.type, made.name) == ("MESH", "horse")
    assert list(scene.objects) == [made]
    assert not made.children_recursive
    made["maquette_awaits"] = "job_3"
    (root,) = arrived(several, "job_3")
    assert (root.type, root.name, len(root.children_recursive)) == ("EMPTY", "horse", 2)
    assert len(scene.objects) == 3
    root["maquette_awaits"] = "job_4"
    (again,) = arrived(several, "job_4")
    assert again == root
    assert len(root.children_recursive) == 2


def test_a_very_large_mesh_keeps_its_scale_on_the_object_and_holds_nothing_up(
    scene: bpy.types.Scene, tmp_path: Path
) -> None:
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=450, y_subdivisions=450, size=3)
    assert bpy.context.object
    result = delivered(tmp_path, [bpy.context.object])
    waiting(scene, size=0.5)
    (made,) = arrived(result)
    assert tuple(made.scale) == pytest.approx((1 / 6,) * 3)
    low, high = corners(made)
    assert max(high - low) == pytest.approx(0.5, abs=1e-4)


def test_another_version_of_what_stands_there_gets_its_transform_and_its_size(
    scene: bpy.types.Scene, tmp_path: Path
) -> None:
    """Be it one object or several parts under an empty."""
    halves = [box(scene, (0.5, 2, 3)), box(scene, (0.5, 2, 3))]
    halves[1].location.x = 0.5
    apart = delivered(tmp_path / "apart", halves)
    whole = delivered(tmp_path / "whole", [box(scene)])
    waiting(scene, location=(1, 2, 0), size=1.5)
    (item,) = arrived(whole)
    item.location.z += 1
    item.rotation_euler = (0.2, 0.1, 0.5)
    item.scale = (1, 2, 1)
    bpy.context.view_layer.update()
    matrix, (low, high) = item.matrix_world.copy(), corners(item)
    for result, kind in ((apart, "EMPTY"), (whole, "MESH"), (whole, "MESH")):
        scene_package.await_version(item, "job_1", 3.0)
        (item,) = arrived(result)
        assert (item.type, item.name) == (kind, "horse")
        assert all((a - b).length < 1e-5 for a, b in zip(item.matrix_world, matrix, strict=True))
        seen = [item] if kind == "MESH" else scene_package.parts_of(item)
        ends = [corners(each) for each in seen]
        assert (Vector(map(min, *(end[0] for end in ends), low)) - low).length < 1e-4
        assert (Vector(map(max, *(end[1] for end in ends), high)) - high).length < 1e-4
        assert not any(name in item for name in ("maquette_awaits", "maquette_version"))


def replaced(item: bpy.types.Object, result: Path) -> bpy.types.Object:
    item[scene_package.AWAITS] = "job_1"
    bpy.context.view_layer.update()
    (made,) = arrived(result)
    assert made != item
    return made


class Detail(bpy.types.PropertyGroup):
    size: bpy.props.FloatProperty()


class Other(bpy.types.PropertyGroup):
    """What another add-on keeps with each object; it counts how often it is told of a change."""

    told = 0

    def _tell(self, _context: object) -> None:
        Other.told += 1

    note: bpy.props.StringProperty(update=_tell)
    is_used: bpy.props.BoolProperty(default=True, update=_tell)
    flags: bpy.props.BoolVectorProperty(size=3)
    kind: bpy.props.EnumProperty(items=[("A", "A", ""), ("B", "B", "")])
    partner: bpy.props.PointerProperty(type=bpy.types.Object)
    lost: bpy.props.PointerProperty(type=bpy.types.Object)
    detail: bpy.props.PointerProperty(type=Detail)
    details: bpy.props.CollectionProperty(type=Detail)
    none: bpy.props.CollectionProperty(type=Detail)


@pytest.fixture
def other_addon() -> Iterator[None]:
    kinds = (Detail, Other)
    for kind in kinds:
        bpy.utils.register_class(kind)
    bpy.types.Object.other_addon = bpy.props.PointerProperty(type=Other)
    bpy.types.Object.other_level = bpy.props.IntProperty()
    yield
    del bpy.types.Object.other_addon, bpy.types.Object.other_level
    for kind in kinds:
        bpy.utils.unregister_class(kind)


@pytest.mark.usefixtures("other_addon")
def test_what_addons_and_cycles_keep_with_an_object_goes_to_the_new_one(
    scene: bpy.types.Scene, block: Path
) -> None:
    item: Any = box(scene)
    lost = bpy.data.objects.new("lost", None)
    its = item.other_addon
    its.note, its.is_used, its.flags, its.kind = "keep me", False, (True, False, True), "B"
    its.partner, its.lost, its.detail.size = item, lost, 0.5
    for size in (2, 3):
        its.details.add().size = size
    its.none.add()
    its.none.clear()
    bpy.data.objects.remove(lost)
    item.other_level = 3
    item.cycles.use_motion_blur, item.cycles.motion_steps = False, 4
    item.maquette.prompt, item.maquette.image = "an oak chair", bpy.data.images.new("oak", 8, 8)
    Other.told = 0
    made: Any = replaced(item, block)
    mine = made.other_addon
    assert Other.told == 0, "an add-on may rebuild the active object then"
    assert (mine.note, mine.is_used, tuple(mine.flags), mine.kind) == ("keep me", False, (1, 0, 1), "B")
    assert (mine.partner, mine.lost, mine.detail.size) == (made, None, 0.5)
    assert ([each.size for each in mine.details], len(mine.none)) == ([2, 3], 0)
    mine.none.add().size = 5
    assert (mine.none[0].size, made.other_level) == (5, 3)
    assert (made.cycles.use_motion_blur, made.cycles.motion_steps) == (False, 4)
    assert (made.maquette.prompt, made.maquette.image.name) == ("an oak chair", "oak")


def test_custom_properties_keep_what_is_said_of_them(scene: bpy.types.Scene, block: Path) -> None:
    item = box(scene)
    values: dict[str, Any] = {
        "tint": [1.0, 0.5, 0.0],
        'a "name"': 2,
        "scene": scene,
        "group": {"a": 1, "b": [1, 2]},
        "words": ["a", "b"],
        "empty": [],
        "single": array("f", [1.5]),
        "no_single": array("f"),
        "bytes": b"\xff",
    }
    for name, value in values.items():
        item[name] = value
    item.id_properties_ui("tint").update(subtype="COLOR", min=0.0, max=1.0)
    for name in ("tint", "group"):
        item.property_overridable_library_set(f'["{name}"]', True)
    made = replaced(item, block)
    assert made["group"].to_dict() == {"a": 1, "b": [1, 2]}
    assert (list(made["tint"]), made["scene"], made["words"]) == ([1, 0.5, 0], scene, ["a", "b"])
    assert made['a "name"'] == 2
    of_tint = made.id_properties_ui("tint").as_dict()
    assert (of_tint["subtype"], of_tint["min"], of_tint["max"]) == ("COLOR", 0, 1)
    is_overridable = {name: made.is_property_overridable_library(f'["{name}"]') for name in ("tint", "group")}
    assert is_overridable == {"tint": True, "group": True}
    assert not made.is_property_overridable_library('["scene"]')


def test_what_was_an_asset_is_one_by_the_new_object_alone(
    scene: bpy.types.Scene, block: Path, tmp_path: Path
) -> None:
    item = box(scene)
    item.name = "Chair"
    item.asset_mark()
    catalogue = "6a2ca6a0-1234-4000-8000-000000000001"
    data: Any = item.asset_data
    data.description, data.author, data.catalog_id = "mine", "Jo", catalogue
    for tag in ("prop", "oak"):
        data.tags.new(tag)
    data.active_tag = 1
    data["shop"], data["maquette_job"] = "here", "job_0"
    replaced(item, block)
    assert (item.asset_data, item.use_fake_user) == (None, False)
    path = str(tmp_path / "saved.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    ((name, data),) = [(each.name, each.asset_data) for each in bpy.data.objects if each.asset_data]
    assert (name, data.description, data.author, data.catalog_id) == ("Chair", "mine", "Jo", catalogue)
    assert ([each.name for each in data.tags], data.active_tag) == (["prop", "oak"], 1)
    assert data["shop"] == "here"
    assert "maquette_job" not in data, "that tells of another result"


def strips_of(item: bpy.types.Object) -> list[Any]:
    """All that the tracks and strips say of themselves."""
    found: list[Any] = []
    assert item.animation_data
    for track in item.animation_data.nla_tracks:
        found.append([track.name, track.lock, track.mute, track.is_solo])
        for strip in track.strips:
            names = [each.identifier for each in strip.bl_rna.properties if not each.is_readonly]
            found.append({name: getattr(strip, name) for name in names})
            for curve in strip.fcurves:
                points = [(tuple(each.co), each.interpolation) for each in curve.keyframe_points]
                handles = [
                    (tuple(each.handle_left), each.handle_right_type) for each in curve.keyframe_points
                ]
                changes = [(each.type, each.influence) for each in curve.modifiers]
                found.append((curve.data_path, curve.extrapolation, points, handles, changes))
    return found


def test_what_is_layered_in_time_moves_the_new_object_alike(scene: bpy.types.Scene, block: Path) -> None:
    item = box(scene)
    for frame, place in ((1, 0.0), (20, 10.0)):
        item.location.x = place
        item.keyframe_insert("location", frame=frame)
    data: Any = item.animation_data
    action = data.action
    data.action = None
    half, varied, alone = (data.nla_tracks.new() for _ in range(3))
    strip = half.strips.new("half", 1, action)
    strip.influence, strip.use_auto_blend, strip.blend_type = 0.5, True, "ADD"
    strip.frame_end_ui = 20.25
    later = half.strips.new("later", 41, action)
    later.scale, later.repeat, later.use_reverse, later.blend_out = 0.5, 2.5, True, 3
    later.frame_start_ui = 20.5
    strip = varied.strips.new("varied", 60, action)
    strip.use_animated_influence = True
    for frame, value in ((60, 0.2), (66, 0.9), (79, 0.4)):
        strip.influence = value
        strip.keyframe_insert("influence", frame=frame)
    strip.fcurves[0].keyframe_points[1].interpolation = "SINE"
    strip.fcurves[0].modifiers.new("NOISE").influence = 0.5
    strip.action_frame_start, strip.extrapolation = 3, "NOTHING"
    varied.lock, varied.mute = True, True
    alone.strips.new("alone", 90, action)
    for is_solo in (False, True):
        if is_solo:
            varied.is_solo = True
        was = strips_of(item)
        made = replaced(item, block)
        assert strips_of(made) == was
        item, varied = made, made.animation_data.nla_tracks[1]
    assert [each["frame_start"] for each in was if isinstance(each, dict)][1] == 20.5


@pytest.mark.parametrize("frame", [math.nan, math.inf, -1e30])
def test_what_is_layered_at_no_time_holds_no_arrival_up(
    scene: bpy.types.Scene, block: Path, frame: float
) -> None:
    item = box(scene)
    item.keyframe_insert("location", frame=1)
    data: Any = item.animation_data
    track = data.nla_tracks.new()
    for start in (1, 9):
        track.strips.new("strip", start, data.action)
    track.strips[1].frame_start_raw = frame
    (made,) = replaced(item, block).animation_data.nla_tracks[0].strips  # type: ignore[union-attr]
    assert made.frame_start == 1


@pytest.mark.parametrize("result", ["block", "pieces"])
def test_what_a_light_leaves_out_stays_so_with_all_parts_and_its_group_of_lights(
    scene: bpy.types.Scene, result: str, request: pytest.FixtureRequest
) -> None:
    path = request.getfixturevalue(result)
    bpy.ops.wm.read_homefile(use_empty=True)
    item, lit = box(bpy.context.scene), box(bpy.context.scene)
    item.lightgroup = "key"
    light = bpy.data.objects.new("light", bpy.data.lights.new("light", "POINT"))
    bpy.context.scene.collection.objects.link(light)
    receivers = bpy.data.collections.new("receivers")
    for each in (item, lit):
        receivers.objects.link(each)
    light.light_linking.receiver_collection = receivers
    receivers.collection_objects[0].light_linking.link_state = "EXCLUDE"
    made = replaced(item, path)
    states = [each.light_linking.link_state for each in receivers.collection_objects]
    found = dict(zip(receivers.objects, states, strict=True))
    assert len(found) == (2 if result == "block" else 4)
    assert {each for each, state in found.items() if state == "INCLUDE"} == {lit}
    assert made.lightgroup == "key"


@pytest.mark.parametrize("size", [1e-6, 1e-3, 1e6])
def test_a_result_is_as_large_as_its_box_however_small_that_is(
    scene: bpy.types.Scene, tmp_path: Path, size: float
) -> None:
    result = delivered(tmp_path, [box(scene)])
    bpy.ops.mesh.primitive_cube_add(size=size)
    item: Any = bpy.context.object
    item["maquette_awaits"] = "job_1"
    bpy.context.view_layer.update()
    (made,) = arrived(result)
    low, high = corners(made)
    assert max(high - low) == pytest.approx(size, rel=1e-3)


def test_what_replaces_a_plane_is_as_wide_as_that(scene: bpy.types.Scene, tmp_path: Path) -> None:
    result = delivered(tmp_path, [box(scene)])
    bpy.ops.mesh.primitive_plane_add(size=4, rotation=(0.3, 0.2, 0.1))
    item: Any = bpy.context.object
    item["maquette_awaits"] = "job_1"
    bpy.context.view_layer.update()
    (made,) = arrived(result)
    assert tuple(made.dimensions) == pytest.approx((2, 4, 6), rel=1e-4)


@pytest.mark.parametrize("turn", [0.0, 0.6])
def test_a_parent_that_stretches_its_child_does_not_stretch_the_result(
    scene: bpy.types.Scene, tmp_path: Path, turn: float
) -> None:
    result = delivered(tmp_path, [box(scene)])
    parent = bpy.data.objects.new("parent", None)
    scene.collection.objects.link(parent)
    parent.location, parent.scale, parent.rotation_euler = (1, 2, 3), (1, 1, 3), (turn, turn, turn)
    bpy.ops.mesh.primitive_cube_add(size=2)
    item: Any = bpy.context.object
    item.parent, item.scale = parent, (1, 1, 1 / 3)
    item["maquette_awaits"] = "job_1"
    bpy.context.view_layer.update()
    floor = item.matrix_world @ Vector((0, 0, -1))
    (made,) = arrived(result)
    assert made.parent == parent
    ends = [made.matrix_world @ Vector(corner) for corner in made.bound_box]
    sides = [(ends[place] - ends[0]).length for place in (4, 3, 1)]
    assert sides == pytest.approx([2 / 3, 4 / 3, 2], rel=1e-4)
    assert ((ends[0] + ends[7]) / 2 - floor).length < 1e-4


@pytest.mark.parametrize("least", [0.0, 1e-4, 1e-2])
def test_what_grows_out_of_nothing_is_as_large_as_its_box_in_the_end(
    scene: bpy.types.Scene, tmp_path: Path, least: float
) -> None:
    result = delivered(tmp_path, [box(scene)])
    bpy.ops.mesh.primitive_cube_add(size=10, location=(1, 2, 3), rotation=(0, 0, 0.5))
    item: Any = bpy.context.object
    for frame, factor in ((20, 1.0), (1, least)):
        item.scale = (factor,) * 3
        item.keyframe_insert("scale", frame=frame)
    item["maquette_awaits"] = "job_1"
    scene.frame_set(1)
    (made,) = arrived(result)
    scene.frame_set(20)
    low, high = corners(made)
    assert (low.z, high.z) == pytest.approx((-2, 8), abs=1e-3)
    assert made.rotation_euler.z == pytest.approx(0.5)
    scene.frame_set(1)
    assert max(made.scale) == pytest.approx(least)
