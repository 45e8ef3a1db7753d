# SPDX-License-Identifier: GPL-3.0-or-later
"""*Restore Original*: an object has its own mesh, materials and UV maps again, as original.py has noted them.

What the artist has made since is not taken away: a material that was put into a slot stays there, an edited
mesh stays in the file, and other objects of the same mesh keep their look.
"""

from collections.abc import Sequence
from typing import Any

import bpy

from .custom_properties import BEFORE
from .original import (
    copies_of,
    has_added_slot,
    list_in,
    material_or_none,
    materials_in,
    names_in,
    noted_slots,
    notes_of,
    set_name,
    shape_of,
    slot_notes,
    twins_of,
)


def restore_original(item: bpy.types.Object) -> None:
    """Gives the object its own mesh, materials and UV maps again, as they were before the first result."""
    group = notes_of(item)
    if isinstance(group.get("mesh"), bpy.types.Mesh):
        _restore_mesh(item, group, group["mesh"])
    for noted in list_in(group.get("off")):
        match noted:
            case [str(name), is_rendered] if modifier := item.modifiers.get(name):
                modifier.show_viewport = True
                modifier.show_render = bool(is_rendered)
    twins = twins_of(item)
    _restore_slots(item, twins)
    mesh: Any = item.data
    if mesh.library is None:
        _remove_uv_maps(item, names_in(group.get("uv")), twins)
        shown = [slot.material for each in (item, *twins) for slot in each.material_slots]
        if has_added_slot(item) and len(mesh.materials) == 1 and not any(shown):
            mesh.materials.clear()
        mesh.update()  # else views go on showing the material that came
    del item[BEFORE]


def _restore_mesh(item: bpy.types.Object, group: Any, mesh: bpy.types.Mesh) -> None:
    made: Any = item.data
    apart = [each for each in copies_of(item) if each.data != made and notes_of(each).get("mesh") == mesh]
    if apart and mesh.library is None:  # each has a mesh of its own now, and is to have one then
        own = mesh.copy()
        for each in apart:
            notes_of(each)["mesh"] = own
    shape = shape_of(item)
    shown = {*made.materials, *(slot.material for slot in item.material_slots)}
    item.data = mesh
    _restore_links(item, group)
    name = made.name
    if made.library is None and not made.users - made.use_fake_user:
        _keep_edits(made, shown - materials_in(group.get("came")), is_edited=shape != group.get("shape"))
    if mesh.library is None:
        mesh.use_fake_user = bool(group.get("had_fake_user"))
        if group.get("is_renamed"):
            mesh.name = name


def _restore_links(item: bpy.types.Object, group: Any) -> None:
    """The materials of the object alone; those of its mesh have come with that."""
    own = group.get("own")
    for number, link in enumerate(names_in(group.get("links"))[: len(item.material_slots)]):
        slot = item.material_slots[number]
        if slot.link == "OBJECT":
            slot.material = None
        slot.link = "OBJECT" if link == "OBJECT" else "DATA"
        if link == "OBJECT":
            slot.material = material_or_none(own.get(str(number)))


def _keep_edits(made: Any, added: set[Any], *, is_edited: bool) -> None:
    """A mesh that came goes with the file's next saving; one that the artist has edited since stays.

    So do the materials that were `added`.
    """
    set_name(made, made.name, "(edited)" if is_edited else "(after)")
    made.use_fake_user = is_edited
    own = list(made.materials)
    for each in added:
        if each and each.library is None and not is_edited and each.users <= own.count(each):
            each.use_fake_user = True


def _restore_slots(item: bpy.types.Object, twins: Sequence[bpy.types.Object]) -> None:
    """What each slot had that has still what came, wherever it is now."""
    mesh: Any = item.data
    ours = {note.made for each in (item, *twins) for note in slot_notes(each)}
    for number, note in noted_slots(item).items():
        slot = item.material_slots[number]
        if note.link == "OBJECT":
            slot.link = "OBJECT"
            slot.material = note.was
        else:
            if slot.link == "OBJECT":
                slot.material = None
                slot.link = "DATA"
            if mesh.library is None and mesh.materials[number] in (*ours, None):
                _give(mesh, number, note.was, twins)
        if note.was and note.was.library is None:
            note.was.use_fake_user = note.had_fake_user


def _give(
    mesh: Any, number: int, material: bpy.types.Material | None, twins: Sequence[bpy.types.Object]
) -> None:
    """Another material for a slot of the mesh; its other objects keep what they show."""
    now = mesh.materials[number]
    for each in twins if material != now else ():
        slot = each.material_slots[number]
        if slot.link == "DATA" and each.library is None:
            slot.link = "OBJECT"
            slot.material = now
    mesh.materials[number] = material


def _remove_uv_maps(item: bpy.types.Object, names: Sequence[str], twins: Sequence[bpy.types.Object]) -> None:
    """Those that came, unless another object of the mesh needs them still: the last one removes them."""
    mesh: Any = item.data
    made = {note.made for note in slot_notes(item)} - {None}
    needed = {name for each in twins for name in names_in((notes_of(each) or {}).get("uv"))}
    is_shown = any(slot.material in made for each in twins for slot in each.material_slots)
    for name in names:
        layer = mesh.uv_layers.get(name)
        if layer and name not in needed and not is_shown:
            mesh.uv_layers.remove(layer)
