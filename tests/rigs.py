# SPDX-License-Identifier: GPL-3.0-or-later
"""Characters made by code, scaled in all the ways that files are, and where their joints and vertices are."""

import random
from collections.abc import Iterable, Sequence
from typing import Any

import bpy
import numpy as np
from mathutils import Euler, Matrix

BONES = ("hips", "spine", "head")
FRAMES = range(1, 21)
Places = dict[tuple[int, str], np.ndarray]


def empty_file() -> None:
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)


def new_object(name: str, data: Any = None, parent: Any = None) -> Any:
    item: Any = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(item)
    item.parent = parent
    return item


def new_rig(name: str = "Armature", unit: float = 1.0, parent: Any = None) -> Any:
    """Three bones in a row, a `unit` high each, turned and bent a little."""
    rig = new_object(name, bpy.data.armatures.new(f"{name} bones"), parent)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    before = None
    for number, bone_name in enumerate(BONES):
        bone = rig.data.edit_bones.new(bone_name)
        bone.head = (0.1 * unit * number, 0.0, unit * number)
        bone.tail = (0.1 * unit * (number + 1), 0.05 * unit, unit * (number + 1))
        bone.roll = 0.3 * number
        bone.parent = before
        before = bone
    bpy.ops.object.mode_set(mode="OBJECT")
    return rig


def new_skin(rig: Any, unit: float = 1.0, name: str = "Body") -> Any:
    """A column round the bones with a weight for each, and a shape key."""
    sides, rings = 8, 13
    points = [
        (0.3 * unit * np.cos(turn), 0.3 * unit * np.sin(turn), 3 * unit * ring / (rings - 1))
        for ring in range(rings)
        for turn in 2 * np.pi * np.arange(sides) / sides
    ]
    faces = [
        (ring * sides + side, ring * sides + (side + 1) % sides, (ring + 1) * sides + (side + 1) % sides,
         (ring + 1) * sides + side)
        for ring in range(rings - 1)
        for side in range(sides)
    ]  # fmt: skip
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(points, [], faces)
    item = new_object(name, mesh, rig)
    for number, bone in enumerate(BONES):
        group = item.vertex_groups.new(name=bone)
        for index, point in enumerate(points):
            weight = max(0.0, 1.0 - abs(point[2] / unit - number - 0.5))
            if weight:
                group.add([index], weight, "REPLACE")
    modifier: Any = item.modifiers.new("Armature", "ARMATURE")
    modifier.object = rig
    item.shape_key_add(name="Basis")
    wide = item.shape_key_add(name="Wide")
    for point in wide.data:
        point.co.x *= 1.5
    wide.value = 0.4
    return item


def new_hat(rig: Any, unit: float = 1.0) -> Any:
    """On the head."""
    mesh = bpy.data.meshes.new("Hat")
    points = [(0, 0, 0), (unit, 0, 0), (0, unit, 0), (0, 0, unit)]
    mesh.from_pydata(points, [], [(0, 2, 1), (0, 1, 3), (0, 3, 2)])
    hat = new_object("Hat", mesh, rig)
    hat.parent_type = "BONE"
    hat.parent_bone = "head"
    hat.location = (0.1 * unit, 0.2 * unit, 0.0)
    return hat


def animate(rig: Any, name: str, *, seed: int, unit: float = 1.0, moves_object: bool = False) -> Any:
    """A clip of the rig; it plays, with what there was before stashed."""
    chance = random.Random(seed)
    data = rig.animation_data or rig.animation_data_create()
    if data.action:
        stash(data)
    data.action = bpy.data.actions.new(name)
    for frame in (1, 8, 20):
        for bone in rig.pose.bones:
            bone.rotation_mode = "QUATERNION"
            turn = [chance.uniform(-0.5, 0.5) for _ in range(3)]
            bone.rotation_quaternion = Euler(turn).to_quaternion()
            bone.keyframe_insert("rotation_quaternion", frame=frame)
            if bone.parent is None:
                bone.location = [chance.uniform(-unit, unit) for _ in range(3)]
                bone.keyframe_insert("location", frame=frame)
        if moves_object:
            rig.location = [chance.uniform(-1, 1) for _ in range(3)]
            rig.keyframe_insert("location", frame=frame)
    return data.action


def stash(data: Any) -> None:
    """The active action as a muted track."""
    track = data.nla_tracks.new()
    track.name = data.action.name
    strip = track.strips.new(data.action.name, 1, data.action)
    if hasattr(strip, "action_slot"):
        strip.action_slot = data.action_slot
    track.mute = True
    data.action = None


def some_turn(chance: random.Random) -> Matrix:
    return Euler([chance.uniform(-3, 3) for _ in range(3)]).to_matrix().to_4x4()


def places(objects: Iterable[Any], frames: Sequence[int] = FRAMES) -> Places:
    """In the world, by frame and name: both ends of all bones, and the vertices as they are deformed."""
    found: Places = {}
    scene: Any = bpy.context.scene
    for frame in frames:
        scene.frame_set(frame)
        graph = bpy.context.evaluated_depsgraph_get()
        for each in objects:
            shown = each.evaluated_get(graph)
            world = np.array(shown.matrix_world)
            if each.type == "ARMATURE":
                points = np.array([end for bone in shown.pose.bones for end in (bone.head, bone.tail)])
            elif each.type == "MESH":
                points = np.array([vertex.co for vertex in shown.data.vertices])
            else:
                continue
            found[frame, each.name] = points @ world[:3, :3].T + world[:3, 3]
    return found


def farthest(before: Places, after: Places, *, is_moved: bool = False) -> float:
    """How far a joint or a vertex is from where it was, as a share of the size.

    With `is_moved` all of it may have been moved as one.
    """
    assert before.keys() == after.keys()
    one, other = (np.concatenate([found[key] for key in before]) for found in (before, after))
    if is_moved:
        one, other = one - one[0], other - other[0]
    size = (one.max(axis=0) - one.min(axis=0)).max()
    return float(np.abs(one - other).max() / size)
