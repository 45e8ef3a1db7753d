# SPDX-License-Identifier: GPL-3.0-or-later
"""One mesh is one object: its transform goes into its points, and it stands on its own origin.

Not where that would lose something: a rig, an animated place, a constraint, a modifier that another size or
turn would change. Such a mesh stays under an empty, as several do.
"""

import bpy
import numpy as np
from mathutils import Matrix

from .values import values_of

_UNTURNED = ("SUBSURF", "TRIANGULATE", "WEIGHTED_NORMAL", "EDGE_SPLIT")  # do the same whatever the transform


def can_be_one(objects: list[bpy.types.Object]) -> bool:
    """Whether the objects are one mesh, and the empties over it, that nothing moves."""
    shapes = [each for each in objects if each.type != "EMPTY"]
    if len(shapes) != 1 or shapes[0].type != "MESH":
        return False
    if any(modifier.type not in _UNTURNED for modifier in shapes[0].modifiers):
        return False
    return not any(each.animation_data or each.constraints for each in objects)


def make_one(objects: list[bpy.types.Object], pivot: Matrix) -> bpy.types.Object:
    """The mesh alone, `pivot` @ its place in its points: no parent, no turn, a scale of 1."""
    item = next(each for each in objects if each.type == "MESH")
    mesh = item.data
    assert isinstance(mesh, bpy.types.Mesh)
    if mesh.users > 1:
        mesh = mesh.copy()
        item.data = mesh
    bpy.context.view_layer.update()
    place = pivot @ item.matrix_world
    item.parent = None
    for name in ("delta_location", "delta_rotation_euler"):
        setattr(item, name, (0.0, 0.0, 0.0))
    item.delta_rotation_quaternion = (1.0, 0.0, 0.0, 0.0)
    item.delta_scale = (1.0, 1.0, 1.0)
    item.rotation_mode = "XYZ"
    item.matrix_basis = Matrix()
    bpy.data.batch_remove([each for each in objects if each != item])
    _transform(mesh, place)
    return item


def _transform(mesh: bpy.types.Mesh, place: Matrix) -> None:
    """Also of given normals: Blender keeps those relative to the faces round each corner."""
    axes = np.array(place.to_3x3())
    is_mirrored = bool(np.linalg.det(axes) < 0)
    is_even = np.allclose(axes.T @ axes, np.eye(3) * (axes**2).sum() / 3, rtol=1e-4, atol=1e-12)
    is_kept = mesh.has_custom_normals and (is_mirrored or not is_even)
    normals = np.empty(len(mesh.loops) * 3 if is_kept else 0, np.float32)
    corners = np.empty(0, np.int32)
    if is_kept:  # reading them takes as long as all else here
        corners = _corners(mesh)
        mesh.corner_normals.foreach_get("vector", normals)
    mesh.transform(place, shape_keys=True)
    if is_mirrored:
        mesh.flip_normals()
    if is_kept:
        turned = normals.reshape(-1, 3) @ np.linalg.inv(axes)  # the inverse of the transpose, to rows
        turned /= np.maximum(np.linalg.norm(turned, axis=1, keepdims=True), 1e-12)
        mesh.normals_split_custom_set(turned[_order(mesh, corners)].tolist())
    mesh.update()


def _corners(mesh: bpy.types.Mesh) -> np.ndarray:
    return values_of(mesh.loops, "vertex_index", np.int32)


def _order(mesh: bpy.types.Mesh, corners: np.ndarray) -> np.ndarray:
    """Where each corner was before its face was turned about: all but the first in the other direction."""
    now = np.arange(len(corners))
    if np.array_equal(_corners(mesh), corners):
        return now
    starts = np.empty(len(mesh.polygons), np.int32)
    totals = np.empty(len(mesh.polygons), np.int32)
    mesh.polygons.foreach_get("loop_start", starts)
    mesh.polygons.foreach_get("loop_total", totals)
    starts, totals = np.repeat(starts, totals), np.repeat(totals, totals)
    within = now - starts
    return starts + np.where(within == 0, 0, totals - within)
