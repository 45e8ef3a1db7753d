# SPDX-License-Identifier: GPL-3.0-or-later
"""What came back goes onto the artist's own object: a material in its slots, or another mesh, and back again.

Whatever is taken away is kept in the file: by a fake user, and by a custom property of the object that says
what was where. Through bpy.data alone, in milliseconds; what is put there was made by put_back.py.
"""

import json
import math
import mmap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import bpy
from idprop.types import IDPropertyGroup
from mathutils import Matrix

from .append import Loading, note_provenance
from .custom_properties import ARRIVES, AWAITS, BEFORE, FIT, OWN, matrix_or_none
from .placeholder import PLACEHOLDER_KEYS, box_of, find_placeholders, mark_made

_MARKS = 250  # corners; reading one takes a microsecond
ONTO = ("MATERIAL", "MESH")  # what can arrive on the object itself


class EditedError(ValueError):
    """The object is not as it was sent: what came is for another mesh."""


def reserve(item: bpy.types.Object, job_id: str, result: str) -> None:
    """The object waits for the job's result: on itself, in its own place, or as another object in that."""
    if result == "OBJECT":
        item = _box_over(item)
    elif result in ONTO:
        item[ARRIVES] = result
        item[OWN] = _flat(Matrix())
    else:
        item[OWN] = _flat(Matrix())
    item[AWAITS] = job_id


def _box_over(item: bpy.types.Object) -> bpy.types.Object:
    """An empty in the shape of the object's box, which moves as the object would, and knows its space."""
    low, high = box_of(item)
    edges = [max(edge, 1e-6) for edge in high - low]
    box = Matrix.LocRotScale((low + high) / 2, None, edges)
    empty = bpy.data.objects.new(item.name, None)
    empty.empty_display_type = "CUBE"
    empty.empty_display_size = 0.5
    data = item.animation_data
    if item.constraints or (data and (data.action or data.drivers or data.nla_tracks)):
        empty.matrix_basis = item.matrix_world @ box
    else:
        empty.parent = item.parent
        empty.parent_type = item.parent_type
        empty.parent_bone = item.parent_bone
        empty.matrix_parent_inverse = item.matrix_parent_inverse
        empty.matrix_basis = item.matrix_basis @ box
    for collection in item.users_collection:
        if collection.library is None:
            collection.objects.link(empty)
    mark_made(empty)
    empty[OWN] = _flat(box.inverted_safe())
    return empty


def note_fit(job_id: str, result: str, fit: object) -> None:
    """What waits for the job in a place of its own learns where in it the result lies.

    Objects that wait for something else than `result`, which is what there is, get it as another object.
    """
    matrix = matrix_or_none(fit)
    for name in find_placeholders([job_id]).get(job_id, []):
        item = bpy.data.objects[name]
        if item.get(ARRIVES) in ONTO and item[ARRIVES] != result:
            for key in PLACEHOLDER_KEYS:
                item.pop(key, None)
            item = _box_over(item)
            item[AWAITS] = job_id
        own = matrix_or_none(item.get(OWN))
        if matrix is not None and own is not None:
            item[FIT] = _flat(own @ matrix)


def waiting_for(job_id: str) -> list[bpy.types.Object]:
    """The objects that wait for the job's result on themselves."""
    found = [bpy.data.objects[name] for name in find_placeholders([job_id]).get(job_id, [])]
    return [item for item in found if item.get(ARRIVES) in ONTO]


def put(
    loading: Loading, info: Mapping[str, Any], *, job_id: str, provenance: Mapping[str, str | int | float]
) -> list[bpy.types.Object]:
    """Puts what was loaded onto each object that waits for it; returns those. `info` is put_back's answer.

    Raises as `Loading` does, and EditedError if an object is another than was sent; then nothing has changed.
    """
    waiting = waiting_for(job_id)
    for item in waiting:
        _check(item, info)
    came, objects = loading.finish()
    mesh = came.data
    assert isinstance(mesh, bpy.types.Mesh)
    for item in waiting:
        for key in PLACEHOLDER_KEYS:
            item.pop(key, None)
        before = _before(item)
        before["job"] = job_id
        item[BEFORE] = before
        if info["result"] == "MESH":
            put_mesh(
                item, mesh, keeps_materials=bool(info.get("keeps_materials")), is_base=bool(info["is_base"])
            )
        else:
            if info.get("uv"):
                _add_uv(item, str(info["uv"]), loading.path.with_suffix(".uv"))
            put_materials(item, list(mesh.materials))
    for each in [mesh] if info["result"] == "MESH" else [each for each in mesh.materials if each]:
        note_provenance(each, provenance)
    bpy.data.batch_remove([*objects, *([] if info["result"] == "MESH" else [mesh])])
    return waiting


