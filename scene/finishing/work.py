# SPDX-License-Identifier: GPL-3.0-or-later
"""What the steps of finishing work on, and the one place that catches their failures."""

import contextlib
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import bmesh
import bpy


class CannotError(Exception):
    """A step cannot be done, or not wholly; the text says why, in words that follow "as"."""


@dataclass
class Work:
    """A result that is being finished: its root first among the objects, all in the scene."""

    name: str
    profile: dict[str, Any]  # as jobs/profile.py writes it
    objects: list[bpy.types.Object]
    messages: list[str] = field(default_factory=list)  # in words, what could not be done
    is_reshaped: bool = False  # vertices were moved, or faces are others
    has_new_surface: bool = False  # its faces are others altogether: UVs and materials are lost
    quads: set[str] = field(default_factory=set)  # the names of meshes that were made of quads
    is_repainted: bool = False  # its textures are others
    steps: dict[str, float] = field(default_factory=dict)  # the seconds that each took
    bits: int = 0  # loose ones that went
    lods: list[int] = field(default_factory=list)  # the faces of each
    hulls: int = 0

    @property
    def root(self) -> bpy.types.Object:
        return self.objects[0]

    def attempt(self, what: str, step: Callable[["Work"], None]) -> None:
        """Does a step. If it fails, `messages` says so, and the model comes as far as it got."""
        begun = time.monotonic()
        try:
            step(self)
            return
        except CannotError as error:
            why = str(error)
        except MemoryError:
            why = "it needs more memory than finishing may take"
        except Exception:  # a defect of ours or of Blender's, which the job's log then tells
            traceback.print_exc()
            why = "Maquette met a defect, which the job's log tells"
        finally:
            self.steps[what] = round(self.steps.get(what, 0.0) + time.monotonic() - begun, 2)
        self.messages.append(f"{what}: not done, as {why}.")

    def users(self) -> dict[bpy.types.Mesh, list[bpy.types.Object]]:
        """Each mesh that has faces, with the objects that show it."""
        found: dict[bpy.types.Mesh, list[bpy.types.Object]] = {}
        for each in self.objects:
            if isinstance(each.data, bpy.types.Mesh) and each.data.polygons:
                found.setdefault(each.data, []).append(each)
        return found

    def faces(self) -> int:
        """Of all meshes, each use counted."""
        return sum(len(mesh.polygons) * len(users) for mesh, users in self.users().items())


def bends(users: list[bpy.types.Object]) -> bool:
    """Whether a rig or shape keys move the vertices of their mesh."""
    mesh: Any = users[0].data
    return bool(mesh.shape_keys) or any(each.modifiers or each.vertex_groups for each in users)


def put_in_place(mesh: bpy.types.Mesh, made: bpy.types.Mesh) -> bpy.types.Mesh:
    """Has `made` take the place of the mesh wherever that is used."""
    for key, value in mesh.items():
        made[key] = value
    for material in mesh.materials if not made.materials else ():
        made.materials.append(material)
    name = mesh.name
    mesh.user_remap(made)
    bpy.data.meshes.remove(mesh)
    made.name = name
    return made


@contextlib.contextmanager
def edited(mesh: bpy.types.Mesh) -> Iterator[bmesh.types.BMesh]:
    """The mesh to be edited; if that fails, it stays as it was."""
    work = bmesh.new()
    try:
        work.from_mesh(mesh)
        yield work
        work.to_mesh(mesh)
    finally:
        work.free()
    mesh.update()


@contextlib.contextmanager
def shown(mesh: bpy.types.Mesh) -> Iterator[bpy.types.Object]:
    """An object of its own for the mesh, active and selected alone, for modifiers and operators."""
    scene, layer = bpy.context.scene, bpy.context.view_layer
    assert scene and layer
    item = bpy.data.objects.new("scratch", mesh)
    scene.collection.objects.link(item)
    layer.update()  # else what was removed is still among its objects
    for each in layer.objects:
        each.select_set(each == item)
    layer.objects.active = item
    try:
        yield item
    finally:
        bpy.data.objects.remove(item)


def evaluated(item: bpy.types.Object) -> bpy.types.Mesh:
    """A mesh of what the object's modifiers make."""
    graph = bpy.context.evaluated_depsgraph_get()
    return bpy.data.meshes.new_from_object(
        item.evaluated_get(graph), preserve_all_data_layers=True, depsgraph=graph
    )
