# SPDX-License-Identifier: GPL-3.0-or-later
"""A closed solid: holes are filled where that is enough, else the shape is made anew of voxels."""

from typing import Any

import bmesh
import bpy
import numpy as np
from mathutils import Matrix

from ..conversion.mesh_shape import count_shape, parts_of_faces
from ..conversion.report import arrays_of
from ..conversion.surface import Finder, surface_from
from ..conversion.values import values_of
from .deviation import sampled
from .work import CannotError, Work, bends, edited, evaluated, put_in_place, shown

VOXELS = 256  # along the longest side
SAMPLES = 20_000  # of open parts
LOST_MOST = 0.2  # of them: some lie inside of others
REACH = 3  # voxels: what is farther from the new surface is lost
FILLED_MOST = 0.05  # of the edges: a surface that is open at more of them has no inside


def make_watertight(work: Work) -> None:
    """Each edge has two faces. Raises CannotError for what a rig or shape keys move, or would be lost."""
    kept: list[str] = []
    lost: list[str] = []
    for mesh, users in work.users().items():
        if is_closed(mesh):
            continue
        if bends(users):
            kept.append(users[0].name)
            continue
        if not fill_holes(mesh):
            solid = _solid_or_none(mesh)
            if solid is None:
                lost.append(users[0].name)
                continue
            put_in_place(mesh, solid)
            work.has_new_surface = True
        work.is_reshaped = True
    if kept:
        raise CannotError(f"a rig or shape keys move its vertices ({', '.join(kept[:3])})")
    if lost:
        raise CannotError(f"its sheets would be lost in voxels ({', '.join(lost[:3])})")


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


def _solid_or_none(mesh: bpy.types.Mesh) -> bpy.types.Mesh | None:
    """Of voxels; what is a sheet and has no inside gets two of them as its thickness."""
    size = longest_side(mesh) / VOXELS
    for thickness in (0.0, 2 * size):
        made = voxels(mesh, size, thickness=thickness)
        if is_closed(made) and keeps_sheets(mesh, made, REACH * size):
            return made
        bpy.data.meshes.remove(made)
    return None


def keeps_sheets(mesh: bpy.types.Mesh, made: bpy.types.Mesh, reach: float) -> bool:
    """Whether the parts of the mesh that are open are there in what was made of its voxels.

    A sheet has no inside: Blender may leave nothing of it but crumbs.
    """
    arrays = arrays_of(mesh)
    _, corner_edges = count_shape(arrays)
    is_rim = np.bincount(corner_edges)[corner_edges] == 1
    parts = parts_of_faces(arrays)
    open_parts = np.repeat(parts, arrays.sizes)[is_rim]
    surface = surface_from([(mesh, Matrix())])
    faces = values_of(mesh.loop_triangles, "polygon_index", np.int32)
    surface.corners = surface.corners[np.isin(parts, open_parts)[faces]]
    if not len(surface.corners):
        return True
    points = sampled(surface, SAMPLES).of(surface.corners)
    finder = Finder(surface_from([(made, Matrix())]))
    try:
        distance = finder.nearest(points).distance
    finally:
        finder.close()
    return float(np.mean(distance > reach)) <= LOST_MOST


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
