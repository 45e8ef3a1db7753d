# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes objects of what a USD's point instancer shows, which Blender imports as points with a modifier."""

import bpy

from .unpack import UnreadableError

MAX_USES = 100_000


def realise_instances() -> None:
    """Each use of a mesh that points show becomes an object at its place; the hidden prototypes go.

    Raises UnreadableError where there are more than Blender could hold.
    """
    if not any(each.type == "POINTCLOUD" and each.modifiers for each in bpy.data.objects):
        return
    graph = bpy.context.evaluated_depsgraph_get()
    uses = [
        (use.object.original, use.matrix_world.copy())
        for use in graph.object_instances
        if use.is_instance and use.object.type == "MESH"
    ]
    if len(uses) > MAX_USES:
        raise UnreadableError(f"The model shows {len(uses):,} instances, more than Blender could hold.")
    prototypes = {item for item, _ in uses if not item.visible_get()}
    for item, place in uses:
        made = bpy.data.objects.new(item.name, item.data)
        bpy.context.scene.collection.objects.link(made)
        made.matrix_world = place
        for slot, given in zip(made.material_slots, item.material_slots, strict=True):
            slot.link = given.link
            slot.material = given.material
    bpy.data.batch_remove(prototypes)
