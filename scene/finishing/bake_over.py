# SPDX-License-Identifier: GPL-3.0-or-later
"""Bakes what the model looked like onto new UVs: colour, opacity, roughness, metal, emission, normals.

Each texel takes all of that from the nearest place on the surface as it was (see ../conversion/bake.py), so
that no cage is needed. All meshes share one picture: they are put apart in space meanwhile.
"""

import math
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Vector

from ..conversion.bake import Baker, Whole
from ..conversion.shading import channels_of, has_texture, show_in_solid
from ..conversion.surface import surface_from
from ..conversion.values import values_of
from .unwrap import NAME, unwrap
from .work import CannotError, Work

USUAL_PX = 2048
NEAR = 0.02  # of the largest mesh: what is so near on the other side of a thin part is looked past
Before = dict[str, bpy.types.Mesh]  # by the name of the mesh: a copy as it was before it was reshaped


def take_before(work: Work) -> Before:
    """A copy of each mesh, which costs no memory until one of both changes."""
    copies: Any = {mesh.name: mesh.copy() for mesh in work.users()}
    return copies


def drop_before(before: Before) -> None:
    """Removes the copies, and what only they had."""
    bpy.data.batch_remove(list(before.values()))
    for kind in (bpy.data.materials, bpy.data.node_groups, bpy.data.images):
        bpy.data.batch_remove([each for each in kind if not each.users])


def bake_over(work: Work, before: Before) -> None:
    """New UVs and one material for all meshes, with textures of `bake` pixels a side."""
    size = work.profile["bake"] or work.profile["texture_px"] or USUAL_PX
    meshes = list(work.users())
    slots = [slot for mesh in meshes for slot in before[mesh.name].materials]
    if not work.profile["bake"] and not any(map(has_texture, slots)):
        return  # there is nothing to be kept
    unwrap(work, size)
    work.has_new_surface = work.is_repainted = True
    sizes = [_extent(before[mesh.name]) for mesh in meshes]
    spread = _apart(len(meshes), 2 * max(sizes))
    is_bent = any(channels_of(each)["normal"].image for each in slots)
    came = surface_from(
        [(before[mesh.name], place) for mesh, place in zip(meshes, spread, strict=True)], has_tangents=is_bent
    )
    target = surface_from(list(zip(meshes, spread, strict=True)), uv=NAME, has_tangents=True)
    baker = Baker(came, target, None, Whole(size, max(sizes) * NEAR))
    try:
        material = baker.bake(np.arange(len(target.corners)), work.name, NAME).material
    finally:
        baker.close()
    show_in_solid(material)
    for mesh, users in work.users().items():
        mesh.materials.clear()
        mesh.materials.append(material)
        mesh.polygons.foreach_set("material_index", np.zeros(len(mesh.polygons), np.int32))
        for slot in [slot for each in users for slot in each.material_slots]:
            slot.link = "DATA"
        for each in list(mesh.color_attributes):
            mesh.color_attributes.remove(each)
    if target.tangents is None:
        raise CannotError("it has faces of more than four corners: all but its normals was baked")


def _extent(mesh: bpy.types.Mesh) -> float:
    """The longest side of its box."""
    points = values_of(mesh.vertices, "co", width=3)
    return float(np.ptp(points.reshape(-1, 3), axis=0).max()) or 1.0


def _apart(count: int, step: float) -> list[Matrix]:
    """Places on a grid in space, as near to the origin as that many allow."""
    across = math.ceil(count ** (1 / 3))
    found: list[Matrix] = []
    for number in range(count):
        place = (number % across, number // across % across, number // across**2)
        found.append(Matrix.Translation(Vector(place) * step))
    return found
