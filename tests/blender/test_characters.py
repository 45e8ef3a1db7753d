# SPDX-License-Identifier: GPL-3.0-or-later
"""Rigs and clips arrive usable: a scale of 1, every joint where it was, clips by name in the NLA."""

import importlib
import os
import random
import warnings
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
import rigs
from mathutils import Matrix
from model_files import converted

PACKAGE = os.environ.get("MAQUETTE_PACKAGE", "bl_ext.user_default.maquette")
NEAR = 1e-4  # of the size


def part(name: str) -> Any:
    return importlib.import_module(f"{PACKAGE}.{name}")


@pytest.fixture(autouse=True)
def _empty() -> None:
    rigs.empty_file()


def folded(objects: list[Any]) -> list[str]:
    return part("scene.conversion.rig_scale").fold_scale(objects)


def scales(objects: list[Any]) -> list[list[float]]:
    return [list(each.scale) for each in objects if each.type in ("ARMATURE", "MESH")]


def has_scale_of_one(objects: list[Any]) -> bool:
    """Their own, and in the world."""
    bpy.context.view_layer.update()
    shown = [each for each in objects if each.type in ("ARMATURE", "MESH")]
    worlds = [each.matrix_world.to_scale() for each in shown]
    return np.allclose(scales(objects), 1, atol=1e-6) and np.allclose(worlds, 1, atol=1e-4)


def character(scale: float = 0.01, skin_scale: float = 1.0) -> tuple[Any, list[Any]]:
    """A rig of `scale`, its skin and its hat, with two clips; some metres high."""
    unit = 1 / scale
    rig = rigs.new_rig(unit=unit)
    rig.scale = (scale,) * 3
    skin = rigs.new_skin(rig, unit / skin_scale)
    skin.scale = (skin_scale,) * 3
    hat = rigs.new_hat(rig, unit)
    rigs.animate(rig, "Walk", seed=1, unit=unit)
    rigs.animate(rig, "Run", seed=2, unit=unit)
    return rig, [rig, skin, hat]


# The scale, in memory.


@pytest.mark.parametrize(("scale", "skin_scale"), [(0.01, 100.0), (0.01, 1.0), (100.0, 0.01), (2.54, 0.3)])
def test_pairs_of_scales_are_folded_in_and_every_joint_stays_on_every_frame(
    scale: float, skin_scale: float
) -> None:
    rig, objects = character(scale, skin_scale)
    before = rigs.places(objects)
    lengths = [bone.length * scale for bone in rig.data.bones]
    assert folded(objects) == []
    assert has_scale_of_one(objects)
    assert rigs.farthest(before, rigs.places(objects)) < NEAR
    assert np.allclose([bone.length for bone in rig.data.bones], lengths, rtol=1e-4)


@pytest.mark.parametrize("seed", range(10))
def test_whatever_is_scaled_turned_and_parented_stays_in_place(seed: int) -> None:
    chance = random.Random(seed)

    def some_scale() -> float:
        return 10 ** chance.uniform(-0.5, 0.5)

    group = rigs.new_object("Group")
    inner = rigs.new_object("Inner", None, group)
    rig = rigs.new_rig(unit=some_scale(), parent=inner)
    skin = rigs.new_skin(rig, rig.data.bones[0].length)
    hat = rigs.new_hat(rig, rig.data.bones[0].length)
    beside = rigs.new_object("Beside", skin.data.copy(), inner)
    objects = [group, inner, rig, skin, hat, beside]
    for each in objects:
        each.matrix_basis = (
            Matrix.Translation([chance.uniform(-1, 1) for _ in range(3)])
            @ rigs.some_turn(chance)
            @ Matrix.Scale(some_scale(), 4)
        )
        each.delta_scale = (some_scale(),) * 3
        each.delta_location.x = chance.uniform(-1, 1)
        if each.parent:
            each.matrix_parent_inverse = (
                Matrix.Translation((1, 2, chance.uniform(-1, 1)))
                @ rigs.some_turn(chance)
                @ Matrix.Scale(some_scale(), 4)
            )
    rigs.animate(rig, "Walk", seed=seed, unit=rig.data.bones[0].length, moves_object=True)
    for frame in (1, 15):
        hat.location.z = chance.uniform(-1, 1)
        hat.keyframe_insert("location", frame=frame)
    before = {each.name: rigs.places([each]) for each in objects if each.data}
    assert folded(objects) == []
    assert has_scale_of_one(objects)
    for each in objects:
        if each.data:
            assert rigs.farthest(before[each.name], rigs.places([each])) < NEAR


