# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a result will stand: the places that the settings name, kept by placeholders."""

import bpy

from .. import properties, scene
from ..jobs import JobRecord


def targets(context: bpy.types.Context) -> list[bpy.types.Object | None]:
    """One entry for each job to make: the object to be replaced, or None for a place of its own."""
    if properties.get(context.scene).place_mode != "SELECTED":
        return [None]
    return [each for each in context.selected_editable_objects if scene.PROPERTY not in each]


def reserve(context: bpy.types.Context, job: JobRecord, target: bpy.types.Object | None) -> None:
    """Marks the object as the job's place, or makes an empty where the settings say."""
    if target is not None:
        target[scene.PROPERTY] = job.id
        return
    settings, cursor = properties.get(context.scene), context.scene.cursor
    location, turn = cursor.location.copy(), 0.0
    if settings.place_mode == "ROW":
        location = scene.row_place(context.scene, settings.size)
    elif settings.place_mode == "POINT":
        location, turn = settings.drop_point, settings.drop_rotation_z
    scene.add_placeholder(
        context.scene,
        job_id=job.id,
        name=job.name,
        location=location,
        rotation=(0.0, 0.0, turn),
        size=settings.size,
    )


def release(job_id: str) -> None:
    """Nothing is waited for any more: empties made for it go, the artist's own objects stay."""
    for names in scene.find_placeholders([job_id]).values():
        for name in names:
            scene.drop_placeholder(bpy.data.objects[name])
