# SPDX-License-Identifier: GPL-3.0-or-later
"""What is noted on an object of how it was before a result went onto it, so that it can be restored.

One custom property of the object, a group. A slot whose material was replaced has a note of what that was
and what came: whoever restores it finds the slot by these, wherever the artist has moved it. A file from
elsewhere may hold anything there.
"""

import json
import zlib
from array import array
from collections.abc import Iterable
from typing import Any, NamedTuple

import bpy
from idprop.types import IDPropertyGroup

from .conversion.animated import within
from .custom_properties import AWAITS, BEFORE, JOB, awaited_job

_SLOT = "slot_"  # and a number: the note of one
_MOST_BYTES = 63  # of a name, in the oldest Blender
_QUICK_CORNERS = 150_000  # are read in two milliseconds
_EDITED = {  # kinds of attributes that artists edit: what their values are called, and of how many floats
    "FLOAT": ("value", 1),
    "FLOAT2": ("vector", 2),
    "FLOAT_VECTOR": ("vector", 3),
    "FLOAT_COLOR": ("color", 4),
    "BYTE_COLOR": ("color", 4),
}


class SlotNote(NamedTuple):
    """A slot whose material was replaced."""

    key: str  # of the note, in the group
    was: bpy.types.Material | None
    made: bpy.types.Material | None  # in its place; None if the artist has deleted it
    link: str
    had_fake_user: bool
    number: int  # of the slot, then
    face: int  # the first with this slot, of so many; -1 if there was none
    faces: int


def notes_of(item: bpy.types.Object) -> Any:
    """The group that all of it is in, to be read and written; None if there is none."""
    if BEFORE not in item:
        return None
    found = item[BEFORE]
    return found if isinstance(found, IDPropertyGroup) else None


def begin(item: bpy.types.Object, job_id: str) -> Any:
    """The object gets a result of this job: the group, new if there is none."""
    if notes_of(item) is None:
        item[BEFORE] = {"first": f"{job_id} {item.name}"}  # its copies have it, too, and nothing else has
    group = notes_of(item)
    group["job"] = job_id
    return group


def has_original(item: bpy.types.Object | None) -> bool:
    return item is not None and notes_of(item) is not None and isinstance(item.data, bpy.types.Mesh)


def job_of(item: bpy.types.Object) -> str:
    """The job whose result the object has got; "" if it is as the artist made it."""
    job_id = notes_of(item).get("job") if has_original(item) else ""
    return job_id if isinstance(job_id, str) else ""


def job_ids_of(item: bpy.types.Object) -> list[str]:
    """The jobs that an object is of, the last first.

    What it waits for, what has come onto it as a material or a mesh, and what has made it.
    """
    if JOB not in item and AWAITS not in item and BEFORE not in item:  # most have none: quick, of thousands
        return []
    found: list[object] = [awaited_job(item), job_of(item), item.get(JOB)]
    return [job_id for job_id in found if isinstance(job_id, str) and job_id]


def twins_of(item: bpy.types.Object) -> list[bpy.types.Object]:
    """The other objects that have its mesh, too."""
    mesh = item.data
    if mesh is None or mesh.users < 2:
        return []
    return [each for each in bpy.data.objects if each.data == mesh and each != item]


def copies_of(item: bpy.types.Object) -> list[bpy.types.Object]:
    """The other objects that were made from it after its first result, as by Shift D or Alt D."""
    first = notes_of(item).get("first")
    others = (each for each in bpy.data.objects if BEFORE in each and each != item)
    return [each for each in others if has_original(each) and notes_of(each).get("first") == first]


def note_slots(item: bpy.types.Object, new: dict[int, bpy.types.Material]) -> None:
    """Notes what is in the slots that get new materials; what was there before the first one counts."""
    group = notes_of(item)
    mesh: Any = item.data
    known = noted_slots(item)
    first = _first_faces(mesh)
    taken = {note.key for note in slot_notes(item)}
    changed: set[str] = set()
    for number, material in new.items():
        slot, before = item.material_slots[number], known.get(number)
        if before and before.key not in changed:
            group[before.key]["made"] = material
            changed.add(before.key)
            continue
        note: dict[str, Any] = {
            "number": number,
            "made": material,
            "link": before.link if before else slot.link,
        }
        note |= {"face": first.get(number, -1), "faces": len(mesh.polygons)}
        was = before.was if before else slot.material
        if was:
            note |= {"was": was, "had_fake_user": before.had_fake_user if before else _had_fake_user(was)}
        key = next(name for n in range(len(taken) + 1) if (name := f"{_SLOT}{n}") not in taken)
        taken.add(key)
        group[key] = note