def test_shape_keys_follow_in_every_weight() -> None:
    _, objects = character(0.01, 100.0)
    keys = objects[1].data.shape_keys
    for frame, value in ((1, 0.0), (20, 1.0)):
        keys.key_blocks["Wide"].value = value
        keys.key_blocks["Wide"].keyframe_insert("value", frame=frame)
    before = rigs.places(objects)
    assert folded(objects) == []
    assert rigs.farthest(before, rigs.places(objects)) < NEAR


def test_a_scale_that_every_key_repeats_is_folded_in_too() -> None:
    rig, objects = character(0.01, 100.0)
    for frame in (1, 20):
        rig.keyframe_insert("scale", frame=frame)
    for strip in [strip for track in rig.animation_data.nla_tracks for strip in track.strips]:
        assert strip.action != rig.animation_data.action
    before = rigs.places(objects)
    assert folded(objects) == []
    assert has_scale_of_one(objects)
    assert rigs.farthest(before, rigs.places(objects)) < NEAR


@pytest.mark.parametrize("kept", ["uneven", "animated", "mirrored"])
def test_what_cannot_be_folded_in_keeps_its_scale_which_is_said(kept: str) -> None:
    group = rigs.new_object("Group")
    group.scale = (0.01,) * 3
    rig, objects = character(1.0)
    rig.parent = group
    if kept == "uneven":
        rig.scale = (1.0, 2.0, 1.0)
    elif kept == "mirrored":
        rig.scale = (-1.0, 1.0, 1.0)
    else:
        for frame, scale in ((1, 1.0), (20, 2.0)):
            rig.scale = (scale,) * 3
            rig.keyframe_insert("scale", frame=frame)
    before = rigs.places(objects)
    said = folded([group, *objects])
    assert len(said) == 1
    assert "'Armature' keeps a scale" in said[0]
    assert list(group.scale) == [1, 1, 1]
    assert rigs.farthest(before, rigs.places(objects)) < NEAR


@pytest.mark.parametrize("what", ["driver", "constraint", "modifier", "curve", "short", "shared clip"])
def test_where_something_else_depends_on_the_scale_all_of_it_stays(what: str) -> None:
    rig, objects = character(0.01, 100.0)
    others: list[Any] = []
    if what == "driver":
        rig.pose.bones["head"].driver_add("location", 0).driver.expression = "0.3"
    elif what == "constraint":
        rig.pose.bones["head"].constraints.new("LIMIT_LOCATION")
    elif what == "modifier":
        objects[1].modifiers.new("Solid", "SOLIDIFY")
    elif what == "curve":
        moves = part("scene.conversion.channels").curves_of(part("scene.conversion.animated").uses_of(rig)[0])
        next(each for each in moves if each.data_path.endswith("location")).modifiers.new("CYCLES")
    elif what == "short":
        bpy.context.view_layer.objects.active = rig
        bpy.ops.object.mode_set(mode="EDIT")
        bone = rig.data.edit_bones.new("tiny")
        bone.head, bone.tail = (0, 0, 0), (0, 0, 5e-5)
        bpy.ops.object.mode_set(mode="OBJECT")
    else:
        others = [rigs.new_object("Other")]
        others[0].animation_data_create().action = rig.animation_data.action
        if hasattr(rig.animation_data, "action_slot"):
            others[0].animation_data.action_slot = rig.animation_data.action_slot
    before, was = rigs.places(objects), scales(objects)
    said = folded([*objects, *others])
    assert len(said) == 1
    assert said[0].startswith("'Armature' keeps its scale: ")
    assert scales(objects) == was
    assert rigs.farthest(before, rigs.places(objects)) == 0


def test_a_mesh_that_others_share_is_shared_no_more_where_it_has_to_change() -> None:
    _, objects = character(0.01, 1.0)
    beside = rigs.new_object("Beside", objects[2].data)
    before = rigs.places([*objects, beside])
    assert folded([*objects, beside]) == []
    assert rigs.farthest(before, rigs.places([*objects, beside])) < NEAR
    assert beside.data != objects[2].data


def test_models_without_a_rig_are_left_alone() -> None:
    group = rigs.new_object("Group")
    box = rigs.new_object("Box", bpy.data.meshes.new("Box"), group)
    group.scale = (0.01,) * 3
    assert folded([group, box]) == []
    assert list(group.scale) == pytest.approx([0.01] * 3)


# Files, through the converter, into a scene.


def exported(form: str, path: Path) -> bytes:
    bpy.context.view_layer.update()
    with warnings.catch_warnings(action="ignore"):  # Blender's exporters, with a newer numpy
        if form == "glb":
            bpy.ops.export_scene.gltf(filepath=str(path))
        else:
            bpy.ops.export_scene.fbx(filepath=str(path), add_leaf_bones=False)
    return path.read_bytes()


