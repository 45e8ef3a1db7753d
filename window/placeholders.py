# SPDX-License-Identifier: GPL-3.0-or-later
"""Placeholders: the objects that mark where results will stand.

A job's placeholder is made before the job is added, so what is paid for has a place.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice

import bpy
from mathutils import Vector

from .. import preferences, properties, scene
from ..jobs import LIBRARY_KEY, JobCache, JobRecord, NewJob, State
from ..session_state import state
from . import on_original
from .spots import Spot, drop_place, row_beside
from .status import show_message


def targets(context: bpy.types.Context, most: int | None = None) -> list[bpy.types.Object | None]:
    """One entry for each job to make: the object to be replaced, or None for a place of its own.

    Any part of a 3D model of ours stands for the whole of it. No more than `most` are looked for.
    """
    settings = properties.get(context.scene)
    model = properties.model_of(settings, state.catalogue)
    mode = properties.place_mode_of(settings, model)
    if mode not in ("SELECTED", "ORIGINAL"):
        return [None]
    chosen = _wholes(context.selected_editable_objects)
    if mode == "ORIGINAL" and model:
        chosen = on_original.originals_of(context, model, chosen)
        first = next(chosen, None)
        if first is None:
            return [None]
        chosen = chain([first], chosen)
    return list(islice((each for each in chosen if _can_be_replaced(each) and not is_coming(each)), most))


def _wholes(items: Iterable[bpy.types.Object]) -> Iterator[bpy.types.Object]:
    """Each object once, and the root of a 3D model of ours for any of its parts."""
    seen: set[bpy.types.Object] = set()
    for item in items:
        whole = root_of(item) or item
        if whole not in seen:
            seen.add(whole)
            yield whole


def is_coming(item: bpy.types.Object) -> bool:
    """Whether the object waits for a result that is on its way, or ready.

    Not for one that came and was undone, nor for a job that has failed or is not in this list.
    """
    job = state.jobs.by_id.get(scene.awaited_job(item)) if state.jobs else None
    return job is not None and (job.is_working or job.state is State.READY)


def _can_be_replaced(item: bpy.types.Object) -> bool:
    """Meshes, curves and empties mark places; a camera, a light or a rig that is selected, too, stays."""
    return item.type in (*properties.MESH_TYPES, "EMPTY") or is_root(item)


def root_of(item: bpy.types.Object | None) -> bpy.types.Object | None:
    """The root of the 3D model of ours that the object is, or is under."""
    while item is not None and not is_root(item):
        item = item.parent
    return item


def is_root(item: bpy.types.Object) -> bool:
    return scene.bounds_or_none(item) is not None


def job_of(item: bpy.types.Object | None, jobs: JobCache | None) -> JobRecord | None:
    """The job of the object, or of what it is a part of, if that is in the list."""
    return jobs.by_id.get(job_id_of(item)) if jobs else None


def job_id_of(item: bpy.types.Object | None) -> str:
    """The job that the object, or what it is a part of, waits for or came of last; "" if none."""
    found = result_of(item)
    return scene.job_ids_of(found)[0] if found else ""


def result_of(item: bpy.types.Object | None) -> bpy.types.Object | None:
    """The object itself or the first above it that a job is known of."""
    while item is not None and not scene.job_ids_of(item):
        item = item.parent
    return item


def meshes_of(items: Iterable[bpy.types.Object]) -> list[bpy.types.Object]:
    """Those of these objects that have faces; a root stands for all that is under it."""
    whole: dict[bpy.types.Object, None] = {}
    for each in items:
        whole |= dict.fromkeys([each, *each.children_recursive] if is_root(each) else [each])
    return [each for each in whole if each.type in properties.MESH_TYPES]


def objects_of(job_id: str, objects: Iterable[bpy.types.Object]) -> list[bpy.types.Object]:
    """Those of the objects that are the job's result, without its parts, or wait for it."""
    return [each for each in objects if job_id in scene.job_ids_of(each)]


def add_jobs(
    context: bpy.types.Context,
    jobs: JobCache,
    wanted: Sequence[tuple[NewJob, bpy.types.Object | None, Spot | None]],
    *,
    beside: str = "",
) -> list[JobRecord]:
    """Mark the place of each job and add them, or do neither. Raises StoreError.

    With each goes what it replaces, and its spot. With neither it stands beside what the job `beside` has
    made, if that is in the scene, or else where the settings say.
    """
    if beside:
        standing = objects_of(beside, context.view_layer.objects)
        places = row_beside(context, standing, len(wanted))
        pairs = zip(wanted, places, strict=True)
        wanted = [(new, target, spot or place) for (new, target, spot), place in pairs]
    try:
        for new, target, spot in wanted:
            create(context, new, target, spot)
        return jobs.add_all([_kept(context, new, target, spot) for new, target, spot in wanted])
    except BaseException:  # also Ctrl-C: no place stays reserved for a job that is not there; raised again
        for new, _, _ in wanted:
            remove(new.id)
        raise


def _kept(
    context: bpy.types.Context, new: NewJob, target: bpy.types.Object | None, spot: Spot | None
) -> NewJob:
    """The job, whose result becomes an asset of that size if a person has results kept as assets."""
    placement = {name: value for name, value in new.placement.items() if name != LIBRARY_KEY}
    folder = preferences.library_folder()
    if folder:
        placement[LIBRARY_KEY] = bpy.path.abspath(folder)
        size = spot.size if spot else properties.get(context.scene).size
        metres = properties.metres_per_unit(context.scene)
        placement |= {} if target else {"size_m": size * metres}
    return replace(new, placement=placement)


