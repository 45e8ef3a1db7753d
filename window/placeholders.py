# SPDX-License-Identifier: GPL-3.0-or-later
"""Placeholders: the objects that mark where results will stand.

A job's placeholder is made before the job is added, so what is paid for has a place.
"""

from collections.abc import Iterable

import bpy

from .. import properties, scene
from ..jobs import JobCache, JobRecord, NewJob
from ..session_state import state
from . import on_original
from .spots import Spot


def targets(context: bpy.types.Context) -> list[bpy.types.Object | None]:
    """One entry for each job to make: the object to be replaced, or None for a place of its own.

    Any part of a 3D model of ours stands for the whole of it.
    """
    settings = properties.get(context.scene)
    model = properties.model_of(settings, state.catalogue)
    mode = properties.place_mode_of(settings, model)
    if mode not in ("SELECTED", "ORIGINAL"):
        return [None]
    chosen = list(dict.fromkeys(root_of(each) or each for each in context.selected_editable_objects))
    if mode == "ORIGINAL" and model:
        chosen = on_original.objects_of(context, model, chosen)
        if not chosen:
            return [None]
    return [each for each in chosen if not scene.awaited_job(each)]


def root_of(item: bpy.types.Object | None) -> bpy.types.Object | None:
    """The root of the 3D model of ours that the object is, or is under."""
    while item is not None and not is_root(item):
        item = item.parent
    return item


def is_root(item: bpy.types.Object) -> bool:
    return scene.bounds_or_none(item) is not None


def job_of(item: bpy.types.Object | None, jobs: JobCache | None) -> JobRecord | None:
    """The job that the object waits for, or that made it or what it is a part of."""
    if item is None or jobs is None:
        return None
    made = (root_of(item) or item).get("maquette_job")
    job_id = scene.awaited_job(item) or scene.job_of(item) or made
    return jobs.by_id.get(job_id) if isinstance(job_id, str) else None


def meshes_of(items: Iterable[bpy.types.Object]) -> list[bpy.types.Object]:
    """Those of these objects that have faces; a root stands for all that is under it."""
    whole: dict[bpy.types.Object, None] = {}
    for each in items:
        whole |= dict.fromkeys([each, *each.children_recursive] if is_root(each) else [each])
    return [each for each in whole if each.type in properties.MESH_TYPES]


def add_job(
    context: bpy.types.Context,
    jobs: JobCache,
    new: NewJob,
    target: bpy.types.Object | None,
    spot: Spot | None = None,
) -> JobRecord:
    """Mark the job's place and add the job, or do neither. Raises StoreError."""
    try:
        create(context, new, target, spot)
        return jobs.add(new)
    except BaseException:  # also Ctrl-C: no place stays reserved for a job that is not there; raised again
        remove(new.id)
        raise


def create(
    context: bpy.types.Context,
    job: NewJob | JobRecord,
    target: bpy.types.Object | None,
    spot: Spot | None = None,
) -> None:
    """Marks the object as the job's place, or makes an empty on the spot, or else where the settings say."""
    if on_original.reserve(job, target):
        return
    if target is not None:
        target[scene.AWAITS] = job.id
        return
    settings, cursor = properties.get(context.scene), context.scene.cursor
    location, turn = cursor.location.copy(), 0.0
    model = properties.model_of(settings, state.catalogue)
    mode = properties.place_mode_of(settings, model)
    if mode == "ROW":
        location = scene.row_place(context.scene, settings.size)
    elif mode == "POINT":
        location, turn = settings.drop_point, settings.drop_rotation_z
    if spot:
        location, turn = spot.location, spot.rotation_z
    scene.add_placeholder(
        context.scene,
        job_id=job.id,
        name=job.name,
        location=location,
        rotation=(0.0, 0.0, turn),
        size=spot.size if spot else settings.size,
    )


def remove(job_id: str) -> None:
    """Remove the job's placeholders: empties made for it go, the artist's own objects stay."""
    for names in scene.find_placeholders([job_id]).values():
        for name in names:
            scene.drop_placeholder(bpy.data.objects[name])