def imported(path: Path) -> dict[str, Any]:
    """What Blender's own importer makes of it, by name, in an empty file."""
    rigs.empty_file()
    if path.suffix == ".glb":
        bpy.ops.import_scene.gltf(filepath=str(path), disable_bone_shape=True)
    elif part("scene.conversion.importers").has_operator("wm.fbx_import"):
        bpy.ops.wm.fbx_import(filepath=str(path))
    else:
        bpy.ops.import_scene.fbx(filepath=str(path))
    return {each.name: each for each in bpy.data.objects}


def arrived(folder: Path, content: bytes, suffix: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The converter's answer, and the objects in an empty scene, as delivered."""
    answer = converted(folder, {f"knight{suffix}": content})
    assert answer["ok"], answer
    rigs.empty_file()
    scene = part("scene")
    range_before = (bpy.context.scene.frame_start, bpy.context.scene.frame_end)
    scene.append_result(
        folder / "result.blend",
        name="Knight",
        scene=bpy.context.scene,
        placement=scene.Placement(size_m=None),
        provenance={},
    )
    assert (bpy.context.scene.frame_start, bpy.context.scene.frame_end) == range_before
    return answer, {each.name: each for each in bpy.data.objects}


def clip_names(rig: Any) -> list[str]:
    """Of the tracks, from the top."""
    return [track.name for track in reversed(rig.animation_data.nla_tracks)]


@pytest.mark.parametrize("form", ["glb", "fbx"])
@pytest.mark.parametrize(("scale", "skin_scale", "group_scale"), [(0.01, 100.0, 1.0), (1.0, 1.0, 0.01)])
def test_a_character_in_a_file_arrives_with_a_scale_of_one_and_its_clips(
    tmp_path: Path, form: str, scale: float, skin_scale: float, group_scale: float
) -> None:
    group = rigs.new_object("Group")
    rig, _ = character(scale, skin_scale)
    rig.parent = group
    group.scale = (group_scale,) * 3
    path = tmp_path / f"made.{form}"
    content = exported(form, path)
    by_name = imported(path)
    names = [each.name for each in by_name.values() if each.type in ("ARMATURE", "MESH")]
    assert {"Armature", "Body", "Hat"} <= set(names)
    before = rigs.places([by_name[name] for name in names])
    rest = [bone.matrix_local.to_quaternion() for bone in by_name["Armature"].data.bones]
    playing = by_name["Armature"].animation_data.action.name.lower()
    answer, here = arrived(tmp_path, content, path.suffix)
    assert not [said for said in answer["messages"] if "scale" in said]
    assert set(answer["report"]["clips"]) == {"Walk", "Run"}
    objects = [here[name] for name in names]
    assert has_scale_of_one(objects)
    assert rigs.farthest(before, rigs.places(objects), is_moved=True) < NEAR
    rig = here["Armature"]
    assert all(
        one.rotation_difference(bone.matrix_local.to_quaternion()).angle < 1e-3
        for one, bone in zip(rest, rig.data.bones, strict=True)
    )
    assert sorted(clip_names(rig)) == ["Run", "Walk"]
    assert all(track.mute for track in rig.animation_data.nla_tracks)
    first = clip_names(rig)[0]
    assert first.lower() in playing
    assert rig.animation_data.action.name == f"Knight {first}"
    assert {"Knight Walk", "Knight Run"} <= {each.name for each in bpy.data.actions}
    assert all(each.name.startswith("Knight ") for each in bpy.data.actions)


@pytest.mark.parametrize("form", ["glb", "fbx"])
def test_nothing_is_left_behind_and_no_clip_is_lost_when_the_file_is_saved(tmp_path: Path, form: str) -> None:
    character()
    path = tmp_path / f"made.{form}"
    _, here = arrived(tmp_path, exported(form, path), path.suffix)
    assert all(bone.custom_shape is None for bone in here["Armature"].pose.bones)
    assert {each.name for each in bpy.data.collections} == {"Maquette"}
    assert not [each for each in bpy.data.objects if "sphere" in each.name.lower()]
    clips = sorted(each.name for each in bpy.data.actions)
    here["Armature"].animation_data.action = None  # the artist takes another one, say
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "saved.blend"))
    assert sorted(each.name for each in bpy.data.actions) == clips
    bpy.data.batch_remove(list(bpy.data.objects))
    bpy.data.batch_remove(list(bpy.data.meshes))  # with their shape keys
    assert not [each for each in bpy.data.actions if each.users]


