# SPDX-License-Identifier: GPL-3.0-or-later
"""A closed solid: holes are filled where that is enough, else the shape is made anew of voxels."""

from typing import Any

import bmesh
import bpy

from ..conversion.mesh_shape import count_shape
from ..conversion.report import arrays_of
from .work import CannotError, Work, bends, edited, evaluated, put_in_place, shown

VOXELS = 256  # along the longest side
FILLED_MOST = 0.05  # of the edges: a surface that is open at more of them has no inside


def make_watertight(work: Work) -> None:
    """Each edge has two faces. Raises CannotError for what a rig or shape keys move."""
    kept: list[str] = []
    for mesh, users in work.users().items():
        if is_closed(mesh):
            continue
        if bends(users):
            kept.append(users[0].name)
            continue
        work.is_reshaped = True
        if not fill_holes(mesh):
            put_in_place(mesh, _solid(mesh))
            work.has_new_surface = True
    if kept:
        raise CannotError(f"a rig or shape keys move its vertices ({', '.join(kept[:3])})")


def is_closed(mesh: bpy.types.Mesh) -> bool:
    counts, _ = count_shape(arrays_of(mesh))
    return not (counts.boundary_edges or counts.non_manifold_edges or counts.split_edges)


def fill_holes(mesh: bpy.types.Mesh) -> bool:
    """Closes the mesh with flat faces over its holes; False if that does not close it: nothing changes."""
    trial = mesh.copy()
    with edited(trial) as held:
        edges = [each for each in held.edges if each.is_boundary]
        if len(edges) <= FILLED_MOST * len(held.edges):
            made = bmesh.ops.holes_fill(held, edges=edges, sides=0)["faces"]
            bmesh.ops.triangulate(held, faces=made)
            bmesh.ops.recalc_face_normals(held, faces=held.faces)
    if not is_closed(trial):
        bpy.data.meshes.remove(trial)
        return False
    put_in_place(mesh, trial)
    return True


def _solid(mesh: bpy.types.Mesh) -> bpy.types.Mesh:
    """Of voxels; what is a sheet and has no inside gets two of them as its thickness."""
    size = longest_side(mesh) / VOXELS
    made = voxels(mesh, size)
    if not is_closed(made):
        bpy.data.meshes.remove(made)
        made = voxels(mesh, size, thickness=2 * size)
    return made


def voxels(mesh: bpy.types.Mesh, size: float, *, thickness: float = 0.0) -> bpy.types.Mesh:
    """A new mesh of quads of about that size, without UVs; closed unless parts of it have no inside."""
    with shown(mesh) as item:
        if thickness:
            shell: Any = item.modifiers.new("shell", "SOLIDIFY")
            shell.thickness = thickness
            shell.offset = 0.0
        modifier: Any = item.modifiers.new("voxels", "REMESH")
        modifier.mode = "VOXEL"
        modifier.voxel_size = size
        modifier.use_smooth_shade = True
        made = evaluated(item)
    if not made.polygons:
        bpy.data.meshes.remove(made)
        raise CannotError("nothing is left of it in voxels")
    return made


def longest_side(mesh: bpy.types.Mesh) -> float:
    points = arrays_of(mesh).points
    return float((points.max(axis=0) - points.min(axis=0)).max()) if len(points) else 0.0
