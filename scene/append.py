# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings a converted result into the artist's scene in milliseconds.

Through bpy.data alone: no operator, so neither mode, selection nor active object changes.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import bpy

from .place import Placement, place

COLLECTION = "Maquette"
_MARK = "maquette_collection"


def append_result(
    blend_path: Path,
    *,
    name: str,
    scene: bpy.types.Scene,
    placement: Placement,
    provenance: Mapping[str, str | int | float],
) -> bpy.types.Object:
    """Appends an independent copy of the result to the scene, placed, and returns its root empty.

    `provenance` becomes custom properties of the root, each name with `maquette_` before it. Raises OSError
    if the file cannot be read and ValueError if it is no result; then nothing stays behind.
    """
    root, objects = load_result(blend_path)
    collection = collection_of(scene)
    for each in objects:
        collection.objects.link(each)
    root.name = name
    note_provenance(root, provenance)
    place(root, placement)
    return root


def load_result(blend_path: Path) -> tuple[bpy.types.Object, list[bpy.types.Object]]:
    """The result's root empty and all its objects, independent of the file and in no collection yet.

    Raises OSError if the file cannot be read and ValueError if it is no result; then nothing stays behind.
    """
    libraries = set(bpy.data.libraries)
    try:
        loaded = bpy.data.libraries.load(str(blend_path), link=False)
        with loaded as (source, target):  # pyright: ignore[reportGeneralTypeIssues] # the stubs say None
            target.objects = list(source.objects)
    finally:
        for library in [each for each in bpy.data.libraries if each not in libraries]:
            bpy.data.libraries.remove(library)
    objects = [each for each in target.objects if each is not None]
    roots = [each for each in objects if each.parent is None]
    if len(roots) != 1 or "maquette_min" not in roots[0]:
        bpy.data.batch_remove(objects)
        raise ValueError(
            f"{Path(blend_path).name} is not a result that Maquette converted. Convert it again."
        )
    return roots[0], objects


def note_provenance(root: bpy.types.Object, provenance: Mapping[str, str | int | float]) -> None:
    """Writes how it was made into custom properties, each name with `maquette_` before it."""
    for key, value in provenance.items():
        is_long = isinstance(value, int) and abs(value) >= 2**31  # more than a custom property holds
        root[f"maquette_{key}"] = str(value) if is_long else value


def collection_of(scene: bpy.types.Scene) -> bpy.types.Collection:
    """The scene's collection for results, wherever the artist has moved it, or a new one.

    One that is excluded from every view layer would hide the result, and a linked one takes no objects.
    """
    shown = {each.collection for layer in scene.view_layers for each in _included(layer.layer_collection)}
    for each in scene.collection.children_recursive:
        if each.get(_MARK) and each in shown and each.library is None and each.override_library is None:
            return each
    made = bpy.data.collections.new(COLLECTION)
    made[_MARK] = True
    scene.collection.children.link(made)
    return made


def _included(layer: bpy.types.LayerCollection) -> Iterator[bpy.types.LayerCollection]:
    for child in layer.children:
        if not child.exclude:
            yield child
        yield from _included(child)
