# SPDX-License-Identifier: GPL-3.0-or-later
"""The artist's object as it is sent and measured: in its own space, in metres, whatever its transform.

For background Blenders. Its own space is that of its mesh: neither turned, moved nor mirrored as it stands in
the scene. It is stretched as it is seen there (`stretch`, above 0), so that a cube scaled to a plank is a
plank; what comes back is divided by that again.
"""

from collections.abc import Sequence
from typing import Any

import bpy
from mathutils import Matrix, Vector

WITH_FACES = ("MESH", "CURVE", "SURFACE", "FONT", "META")
_LEAST = 1e-9  # of a scale: one of 0 has no way back


def load_objects(source: str) -> dict[str, bpy.types.Object]:
    """All objects of the .blend in the scene, at its frame, by the names that they have there."""
    scene = bpy.context.scene
    assert scene
    with bpy.data.libraries.load(source) as (found, wanted):  # pyright: ignore[reportGeneralTypeIssues]
        names = list(found.objects)
        wanted.objects = list(names)
    loaded = dict(zip(names, wanted.objects, strict=True))
    for each in loaded.values():
        scene.collection.objects.link(each)
        each.hide_viewport = each.hide_select = False
        each.hide_set(False)
        each.select_set(False)
    scene.frame_set(scene.frame_current)
    return loaded


def owner_of(
    loaded: dict[str, bpy.types.Object], sent: Sequence[bpy.types.Object], name: str
) -> bpy.types.Object | None:
    """The object of that name, whose space counts; None without a name: the world's does."""
    return (loaded.get(name) or (sent[0] if len(sent) == 1 else None)) if name else None


def to_own_space(owner: bpy.types.Object | None, stretch: Sequence[float] | None) -> tuple[Matrix, Matrix]:
    """From the world to the owner's space; and from there to what is sent."""
    if owner is None:
        return Matrix(), Matrix()
    world = owner.matrix_world
    factors = [abs(value) for value in stretch or world.to_scale()]
    usual = [value if value > _LEAST else 1.0 for value in factors]
    return world.inverted_safe(), Matrix.Diagonal(Vector((*usual, 1.0)))


def mesh_of(item: bpy.types.Object, place: Matrix | None = None, *, is_base: bool) -> bpy.types.Mesh:
    """A mesh of the object's, as it is seen or as it is without modifiers; put where the matrix says.

    That decides how faces fall into triangles: what is sent and what it is compared with have the same.
    """
    graph = bpy.context.evaluated_depsgraph_get()
    if is_base and isinstance(item.data, bpy.types.Mesh):
        made: Any = item.data.copy()
        if made.shape_keys:  # the basis stays
            holder = bpy.data.objects.new(item.name, made)
            holder.shape_key_clear()
            bpy.data.objects.remove(holder)
    else:
        made = bpy.data.meshes.new_from_object(
            item.evaluated_get(graph), preserve_all_data_layers=True, depsgraph=graph
        )
    if place is not None:
        made.transform(place)
        if place.is_negative:
            made.flip_normals()
    return made
