# SPDX-License-Identifier: GPL-3.0-or-later
"""New UVs: Blender's Smart UV Project, all meshes in one square together, and never out of it."""

import math

import bpy
import numpy as np

from ..conversion.mesh_parts import components
from ..conversion.values import values_of
from .work import CannotError, Work

NAME = "UVMap"
_ANGLE = np.radians(66.0)  # Blender's own
_GAP_PX = 4.0  # round each island
_LEAST_GAP_PX = 1.0  # with less, neighbours share pixels
_MOST_GAPS = 0.25  # of the square: with more, nothing is left for the islands, or they do not fit at all
_SIMPLE_FACES = 200_000  # with more, exact gaps take minutes


def unwrap(work: Work, size: int) -> None:
    """One UV map on each mesh, for a picture of so many pixels a side."""
    scene, layer = bpy.context.scene, bpy.context.view_layer
    assert scene and layer
    found = work.users()
    if not found:
        raise CannotError("it has no faces")
    items = [users[0] for users in found.values()]
    for mesh in found:
        for each in list(mesh.uv_layers):
            mesh.uv_layers.remove(each)
        mesh.uv_layers.new(name=NAME)
    layer.update()
    for each in layer.objects:
        each.select_set(each in items)
    layer.objects.active = items[0]
    gap = _GAP_PX / size
    _project(work, gap)
    most = math.sqrt(_MOST_GAPS / sum(map(_count_islands, found))) / 2
    if gap > most:
        _project(work, most)
    if most * size < _LEAST_GAP_PX:
        work.messages.append(
            f"Bake: {size:,} pixels a side are few: each island of UVs has {most * size:.1f} of them round "
            "it, so that colours of neighbours may mix. Have more pixels baked, or fewer faces."
        )
    _fit_in(list(found))
    for each in items:
        each.select_set(False)


def _project(work: Work, gap: float) -> None:
    """Of what is selected, with such a gap, as a share of the square."""
    bpy.ops.object.mode_set(mode="EDIT")
    try:
        bpy.ops.mesh.reveal(select=False)
        bpy.ops.mesh.select_all(action="SELECT")
        is_simple = work.faces() <= _SIMPLE_FACES
        bpy.ops.uv.smart_project(
            angle_limit=_ANGLE,
            margin_method="FRACTION" if is_simple else "SCALED",
            island_margin=gap,
            correct_aspect=False,  # that of the pictures it had before
        )
    finally:
        bpy.ops.object.mode_set(mode="OBJECT")


def _count_islands(mesh: bpy.types.Mesh) -> int:
    """Faces hang together in the map where they share a vertex at the same place of it."""
    corners = values_of(mesh.loops, "vertex_index", np.int32)
    starts = values_of(mesh.polygons, "loop_start", np.int32)
    places = np.column_stack([corners, _uv_of(mesh).view(np.int32)])
    _, vertices = np.unique(places, axis=0, return_inverse=True)
    vertices = vertices.ravel().astype(np.int32)
    first = np.repeat(vertices[starts], np.diff(starts, append=len(corners)))
    return len(np.unique(components(int(vertices.max()) + 1, first, vertices)))


def _fit_in(meshes: list[bpy.types.Mesh]) -> None:
    """Makes what reaches out of the square smaller, all alike."""
    maps = [_uv_of(each) for each in meshes]
    low = np.min([each.min(axis=0) for each in maps], axis=0)
    high = np.max([each.max(axis=0) for each in maps], axis=0)
    if (low >= 0).all() and (high <= 1).all():
        return
    side = float((high - low).max())
    for mesh, uv in zip(meshes, maps, strict=True):
        fitting = ((uv - low) / max(side, 1.0)).clip(0.0, 1.0)
        mesh.uv_layers.active.uv.foreach_set("vector", fitting.ravel())


def _uv_of(mesh: bpy.types.Mesh) -> np.ndarray:
    found = np.empty((len(mesh.loops), 2), np.float32)
    mesh.uv_layers.active.uv.foreach_get("vector", found.ravel())
    return found