def _check(item: bpy.types.Object, info: Mapping[str, Any]) -> None:
    mesh = item.data
    if not isinstance(mesh, bpy.types.Mesh):
        raise EditedError(f"{item.name} is no mesh any more.")
    if info.get("uv") and info.get("corners") != len(mesh.loops):
        raise EditedError(f"{item.name} was edited since it was sent: the UVs are for other faces.")
    marks = info.get("marks")
    if not isinstance(marks, dict):  # a mesh comes, or what was made before there were any
        return
    if len(item.material_slots) < marks["slots"]:
        raise EditedError(f"{item.name} has lost a material slot since it was sent.")
    if marks != marks_of(mesh, marks["uv"], marks["slots"]):
        raise EditedError(f"{item.name} was edited since it was sent: its faces or its UVs are others.")


def marks_of(mesh: bpy.types.Mesh, uv_name: str, slots: int) -> dict[str, Any]:
    """What a mesh is known by: its counts, and where some of its corners are in that UV map, if any."""
    layer: Any = mesh.uv_layers.get(uv_name)
    count = len(mesh.loops)
    some = range(0, count, max(1, count // _MARKS)) if layer else ()
    places = [[round(value, 4) for value in layer.uv[each].vector] for each in some] if layer else []
    counts = [len(mesh.vertices), count, len(mesh.polygons)]
    return {"counts": counts, "uv": uv_name, "places": places, "slots": slots}


def put_materials(item: bpy.types.Object, materials: Sequence[bpy.types.Material | None]) -> None:
    """New materials in the object's slots; None leaves a slot as it is."""
    mesh: Any = item.data
    before = _before(item)
    if "mesh" not in before:
        _note_slots(item, before)
    if not item.material_slots:
        if mesh.library:
            raise EditedError(f"{item.name} has no material slot, and its mesh is linked.")
        mesh.materials.append(None)
    is_of_item_alone = bool(mesh.library) or _is_shared(mesh)  # the others of this mesh keep what they have
    for number, slot in enumerate(item.material_slots):
        new = materials[number] if number < len(materials) else None
        if new is None:
            continue
        _keep(slot.material)
        if is_of_item_alone:
            slot.link = "OBJECT"
        slot.material = new
    item[BEFORE] = before


def put_mesh(item: bpy.types.Object, mesh: bpy.types.Mesh, *, keeps_materials: bool, is_base: bool) -> None:
    """Another mesh for the object, whose modifiers stay: switched off if they are in the mesh already."""
    old: Any = item.data
    before = _before(item)
    if "mesh" not in before:
        before["mesh"] = old
        before["had_fake_user"] = old.use_fake_user
        _note_slots(item, before)
    if keeps_materials:
        for number, slot in enumerate(item.material_slots):  # clearing would forget which face has which
            if number == len(mesh.materials):
                mesh.materials.append(None)
            mesh.materials[number] = slot.material
    name = old.name
    if old.library is None and not _is_shared(old):
        old.name = f"{name} (before)"
        old.use_fake_user = True
    item.data = mesh
    mesh.name = name
    for slot in item.material_slots if not keeps_materials else ():
        slot.link = "DATA"
    if not is_base:
        seen = [each for each in item.modifiers if each.show_viewport]
        if "off" not in before:
            before["off"] = json.dumps([[each.name, each.show_render] for each in seen])
        for each in seen:
            each.show_viewport = each.show_render = False
    item[BEFORE] = before


def _is_shared(mesh: bpy.types.Mesh) -> bool:
    """Whether other objects have the mesh, too."""
    return mesh.users > 1 and sum(each.data == mesh for each in bpy.data.objects) > 1


def _note_slots(item: bpy.types.Object, before: dict[str, Any]) -> None:
    """The materials in the object's slots, and whose they are: the first time counts."""
    if "slots" in before:
        return
    before["slots"] = len(item.material_slots)
    before["links"] = ",".join(slot.link for slot in item.material_slots)
    for number, slot in enumerate(item.material_slots):
        if slot.material:
            before[f"slot_{number}"] = slot.material
            before[f"had_fake_user_{number}"] = slot.material.use_fake_user


def has_original(item: bpy.types.Object | None) -> bool:
    return item is not None and _held(item) is not None and isinstance(item.data, bpy.types.Mesh)


def job_of(item: bpy.types.Object) -> str:
    """The job whose result the object has got; "" if it is as the artist made it."""
    job_id = _held(item).get("job") if has_original(item) else ""
    return job_id if isinstance(job_id, str) else ""


def restore(item: bpy.types.Object) -> None:
    """The object's own mesh, materials and UV maps again, as they were before the first result."""
    before = item[BEFORE]
    mesh = before.get("mesh")
    if isinstance(mesh, bpy.types.Mesh):
        made: Any = item.data
        name = made.name
        item.data = mesh
        if made.library is None:
            made.name = f"{name} (after)"
        if mesh.library is None:
            mesh.use_fake_user = bool(before.get("had_fake_user"))
            mesh.name = name
    for name, is_rendered in _list(before.get("off")):
        modifier = item.modifiers.get(name)
        if modifier:
            modifier.show_viewport = True
            modifier.show_render = bool(is_rendered)
    _restore_slots(item, before)
    current: Any = item.data
    layer = current.uv_layers.get(str(before.get("uv", "")))
    if layer and current.library is None:
        current.uv_layers.remove(layer)
    del item[BEFORE]


def _restore_slots(item: bpy.types.Object, before: Any) -> None:
    mesh: Any = item.data
    count = before.get("slots")
    if not isinstance(count, int):
        return
    links = str(before.get("links", "")).split(",")
    for number, slot in enumerate(item.material_slots):
        if number >= count:
            break
        link = links[number] if number < len(links) and links[number] in ("DATA", "OBJECT") else slot.link
        is_covered = slot.link == "OBJECT" and link == "DATA"  # what the mesh has was never taken away
        if is_covered:
            slot.material = None
        slot.link = link
        was = before.get(f"slot_{number}")
        was = was if isinstance(was, bpy.types.Material) else None
        if not is_covered and (link == "OBJECT" or mesh.library is None):
            slot.material = was
        had_fake_user = before.get(f"had_fake_user_{number}")
        if was and was.library is None and isinstance(had_fake_user, int):
            was.use_fake_user = bool(had_fake_user)
    if not count and len(mesh.materials) == 1 and mesh.library is None and not _is_shared(mesh):
        mesh.materials.clear()


def _before(item: bpy.types.Object) -> dict[str, Any]:
    """What is known of how the object was; empty at first."""
    held = _held(item)
    return {key: held[key] for key in held.keys()} if held is not None else {}  # noqa: SIM118 # no dict


def _held(item: bpy.types.Object) -> Any:
    """The group that this is in; None if there is none. A file from elsewhere may hold anything there."""
    if BEFORE not in item:
        return None
    held = item[BEFORE]
    return held if isinstance(held, IDPropertyGroup) else None


def _keep(material: bpy.types.Material | None) -> None:
    if material and material.library is None:
        material.use_fake_user = True


def _list(text: object) -> list[Any]:
    """What `put_mesh` wrote; a file from elsewhere may hold anything."""
    try:
        found = json.loads(text) if isinstance(text, str) else []
    except ValueError:
        return []
    is_right = isinstance(found, list) and all(isinstance(each, list) and len(each) == 2 for each in found)
    return [each for each in found if isinstance(each[0], str)] if is_right else []


def _add_uv(item: bpy.types.Object, name: str, path: Path) -> None:
    """One UV map more, of the file's floats, by corner."""
    mesh: Any = item.data
    size = len(mesh.loops) * 8
    if path.stat().st_size != size:
        raise OSError(f"{path.name} is spoilt. Convert the result again.")
    active, rendered = mesh.uv_layers.active_index, [each.active_render for each in mesh.uv_layers]
    layer = mesh.uv_layers.new(name=name, do_init=False)
    if layer is None:
        raise EditedError(f"{item.name} has as many UV maps as a mesh can have.")
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        memoryview(content) as raw,
        raw.cast("f") as values,
    ):
        layer.uv.foreach_set("vector", values)
    if any(rendered):
        mesh.uv_layers.active_index = active
        mesh.uv_layers[rendered.index(True)].active_render = True
    before = _before(item)
    before.setdefault("uv", layer.name)
    item[BEFORE] = before


def _flat(matrix: Matrix) -> list[float]:
    return [value for row in matrix for value in row if math.isfinite(value)]