def noted_slots(item: bpy.types.Object) -> dict[int, SlotNote]:
    """The note of each slot that has what came still, or nothing, by the slot's number now.

    Where several got the same material, the faces tell which is which.
    """
    mesh: Any = item.data
    notes = slot_notes(item)
    count = len(mesh.polygons)
    by_face = [note for note in notes if note.faces == count and 0 <= note.face < count]
    where = {note: mesh.polygons[note.face].material_index for note in by_face}
    found: dict[int, SlotNote] = {}
    for number, slot in enumerate(item.material_slots):
        fitting = [note for note in notes if slot.material in (note.made, None)]
        at_home = [note for note in fitting if where.get(note, note.number) == number]
        moved = [note for note in fitting if note not in where] or fitting
        sure = at_home or (moved if slot.material else [])
        if sure:
            found[number] = sure[0]
    return found


def slot_notes(item: bpy.types.Object) -> list[SlotNote]:
    group = notes_of(item)
    if group is None:
        return []
    found: list[SlotNote] = []
    for key, one in group.items():
        if key.startswith(_SLOT) and isinstance(one, IDPropertyGroup):
            was, made = (material_or_none(one.get(name)) for name in ("was", "made"))
            link = "OBJECT" if one.get("link") == "OBJECT" else "DATA"
            places = [_whole(one.get(name)) for name in ("number", "face", "faces")]
            found.append(SlotNote(key, was, made, link, bool(one.get("had_fake_user")), *places))
    return found


def material_or_none(value: object) -> bpy.types.Material | None:
    return value if isinstance(value, bpy.types.Material) else None


def _whole(value: object) -> int:
    return value if isinstance(value, int) else -1


def _had_fake_user(material: bpy.types.Material) -> bool:
    """Whether the artist gave it one: what another object's result has replaced has one of ours."""
    if not material.use_fake_user:
        return False
    others = (each for each in bpy.data.objects if BEFORE in each)
    notes = (note for each in others for note in slot_notes(each) if note.was == material)
    return next((note.had_fake_user for note in notes), True)


def _first_faces(mesh: bpy.types.Mesh) -> dict[int, int]:
    """The first face of each slot that has any."""
    layer: Any = mesh.attributes.get("material_index")
    if layer is None or layer.domain != "FACE" or len(mesh.materials) < 2:
        return {0: 0} if len(mesh.polygons) else {}
    values = array("i", bytes(4 * len(layer.data)))
    layer.data.foreach_get("value", values)
    return {number: values.index(number) for number in set(values)}


def list_in(text: object) -> list[Any]:
    """A list that was noted as JSON; a file from elsewhere may hold anything."""
    try:
        found = json.loads(text) if isinstance(text, str) else []
    except ValueError:
        return []
    return found if isinstance(found, list) else []


def names_in(text: object) -> list[str]:
    return [each for each in list_in(text) if isinstance(each, str)]


def materials_in(group: object) -> set[bpy.types.Material]:
    values = group.values() if isinstance(group, IDPropertyGroup) else ()
    return {each for each in values if isinstance(each, bpy.types.Material)}


def note_came(item: bpy.types.Object, materials: Iterable[bpy.types.Material | None]) -> None:
    """Notes materials that came: the artist has not put these into the mesh."""
    group = notes_of(item)
    known = materials_in(group.get("came")) | {each for each in materials if each}
    group["came"] = {str(number): each for number, each in enumerate(known)}


def note_uv(item: bpy.types.Object, name: str) -> None:
    """Notes a UV map that the artist's own mesh has got; a mesh that came goes with its UV maps."""
    group = notes_of(item)
    if "mesh" not in group:
        group["uv"] = json.dumps([*names_in(group.get("uv")), name])


def has_added_slot(item: bpy.types.Object) -> bool:
    """Whether the one slot of its mesh is none of the artist's, who had made none."""
    group = notes_of(item)
    return group is not None and bool(group.get("has_added_slot"))


def shape_of(item: bpy.types.Object) -> str:
    """A text that becomes another when the object's mesh is edited.

    It has counts, and a checksum of names, places, UVs, colours and the like; of a large mesh, which would
    hold the window, of a thousand places.
    """
    mesh: Any = item.data
    keys = mesh.shape_keys.key_blocks.keys() if mesh.shape_keys else []
    total = zlib.crc32(json.dumps([keys, item.vertex_groups.keys()]).encode())
    count = len(mesh.vertices)
    is_large = len(mesh.loops) > _QUICK_CORNERS
    if is_large:
        places = [mesh.vertices[number].co for number in range(0, count, max(1, count // 1000))]
        total = zlib.crc32(array("f", [value for place in places for value in place]), total)
    for each in () if is_large else mesh.attributes:
        if each.data_type in _EDITED and not each.name.startswith("."):
            name, width = _EDITED[each.data_type]
            values = array("f", [0.0]) * (width * len(each.data))
            each.data.foreach_get(name, values)
            total = zlib.crc32(values, zlib.crc32(each.name.encode(), total))
    return f"{count} {len(mesh.polygons)} {total:08x}"


def set_name(item: bpy.types.ID, name: str, suffix: str) -> None:
    """Gives it the name and the suffix; what is too long is cut off the name."""
    item.name = f"{within(name, _MOST_BYTES - len(suffix) - 1)} {suffix}"
