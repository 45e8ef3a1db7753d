# SPDX-License-Identifier: GPL-3.0-or-later
"""What came back goes onto the artist's own object: a material in its slots, or another mesh.

Whatever is taken away is kept in the file: by a fake user, and by what original.py notes on the object, which
restore_original.py reads. Through bpy.data alone, in milliseconds; what is put there was made by put_back.py.
"""

import json
import math
import mmap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import bpy
from mathutils import Matrix

from .append import Loading, note_provenance
from .custom_properties import ARRIVES, AWAITS, FIT, OWN, matrix_or_none
from .original import (
    begin,
    has_added_slot,
    note_came,
    note_slots,
    note_uv,
    notes_of,
    set_name,
    shape_of,
    twins_of,
)
from .placeholder import PLACEHOLDER_KEYS, box_of, find_placeholders, mark_made_to_wait

_MARKS = 250  # corners; reading one takes a microsecond
_MOST_UV_MAPS = 8  # of a mesh
ONTO = ("MATERIAL", "MESH")  # what can arrive on the object itself


class EditedError(ValueError):
    """The object is not as it was sent: what came is for another mesh."""


def await_result(item: bpy.types.Object, job_id: str, result: str) -> None:
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
        if item.parent_type.startswith("VERTEX"):
            empty.parent_vertices = item.parent_vertices
        empty.matrix_parent_inverse = item.matrix_parent_inverse
        empty.matrix_basis = item.matrix_basis @ box
    for collection in item.users_collection:
        if collection.library is None:
            collection.objects.link(empty)
    mark_made_to_wait(empty)
    empty[OWN] = _flat(box.inverted_safe())
    return empty


def note_fit(job_id: str, result: str, fit: object) -> None:
    """Notes on each object that waits for the job where the result stands in it.

    `result` is what has come. An object that waits for another of ONTO gets it as a separate object.
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


def put_onto_objects(
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
    added: dict[Any, str] = {}  # UV maps, by the mesh
    for item in waiting:
        for key in PLACEHOLDER_KEYS:
            item.pop(key, None)
        begin(item, job_id)
        if info["result"] == "MESH":
            put_mesh(
                item, mesh, keeps_materials=bool(info.get("keeps_materials")), is_base=bool(info["is_base"])
            )
        else:
            if info.get("uv"):
                if item.data not in added:
                    added[item.data] = _add_uv(item, str(info["uv"]), loading.path.with_suffix(".uv"))
                    _use_uv(mesh.materials, str(info["uv"]), added[item.data])
                note_uv(item, added[item.data])
            put_materials(item, list(mesh.materials))
    for each in [mesh] if info["result"] == "MESH" else [each for each in mesh.materials if each]:
        note_provenance(each, provenance)
    bpy.data.batch_remove([*objects, *([] if info["result"] == "MESH" else [mesh])])
    return waiting


def _check(item: bpy.types.Object, info: Mapping[str, Any]) -> None:
    mesh = item.data
    if not isinstance(mesh, bpy.types.Mesh):
        raise EditedError(f"{item.name} is no mesh any more.")
    if mesh.library and info["result"] != "MESH" and (info.get("uv") or not item.material_slots):
        raise EditedError(f"{item.name} has no UV map or no material slot, and its mesh is linked.")
    if info.get("uv") and len(mesh.uv_layers) >= _MOST_UV_MAPS:
        raise EditedError(f"{item.name} has as many UV maps as a mesh can have.")
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
    group = notes_of(item)
    twins = twins_of(item)
    is_first = "mesh" not in group  # else the artist's own mesh is kept, with its materials
    has_added = any(has_added_slot(each) for each in (item, *twins))
    if any(materials) and not item.material_slots:
        mesh.materials.append(None)
        has_added = True
    slots = range(min(len(item.material_slots), len(materials)))
    new = {number: material for number in slots if (material := materials[number])}
    if is_first:
        note_slots(item, new)
        group["has_added_slot"] = has_added
    else:
        note_came(item, new.values())
    for number, material in new.items():
        slot = item.material_slots[number]
        _keep(slot.material)
        if twins or mesh.library:  # the others of this mesh keep what they have
            slot.link = "OBJECT"
        slot.material = material


def put_mesh(item: bpy.types.Object, mesh: bpy.types.Mesh, *, keeps_materials: bool, is_base: bool) -> None:
    """Another mesh for the object, whose modifiers stay: switched off if they are in the mesh already."""
    old: Any = item.data
    group = notes_of(item)
    is_own = old.library is None and not twins_of(item)
    if "mesh" not in group:
        group["mesh"] = old
        group["had_fake_user"] = old.use_fake_user
        group["is_renamed"] = is_own
        group["links"] = json.dumps([slot.link for slot in item.material_slots])
        own = [(number, slot) for number, slot in enumerate(item.material_slots) if slot.link == "OBJECT"]
        group["own"] = {str(number): slot.material for number, slot in own if slot.material}
    if keeps_materials:
        for number, slot in enumerate(item.material_slots):  # clearing would forget which face has which
            if number == len(mesh.materials):
                mesh.materials.append(None)
            mesh.materials[number] = slot.material
    name = old.name
    if is_own:
        set_name(old, name, "(before)")
        old.use_fake_user = True
    item.data = mesh
    mesh.name = name
    for slot in item.material_slots if not keeps_materials else ():
        slot.link = "DATA"
    note_came(item, mesh.materials)
    group["shape"] = shape_of(item)
    if not is_base:
        seen = [each for each in item.modifiers if each.show_viewport]
        if "off" not in group:
            group["off"] = json.dumps([[each.name, each.show_render] for each in seen])
        for each in seen:
            each.show_viewport = each.show_render = False


def _keep(material: bpy.types.Material | None) -> None:
    if material and material.library is None:
        material.use_fake_user = True


def _add_uv(item: bpy.types.Object, name: str, path: Path) -> str:
    """One UV map more, of the file's floats, by corner; its name."""
    mesh: Any = item.data
    size = len(mesh.loops) * 8
    if path.stat().st_size != size:
        raise OSError(f"{path.name} is spoilt. Convert the result again.")
    active, rendered = mesh.uv_layers.active_index, [each.active_render for each in mesh.uv_layers]
    layer = mesh.uv_layers.new(name=name, do_init=False)
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
    return str(layer.name)


def _use_uv(materials: Iterable[bpy.types.Material | None], name: str, own: str) -> None:
    """Has the materials use the map that came with them, where another had its name already."""
    trees = [each.node_tree for each in materials if each and each.node_tree]
    for node in [node for tree in trees for node in tree.nodes if node.type in ("UVMAP", "NORMAL_MAP")]:
        if node.uv_map == name:
            node.uv_map = own


def _flat(matrix: Matrix) -> list[float]:
    return [value for row in matrix for value in row if math.isfinite(value)]
