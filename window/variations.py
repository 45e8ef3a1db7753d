# SPDX-License-Identifier: GPL-3.0-or-later
"""The results of one input in the scene: side by side, one in another's place, one kept and the others gone.

Nothing here spends, and nothing is deleted but objects of the scene: each is one step to undo.
"""

import math
from collections.abc import Collection, Iterable, Sequence

import bpy
from mathutils import Matrix, Vector

from .. import properties, scene
from ..jobs import JobCache, JobRecord
from ..session_state import state
from . import on_original, placeholders
from .blockers import not_in_scene
from .placing import placer

_SHEAR = 1e-4  # of the largest scale: single precision alone makes less


def ready(jobs: JobCache, job: JobRecord) -> list[JobRecord]:
    """Those of the job's group that are 3D models which stand by themselves, the first first."""
    return [each for each in jobs.group(job) if each.has_model and not on_original.goes_onto(each.placement)]


def others(jobs: JobCache, job: JobRecord) -> list[JobRecord]:
    """The same without the job."""
    return [each for each in ready(jobs, job) if each.id != job.id]


def next_of(jobs: JobCache, job: JobRecord, step: int) -> JobRecord | None:
    """The one after or before it in its group, which begins anew at its end; None if there is no other."""
    found = ready(jobs, job)
    places = [place for place, each in enumerate(found) if each.id == job.id]
    return found[(places[0] + step) % len(found)] if places and len(found) > 1 else None


def why_not_compare(jobs: JobCache, job: JobRecord) -> str:
    """Why there is nothing to compare; "" if there is."""
    if len(jobs.group(job)) < 2:
        return "Nothing else was made of this input yet. Use Run Again"
    if len(ready(jobs, job)) < 2:
        return "Only one 3D model of this input is ready"
    return ""


def why_not_swap(jobs: JobCache, job: JobRecord) -> str:
    """Why none can take the place of what the job has brought; "" if one can."""
    if on_original.goes_onto(job.placement):
        return f"{job.name} is on an object of yours, which stays"
    if not others(jobs, job):
        return why_not_compare(jobs, job)
    return "" if job.id in state.in_scene else not_in_scene(job)


def why_not_keep(jobs: JobCache, job: JobRecord) -> str:
    """Why there is nothing to tidy away; "" if there is."""
    if on_original.goes_onto(job.placement):
        return f"{job.name} is on an object of yours, which stays"
    if job.id not in state.in_scene:
        return not_in_scene(job)
    is_there = any(each.id in state.in_scene for each in jobs.group(job) if each.id != job.id)
    return "" if is_there else "No other 3D model of this input is in this scene"


def compare(context: bpy.types.Context, jobs: JobCache, job: JobRecord) -> list[JobRecord]:
    """Reserves a place in a row for each result of the group that is not in the scene; returns those.

    The row begins beside what stands of the job, or else of another of the group, along X; all are as large
    and turned as that. If none is there it begins at the 3D cursor. From now on their labels are shown.
    """
    members = ready(jobs, job)
    objects = context.scene.objects
    standing = [item for each in (job, *members) for item in results_of(each.id, objects)]
    missing = [each for each in members if not placeholders.objects_of(each.id, objects)]
    state.compared = job.group
    for each, (place, turn, edges) in zip(
        missing, _row(context, standing[0] if standing else None, missing), strict=True
    ):
        scene.add_placeholder(
            context.scene,
            job_id=each.id,
            name=each.name,
            location=place,
            rotation=(0.0, 0.0, turn),
            size=edges,
        )
    return missing


def _row(
    context: bpy.types.Context, first: bpy.types.Object | None, members: Iterable[JobRecord]
) -> Iterable[tuple[Vector, float, Vector]]:
    """Where each stands, its turn about Z, and the edges of its box; beside what is there already."""
    place, turn = context.scene.cursor.location.copy(), 0.0
    size = properties.get(context.scene).size
    reach = scene.reach_of([first]) if first else None
    if first and reach:
        low, high = reach
        box_low, box_high = scene.box_of(first)
        scale = first.matrix_world.to_scale()
        size = max(abs(edge * factor) for edge, factor in zip(box_high - box_low, scale, strict=True))
        turn = first.matrix_world.to_euler().z
        place = Vector((high.x + scene.GAP * size, (low.y + high.y) / 2, low.z))
    for each in members:
        edges = _edges(each)
        edges *= size / max(edges)
        across = abs(edges.x * math.cos(turn)) + abs(edges.y * math.sin(turn))
        deep = abs(edges.x * math.sin(turn)) + abs(edges.y * math.cos(turn))
        place.x += across / 2
        found, _ = scene.free_place(place, max(across, deep), context.view_layer)
        place.x = found.x + across / 2 + scene.GAP * size
        yield found, turn, edges


def longest_of(job: JobRecord) -> float:
    """The longest side of the job's result, as it was converted; 0 where that is not known."""
    return max(_edges(job)) if _bounds(job) else 0.0


def _edges(job: JobRecord) -> Vector:
    low, high = _bounds(job) or ((0.0,) * 3, (1.0,) * 3)
    return Vector([max(top - bottom, 1e-6) for bottom, top in zip(low, high, strict=True)])


def _bounds(job: JobRecord) -> tuple[Sequence[float], Sequence[float]] | None:
    low, high = (job.result.get(end) for end in ("min", "max"))
    if isinstance(low, list) and isinstance(high, list) and len(low) == len(high) == 3:
        return low, high  # pyright: ignore[reportReturnType] # numbers, as convert.py writes them
    return None


