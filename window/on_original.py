# SPDX-License-Identifier: GPL-3.0-or-later
"""*Place › On the Original*: what a model makes of the artist's mesh goes back to that very object.

A job whose `placement` has `own` knows the object, how it is stretched, and what becomes of it: MATERIAL,
MESH, OBJECT (another, in its place) or REPLACE (the object goes, as with *Replace Selected*).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import bpy

from .. import properties, scene
from ..client import Model
from ..jobs import DONE, OWN_FILE, JobCache, JobRecord, NewJob, provenance_in_scene
from ..properties import MESH_TYPES, Meshes


def originals_of(
    context: bpy.types.Context, model: Model, chosen: Iterable[bpy.types.Object]
) -> Iterator[bpy.types.Object]:
    """The objects to be worked on, a job each: the one that the panel names, else those chosen with faces."""
    named = properties.named_mesh(properties.get(context.scene), model)
    return iter([named]) if named else filter(_has_faces, chosen)


def _has_faces(item: bpy.types.Object) -> bool:
    is_root = scene.bounds_or_none(item) is not None
    return any(each.type in MESH_TYPES for each in ([item, *item.children_recursive] if is_root else [item]))


def own_of(
    context: bpy.types.Context, model: Model, values: properties.Values, target: bpy.types.Object | None
) -> dict[str, Any]:
    """What a new job's `placement` says of the one object that is sent; {} if it is not one of this file."""
    settings = properties.get(context.scene)
    wanted = [value for value in values.values() if isinstance(value, Meshes)]
    item = target
    if wanted and wanted[0].names:
        item = bpy.data.objects.get(wanted[0].names[0])
    elif target is None and wanted:
        chosen = [each for each in context.selected_objects if _has_faces(each)]
        item = chosen[0] if len(chosen) == 1 else None
    if item is None or not wanted:
        return {}
    mode = properties.place_mode_of(settings, model)
    result = ""
    if item == target:
        result = {"ORIGINAL": settings.result, "SELECTED": "REPLACE"}.get(mode, "")
        result = "OBJECT" if result in scene.ONTO and item.type != "MESH" else result
    metres = properties.metres_per_unit(context.scene)
    stretch = [abs(value) * metres for value in item.matrix_world.to_scale()]
    is_base = settings.shape == "BASE"
    return {"own": {"object": item.name, "stretch": stretch, "is_base": is_base, "result": result}}


def reserve(job: NewJob | JobRecord, target: bpy.types.Object | None) -> bool:
    """Has the object wait for the job's result; False for a job that is none of an object's own."""
    own = _own(job.placement)
    result = own.get("result")
    if not result:
        return False
    item = target or _found(job.id, str(own.get("object")))
    if item is None or scene.awaited_job(item) or not item.users_scene:
        return False
    if item.library or item.override_library:  # of which Blender does not save that it waits
        return False
    scene.await_result(item, job.id, str(result))
    return True


def _found(job_id: str, name: str) -> bpy.types.Object | None:
    """The object that has the job's result, whatever it is called now; else the one of that name."""
    has_it = (each for each in bpy.data.objects if scene.job_of(each) == job_id)
    return next(has_it, None) or bpy.data.objects.get(name)


def is_of_object(job: JobRecord) -> bool:
    """Whether the job's result goes to the place of one object, whatever is selected."""
    return _own(job.placement).get("result") in (*scene.ONTO, "OBJECT")


def goes_onto(placement: Mapping[str, Any]) -> bool:
    """Whether a job of this placement makes a material or a mesh for an object: that is not finished."""
    return _own(placement).get("result") in scene.ONTO


def loading(jobs: JobCache, job_id: str) -> scene.Loading:
    """What is loaded for a job: what goes onto an object itself, if one waits for that, else the result."""
    folder, job = jobs.store.job_folder(job_id), jobs.by_id.get(job_id)
    info = _info(job)
    own_file = folder / OWN_FILE
    is_there = info.get("result") in scene.ONTO and own_file.is_file()
    scene.note_fit(job_id, str(info.get("result")) if is_there else "OBJECT", info.get("fit"))
    if is_there and scene.waiting_for(job_id):
        return scene.Loading(own_file)
    job = job or jobs.store.get(job_id)
    return scene.Loading(jobs.store.result_blend(job))


def arrive(loaded: scene.Loading, job: JobRecord) -> bool:
    """Puts what was loaded in its place; False if nothing waits for it any more.

    Raises EditedError where an object cannot take it any more: then another is to be loaded.
    """
    provenance = provenance_in_scene(job)
    if loaded.path.name != OWN_FILE:
        return bool(scene.arrive(loaded, job_id=job.id, name=job.name, provenance=provenance))
    info = {**_info(job), "is_base": _own(job.placement).get("is_base")}
    try:
        return bool(scene.put_onto_objects(loaded, info, job_id=job.id, provenance=provenance))
    except scene.EditedError:  # from now on it waits for an object of its own
        loaded.drop()
        scene.note_fit(job.id, "OBJECT", info.get("fit"))
        raise


def is_outdated(loaded: scene.Loading, jobs: JobCache, job: JobRecord) -> bool:
    """Whether the job is being finished anew, or has been, since this was loaded."""
    current = jobs.store.result_blend(job).name
    return job.state not in DONE or loaded.path.name not in (OWN_FILE, current)


def what_came(loaded: scene.Loading, job: JobRecord) -> str:
    """What an arrival is told as."""
    if loaded.path.name != OWN_FILE:
        return f"{job.name} is in the scene"
    thing = "mesh" if _info(job).get("result") == "MESH" else "texture"
    return f"{job.name} has its new {thing}"


def _own(placement: Mapping[str, Any]) -> Mapping[str, Any]:
    """What `own_of` has noted of the object; {} of a job that is for none."""
    own = placement.get("own")
    return own if isinstance(own, dict) else {}


def _info(job: JobRecord | None) -> Mapping[str, Any]:
    info = job.result.get("put_back") if job else None
    return info if isinstance(info, dict) else {}
