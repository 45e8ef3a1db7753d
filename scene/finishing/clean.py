# SPDX-License-Identifier: GPL-3.0-or-later
"""Welds what a file stores several times, and has all faces look outwards."""

from typing import Any

import bmesh
import bpy
import numpy as np

from ..conversion.values import values_of
from .work import Work, edited, shown

USUAL_ANGLE = 60.0  # degrees: of what got other faces, where the profile says none
NEAR = 1e-6  # of the size: vertices so near to each other are one


def weld(work: Work) -> None:
    """Joins vertices at the same place, and takes away edges and vertices that then have no face."""
    for mesh in work.users():
        weld_mesh(mesh, keeps_normals=not work.profile["smooth_angle"], keeps_loose=False)


def weld_mesh(mesh: bpy.types.Mesh, *, keeps_normals: bool, keeps_loose: bool = True) -> None:
    """Joins vertices at the same place. Normals of its own stay only if no face goes with that."""
    normals = _normals(mesh) if keeps_normals else None
    corners = len(mesh.loops)
    with edited(mesh) as held:
        size = max((vertex.co.length for vertex in held.verts), default=0.0)
        bmesh.ops.remove_doubles(held, verts=held.verts, dist=size * NEAR)
        if not keeps_loose:
            bmesh.ops.delete(held, geom=[each for each in held.edges if not each.link_faces], context="EDGES")
            bmesh.ops.delete(held, geom=[each for each in held.verts if not each.link_edges], context="VERTS")
    if normals is not None and len(mesh.loops) == corners:
        mesh.normals_split_custom_set(normals.tolist())


def turn_outwards(work: Work) -> None:
    """Has faces that hang together look the same way, outwards where there is an inside."""
    for mesh in work.users():
        before = _of_faces(mesh)
        with edited(mesh) as held:
            bmesh.ops.recalc_face_normals(held, faces=held.faces)
        if ((before * _of_faces(mesh)).sum(axis=1) < 0).any():
            drop_own_normals(mesh)


def smooth(work: Work, degrees: float | None = None) -> None:
    """Smooth, with sharp edges where faces meet at a larger angle than that, or `smooth_angle`."""
    for mesh in work.users():
        drop_own_normals(mesh)
        mesh.shade_smooth()
        mesh.set_sharp_from_angle(angle=np.radians(degrees or work.profile["smooth_angle"]))


def drop_own_normals(mesh: bpy.types.Mesh) -> None:
    """Takes normals away that came with the file: they are those of another shape then."""
    if not mesh.has_custom_normals:
        return
    with shown(mesh):
        bpy.ops.mesh.customdata_custom_splitnormals_clear()


def _normals(mesh: bpy.types.Mesh) -> np.ndarray | None:
    if not mesh.has_custom_normals:
        return None
    found: Any = np.empty(len(mesh.loops) * 3, np.float32)
    mesh.corner_normals.foreach_get("vector", found)
    return found.reshape(-1, 3)


def _of_faces(mesh: bpy.types.Mesh) -> np.ndarray:
    return values_of(mesh.polygons, "normal", width=3).reshape(-1, 3)