def swap(context: bpy.types.Context, job: JobRecord, other: JobRecord) -> list[str]:
    """Has what stands of the job wait for the other result: what is selected of it, or else all in the scene.

    While they are compared the two change places, so that the row stays whole. Returns the ids of the jobs
    whose results are to come.
    """
    objects = context.scene.objects
    here = [each for each in results_of(job.id, objects) if not scene.awaited_job(each)]
    chosen = [each for each in here if each in context.selected_objects] or here
    pairs = [(each, other) for each in chosen]
    if state.compared == job.group:
        there = [each for each in results_of(other.id, objects) if not scene.awaited_job(each)]
        pairs += [(each, job) for each in there]
    for item, comes in pairs:
        scene.await_version(item, comes.id, longest_of(comes))
    return list(dict.fromkeys(comes.id for _, comes in pairs))


def keep(context: bpy.types.Context, jobs: JobCache, job: JobRecord) -> int:
    """Removes from the scene what stands, or waits, of the others of the group; returns how many that were.

    What another scene has, too, stays there. What the artist has put under them stays where it is, and so
    does an object of the artist's that one of them was to replace.
    """
    state.compared = ""
    others_ids = {each.id for each in jobs.group(job)} - {job.id}
    roots = [
        item
        for job_id in others_ids
        for item in placeholders.objects_of(job_id, context.scene.objects)
        if _is_of_this_file(item) and item.get(scene.JOB) != job.id and not scene.job_of(item)
    ]
    own = {each for each in roots if not placeholders.is_root(each) and not scene.is_made_to_wait(each)}
    for item in own:  # the artist's, which was to be replaced
        scene.drop_placeholder(item)
    leaving = {each for root in roots if root not in own for each in (root, *scene.parts_of(root))}
    collections = {context.scene.collection, *context.scene.collection.children_recursive}
    gone = {each for each in leaving if collections.issuperset(each.users_collection)}
    context.view_layer.update()
    _let_go(gone)
    for collection in collections:
        for each in (leaving - gone) & set(collection.objects):
            collection.objects.unlink(each)
    bpy.data.batch_remove(gone)
    return len(roots)


def _let_go(gone: Collection[bpy.types.Object]) -> None:
    """Keeps in its place, at each frame, what is parented to what goes.

    It goes to the parent of that. Without one it stands by itself, or under an empty if its own transform,
    which animation or a constraint sets, or shear, which no transform has, needs a parent.
    """
    empties: dict[bpy.types.Object, bpy.types.Object] = {}
    for child in [each for each in bpy.data.objects if each.parent in gone and each not in gone]:
        before = child.parent
        assert before
        held, above = _held(child), before.parent
        while above in gone:
            above = above.parent
        place = held @ child.matrix_basis
        if above is None and (child.constraints or scene.is_animated(child) or _is_sheared(place)):
            if before not in empties:
                empties[before] = _empty_for(child, _world(before).translation)
            above = empties[before]
        child.parent_type = "OBJECT"
        child.parent = above
        if above:
            child.matrix_parent_inverse = _world(above).inverted_safe() @ held
        else:
            child.matrix_basis = place


def _held(item: bpy.types.Object) -> Matrix:
    """From the space of the object's own transform to the world."""
    if item.parent is None:
        return Matrix()
    if item.parent_type == "OBJECT":
        return _world(item.parent) @ item.matrix_parent_inverse
    return item.matrix_world @ item.matrix_basis.inverted_safe()


def _world(item: bpy.types.Object) -> Matrix:
    """Where the object is in the world: Blender knows it only of what the view layer shows."""
    is_known = item.visible_get() or item.constraints or (item.parent and item.parent_type != "OBJECT")
    return item.matrix_world.copy() if is_known else _held(item) @ item.matrix_basis


def _is_sheared(place: Matrix) -> bool:
    straight = Matrix.LocRotScale(*place.decompose())
    most = _SHEAR * max(map(abs, place.to_scale()))
    return any((a - b).length > most for a, b in zip(place.to_3x3(), straight.to_3x3(), strict=True))


def _empty_for(child: bpy.types.Object, place: Vector) -> bpy.types.Object:
    """An empty on the place, where the child can be found."""
    made = bpy.data.objects.new(f"{child.name} (parent)", None)
    made.empty_display_size = 0.1
    made.location = place
    for collection in child.users_collection:
        if collection.library is None and collection.override_library is None:
            collection.objects.link(made)
    bpy.context.view_layer.update()
    return made


def results_of(job_id: str, objects: Iterable[bpy.types.Object]) -> list[bpy.types.Object]:
    """Those of the objects that are the job's result, and stand by themselves."""
    return [
        each
        for each in objects
        if each.get(scene.JOB) == job_id and placeholders.is_root(each) and _is_of_this_file(each)
    ]


def _is_of_this_file(item: bpy.types.Object) -> bool:
    """Neither linked from another nor an override, of which Blender does not save what becomes of it."""
    return item.library is None and item.override_library is None


def place(jobs: JobCache, job_ids: Sequence[str]) -> None:
    """Brings the results in, as one step to undo; without a window at once."""
    if bpy.app.background:
        for job_id in job_ids:
            placer.place_now(jobs, jobs.by_id[job_id])
    else:
        placer.enqueue(*job_ids)