def create(
    context: bpy.types.Context,
    job: NewJob | JobRecord,
    target: bpy.types.Object | None,
    spot: Spot | None = None,
) -> None:
    """Marks the object as the job's place, or makes an empty on the spot, or else where the settings say.

    Without a spot, where something stands at the 3D cursor, the empty stands beside it, and says so.
    """
    note_selection(context, job.id)
    if target is not None:
        scene.wait_no_more(target)
    if on_original.reserve(job, target):
        return
    if target is not None:
        target[scene.AWAITS] = job.id
        return
    settings, cursor = properties.get(context.scene), context.scene.cursor
    location, turn = cursor.location.copy(), 0.0
    model = properties.model_of(settings, state.catalogue)
    mode = properties.place_mode_of(settings, model)
    size, other = settings.size, ""
    if spot:
        location, turn = Vector(spot.location), spot.rotation_z
        size = spot.size
    elif mode not in ("ROW", "POINT"):
        location, other = scene.free_place(location, size, context.view_layer)
    elif mode == "ROW":
        location = scene.row_place(context.scene, settings.size)
        location, _ = scene.free_place(location, size, context.view_layer)
    elif mode == "POINT":
        location, turn = drop_place(context)
    made = scene.add_placeholder(
        context.scene, job_id=job.id, name=job.name, location=location, rotation=(0.0, 0.0, turn), size=size
    )
    if other:
        made[scene.BESIDE] = other
        show_message(f"{made.name} stands beside {other}, which is at the 3D cursor")


def await_version(job: JobRecord) -> None:
    """Has all that stands of the job's result in this file wait for another version of it."""
    low, high = (job.result.get(end) for end in ("min", "max"))
    sides = [top - bottom for bottom, top in zip(low, high, strict=True)] if low and high else [0.0]
    for item in objects_of(job.id, bpy.data.objects):
        if is_root(item) and item.users_scene and item.library is None and not scene.awaited_job(item):
            scene.await_version(item, job.id, max(sides))


def put_at_cursor(context: bpy.types.Context, job_id: str) -> bool:
    """Moves what was put beside something to the 3D cursor after all; False if there is none."""
    found = [each for each in objects_of(job_id, context.view_layer.objects) if scene.BESIDE in each]
    for each in found:
        scene.move_foot(each, context.scene.cursor.location)
        del each[scene.BESIDE]
    return bool(found)


def is_beside(context: bpy.types.Context, job_id: str) -> str:
    """What the job's object was put beside; "" if it stands where it was to."""
    names = [name for name, waits_for in state.placeholders.items() if waits_for == job_id]
    active = context.view_layer.objects.active
    items = [context.view_layer.objects.get(name) for name in names]
    if active and active.get(scene.JOB) == job_id:
        items.append(active)
    return next((str(each[scene.BESIDE]) for each in items if each and scene.BESIDE in each), "")


def mode_in_use(job_id: str) -> str:
    """The mode in which what waits for the job's result is edited, which has to be left first; "" if none."""
    mode = scene.mode_in_use(job_id)
    return f"{mode.replace('_', ' ').title()} Mode" if mode else ""


_selections: dict[str, frozenset[str]] = {}  # names of what was selected when a job was asked for, by job


def note_selection(context: bpy.types.Context, job_id: str) -> None:
    """Remembers what is selected, for `select_arrived`."""
    _selections[job_id] = _selected(context.view_layer)


def select_arrived(job_id: str, roots: Iterable[bpy.types.Object]) -> None:
    """Selects what has come, if the artist is in Object Mode and has selected nothing else since.

    All of a result with several parts, so that what Blender does to a selection is done to the whole.
    """
    was = _selections.pop(job_id, None)
    windows = bpy.context.window_manager.windows
    if was is None or not windows:
        return
    layer = windows[0].view_layer
    active = layer.objects.active
    new = [each for each in roots if each.name in layer.objects]
    if not new or _selected(layer) != was or (active and active.mode != "OBJECT"):
        return
    if not any(each.select_get(view_layer=layer) for each in new):
        for name in was:
            if item := layer.objects.get(name):
                item.select_set(False, view_layer=layer)
        layer.objects.active = new[0]
    for root in new:
        if root.select_get(view_layer=layer) or root == layer.objects.active:
            select_whole(root, layer)
    now = _selected(layer)
    _selections.update({each: now for each, selected in _selections.items() if selected == was})


def select_alone(context: bpy.types.Context, roots: Sequence[bpy.types.Object]) -> None:
    """Selects these results with all of their parts, and nothing else; the first is active."""
    for each in context.selected_objects:
        each.select_set(False)
    for each in roots:
        select_whole(each, context.view_layer)
    context.view_layer.objects.active = roots[0]


def select_whole(root: bpy.types.Object, layer: bpy.types.ViewLayer) -> None:
    """Selects the result with all of its parts, as far as the view layer has them."""
    for each in (root, *scene.parts_of(root)):
        if each.name in layer.objects:
            each.select_set(True, view_layer=layer)


def _selected(layer: bpy.types.ViewLayer) -> frozenset[str]:
    return frozenset(each.name for each in layer.objects.selected)


def remove(*job_ids: str) -> None:
    """Remove the jobs' placeholders: empties made for them go, the artist's own objects stay."""
    for names in scene.find_placeholders(set(job_ids)).values():
        for name in names:
            scene.drop_placeholder(bpy.data.objects[name])
