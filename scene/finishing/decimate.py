# SPDX-License-Identifier: GPL-3.0-or-later
"""Fewer faces by Blender's Decimate; what lies at the seams of UVs goes last."""

from typing import Any

import bpy
import numpy as np

from ..conversion.values import values_of
from .clean import drop_own_normals
from .work import CannotError, Work, evaluated, put_in_place, shown

TRIES = 2
MORE_QUADS = 0.25  # than the budget, of which they keep to about so many
_GROUP = "maquette seams"


def decimate(work: Work) -> None:
    """To `faces` in all. Raises CannotError where that is missed. Quads that were made stay:
    they may be a few more.
    """
    wanted_in_all = work.profile["faces"]
    found = {mesh: users for mesh, users in work.users().items() if mesh.name not in work.quads}
    before = sum(len(mesh.polygons) * len(users) for mesh, users in found.items())
    budget = max(0, wanted_in_all - (work.faces() - before))
    kept: list[str] = []
    keeps_uv = not work.profile["bake"] and not work.has_new_surface
    for mesh, users in found.items() if before > budget else ():
        if mesh.shape_keys:
            kept.append(users[0].name)
            continue
        wanted = max(4, int(len(mesh.polygons) * budget / before))
        put_in_place(mesh, fewer(mesh, wanted, keeps_uv=keeps_uv))
        work.is_reshaped = True
    if kept:
        raise CannotError(f"shape keys fit only the faces that they came with ({', '.join(kept[:3])})")
    if work.quads and work.faces() > (1 + MORE_QUADS) * wanted_in_all:
        raise CannotError(f"{work.faces():,} quads are as near to {wanted_in_all:,} as it came")
    if not work.quads and work.faces() > wanted_in_all:
        raise CannotError(f"{work.faces():,} faces are as few as its shape allows")


def fewer(mesh: bpy.types.Mesh, wanted: int, *, keeps_uv: bool) -> bpy.types.Mesh:
    """A new mesh of triangles like this one, of at most so many if its shape allows.

    With `keeps_uv` the edges of UV islands stay where they are as long as anything else can go.
    """
    source = mesh.copy()
    drop_own_normals(source)
    made: bpy.types.Mesh | None = None
    with shown(source) as item:
        if keeps_uv:
            _mark_seams(item, source)
        modifier: Any = item.modifiers.new("fewer", "DECIMATE")
        modifier.use_collapse_triangulate = True
        # Without the group in the end: the seams alone may be too many.
        for group in [_GROUP, ""] if _GROUP in item.vertex_groups else [""]:
            modifier.vertex_group = group
            modifier.ratio = wanted / max(_triangles(source), 1)
            for _ in range(TRIES):
                if made is not None:
                    bpy.data.meshes.remove(made)
                made = evaluated(item)
                if len(made.polygons) <= wanted:
                    break
                modifier.ratio *= 0.98 * wanted / len(made.polygons)
            if made is not None and len(made.polygons) <= wanted:
                break
    bpy.data.meshes.remove(source)
    assert made
    _without_group(made)
    return made


def _triangles(mesh: bpy.types.Mesh) -> int:
    return len(mesh.loops) - 2 * len(mesh.polygons)


def _mark_seams(item: bpy.types.Object, mesh: bpy.types.Mesh) -> None:
    """A group in which what lies at the edge of a UV island weighs nothing, and all else one."""
    is_seam = at_seams(mesh)
    if not is_seam.any():
        return
    group: Any = item.vertex_groups.new(name=_GROUP)
    group.add(np.flatnonzero(~is_seam).tolist(), 1.0, "REPLACE")


def at_seams(mesh: bpy.types.Mesh) -> np.ndarray:
    """Of each vertex, whether it has several places in the UV map."""
    is_seam = np.zeros(len(mesh.vertices), np.bool_)
    if not mesh.uv_layers.active:
        return is_seam
    uv = np.empty(len(mesh.loops) * 2, np.float32)
    mesh.uv_layers.active.uv.foreach_get("vector", uv)
    corners = values_of(mesh.loops, "vertex_index", np.int32)
    first = np.zeros((len(mesh.vertices), 2), np.float32)
    first[corners] = uv.reshape(-1, 2)
    is_seam[corners[(np.abs(first[corners] - uv.reshape(-1, 2)) > 1e-5).any(axis=1)]] = True
    return is_seam


def _without_group(mesh: bpy.types.Mesh) -> None:
    with shown(mesh) as item:
        if group := item.vertex_groups.get(_GROUP):
            item.vertex_groups.remove(group)