def test_a_blend_for_elsewhere_moves_as_before(tmp_path: Path) -> None:
    """What was appended becomes copies there: meshes, rigs and clips that no file is remembered of."""
    character()
    path = tmp_path / "made.glb"
    _, here = arrived(tmp_path, exported("glb", path), path.suffix)
    names = sorted(each.name for each in bpy.data.objects)
    before = rigs.places([here[name] for name in names])
    clips = sorted(each.name for each in bpy.data.actions)
    tracks = clip_names(here["Armature"])
    part("scene").save_blend(tmp_path / "elsewhere.blend")
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "elsewhere.blend"))
    there = {each.name: each for each in bpy.data.objects}
    assert sorted(there) == names
    assert rigs.farthest(before, rigs.places([there[name] for name in names]), is_moved=True) < NEAR
    assert sorted(each.name for each in bpy.data.actions) == clips
    assert clip_names(there["Armature"]) == tracks
    blocks = [*bpy.data.meshes, *bpy.data.armatures, *bpy.data.actions, *bpy.data.materials]
    assert not [each.name for each in blocks if each.library_weak_reference]


@pytest.mark.parametrize("form", ["glb", "fbx"])
def test_a_motion_without_a_mesh_arrives_as_a_rig(tmp_path: Path, form: str) -> None:
    rig = rigs.new_rig(unit=100.0)
    rig.scale = (0.01,) * 3
    rigs.animate(rig, "Dance", seed=3, unit=100.0)
    path = tmp_path / f"made.{form}"
    content = exported(form, path)
    by_name = imported(path)
    rig_names = [each.name for each in by_name.values() if each.type == "ARMATURE"]
    if not rig_names:
        answer = converted(tmp_path, {path.name: content})
        assert (answer["ok"], answer["objects"], len(answer["kept"])) == (True, 0, 1)
        return
    before = rigs.places([by_name[name] for name in rig_names])
    answer, here = arrived(tmp_path, content, path.suffix)
    assert (answer["faces"], answer["report"]["bones"]) == (0, 3)
    assert answer["report"]["clips"] == ["Dance"]
    objects = [here[name] for name in rig_names]
    assert has_scale_of_one(objects)
    assert rigs.farthest(before, rigs.places(objects), is_moved=True) < NEAR


def test_a_motion_beside_a_character_is_kept_as_a_file(tmp_path: Path) -> None:
    _, objects = character()
    body = exported("fbx", tmp_path / "body.fbx")
    bpy.data.batch_remove(objects[1:])
    motion = exported("fbx", tmp_path / "motion.fbx")
    answer = converted(tmp_path / "both", {"body.fbx": body, "motion.fbx": motion})
    assert answer["imported"] == ["body.fbx"]
    assert [each["name"] for each in answer["kept"]] == ["motion.fbx"]


# Names of clips.


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("Armature|mixamo.com|Layer0", "Clip"),
        ("Armature|Armature|Walk|BaseLayer", "Walk"),
        ("Walk", "Walk"),
        ("Body|Run Fast|AnimLayer1", "Run Fast"),
        ("  jump \n\t high ", "jump high"),
        ("\u202e\x00", "Clip"),
        ("Take 001", "Take 001"),
        ("é" * 60, "é" * 20),
    ],
)
def test_a_clip_is_called_after_what_its_file_says(given: str, told: str) -> None:
    rig, objects = character(1.0)
    bpy.data.batch_remove(list(bpy.data.actions))
    rig.animation_data_clear()
    rigs.animate(rig, given, seed=1)
    if given.startswith("é"):
        rigs.stash(rig.animation_data)
        rig.animation_data.nla_tracks[0].name = given
    part("scene.conversion.clips").settle_clips(objects)
    assert clip_names(rig) == [told]
    assert rig.animation_data.action.name == told


def test_clips_of_the_same_name_get_numbers_and_the_first_plays_on_all_that_it_moves() -> None:
    rig, objects = character(1.0)
    bpy.data.batch_remove(list(bpy.data.actions))
    rig.animation_data_clear()
    hat = objects[2]
    rigs.animate(rig, "Armature|Walk", seed=1)
    rigs.animate(rig, "Body|Walk", seed=2)
    hat.animation_data_create().action = bpy.data.actions.new("Hat|Wave|BaseLayer")
    hat.keyframe_insert("location", frame=1)
    part("scene.conversion.clips").settle_clips(objects)
    assert clip_names(rig) == ["Walk", "Walk 2"]
    assert rig.animation_data.action.name == "Walk"
    assert clip_names(hat) == ["Wave"]
    assert hat.animation_data.action is None
    assert {each.name for each in bpy.data.actions} == {"Walk", "Walk 2", "Wave"}
