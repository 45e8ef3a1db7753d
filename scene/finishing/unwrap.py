# SPDX-License-Identifier: GPL-3.0-or-later
"""New UVs: Blender's Smart UV Project, all meshes in one square together."""

import bpy
import numpy as np

from .work import CannotError, Work

NAME = "UVMap"
_ANGLE = np.radians(66.0)  # Blender's own
_GAP_PX = 4.0  # between islands
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
    bpy.ops.object.mode_set(mode="EDIT")
    try:
        bpy.ops.mesh.reveal(select=False)
        bpy.ops.mesh.select_all(action="SELECT")
        is_simple = work.faces() <= _SIMPLE_FACES
        bpy.ops.uv.smart_project(
            angle_limit=_ANGLE,
            margin_method="FRACTION" if is_simple else "SCALED",
            island_margin=_GAP_PX / size,
            correct_aspect=False,  # that of the pictures it had before
        )
    finally:
        bpy.ops.object.mode_set(mode="OBJECT")
    for each in items:
        each.select_set(False)
