# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings a converted result into the artist's scene in milliseconds.

Through bpy.data alone: no operator, so neither mode, selection nor active object changes.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import bpy
from mathutils import Matrix, Vector

from .conversion import sidecar
from .conversion.animated import uses_of, within
from .conversion.sidecar import GoneError
from .custom_properties import ARRAYS_BESIDE, FOR_RESULTS, HIGHEST, LOWEST, NAMED, PREFIX, bounds_or_none
from .export import alone
from .place import Placement, floor_centre, place
from .prefault import prefault

COLLECTION = "Maquette"
_MOST_BYTES = 60  # of a name: Blender holds 63
REPLACED = " (replaced)"
_NUMBER = re.compile(r"\.\d{3,}$")  # that Blender puts behind a name which is taken

DataKey = tuple[str, str]  # ("meshes", name) in bpy.data
Going = Mapping[tuple[str, str], bpy.types.ID]  # what soon nothing has any more: by ("MESH", name)


def append_result(
    blend_path: Path,
    *,
    name: str,
    scene: bpy.types.Scene,
    placement: Placement,
    provenance: Mapping[str, str | int | float],
) -> bpy.types.Object:
    """Appends an independent copy of the result to the scene, placed, and returns it.

    That is the one mesh that it is, else the empty over it. `provenance` becomes custom properties of the
    object, each name with `maquette_` before it. What moves is measured anew, as it stands at the scene's
    frame. Raises OSError if the file cannot be read and ValueError if it is no result; then nothing stays
    behind.
    """
    root, objects = Loading(blend_path).finish()
    collection = collection_of(scene)
    for each in objects:
        collection.objects.link(each)
    note_provenance(root, provenance)
    if NAMED not in root:
        root.name = name
        name_data(data_of(objects), root.name)
    if any(_moves(each) for each in objects):
        _measure(root, objects)
    place(root, placement)
    if isinstance(root.data, bpy.types.Mesh):
        _apply_scale(root, root.data)
    return root


def _apply_scale(item: bpy.types.Object, mesh: bpy.types.Mesh) -> None:
    mesh.transform(Matrix.Diagonal((*item.scale, 1.0)), shape_keys=True)
    for name in (LOWEST, HIGHEST):
        item[name] = [value * factor for value, factor in zip(item[name], item.scale, strict=True)]
    item.scale = (1.0, 1.0, 1.0)


def _moves(item: bpy.types.Object) -> bool:
    keys = getattr(item.data, "shape_keys", None)
    return any(each is not None and each.animation_data for each in (item, item.data, keys))


def _measure(root: bpy.types.Object, objects: list[bpy.types.Object]) -> None:
    """Puts the root, still without a transform, at the bottom centre of what is seen at the scene's frame."""
    from .conversion.bounds import seen_bounds  # imports what conversion needs
    from .conversion.unpack import UnreadableError

    with alone([root]) as scene:
        try:
            bounds = seen_bounds(objects, scene)
        except UnreadableError:  # there is nothing to be seen at this frame: that of the conversion counts
            return
    low, high = Vector(bounds.low), Vector(bounds.high)
    pivot = floor_centre(low, high)
    root[LOWEST], root[HIGHEST] = low - pivot, high - pivot
    for child in [each for each in objects if each.parent == root]:
        child.matrix_parent_inverse = Matrix.Translation(-pivot) @ child.matrix_parent_inverse
    if isinstance(root.data, bpy.types.Mesh):
        root.data.transform(Matrix.Translation(-pivot), shape_keys=True)


class Loading:
    """A result on its way in from a file, in steps of some milliseconds; nothing of it is in a scene yet.

    Keeps names and no references, so the artist may do anything between two steps. Raises OSError if a file
    cannot be read, ValueError if it is no result, and GoneError if the artist has undone what was loaded;
    then nothing stays behind.
    """

    def __init__(self, blend_path: Path) -> None:
        self._path = Path(blend_path)
        self._names: list[str] = []  # of the objects, the root first
        self._renamed: dict[DataKey, str] = {}
        self._steps = self._load()
        self.is_next_long = False  # whether the next step takes some milliseconds by itself

    @property
    def path(self) -> Path:
        """The file that it comes from."""
        return self._path

    def step(self) -> bool:
        """Does the next piece of it; whether all is there."""
        try:
            self.is_next_long = next(self._steps)
        except StopIteration:
            return True
        except BaseException:  # whatever it was, nothing stays behind; raised again
            self.drop()
            raise
        return False

    def finish(self) -> tuple[bpy.types.Object, list[bpy.types.Object]]:
        """Does what is left to be done; the root, and all objects. Independent of the file."""
        while not self.step():
            pass
        objects = self._found()
        is_all_there = len(objects) == len(self._names)
        if not is_all_there or bounds_or_none(objects[0]) is None or objects[0].users_collection:
            raise GoneError(self._path.name)
        return objects[0], objects

    def own_names(self) -> dict[bpy.types.ID, str]:
        """The name in its file of all that has another one here, because that was taken."""
        found = {
            getattr(bpy.data, kind).get((name, None)): own for (kind, name), own in self._renamed.items()
        }
        return {each: own for each, own in found.items() if each is not None}

    def _found(self) -> list[bpy.types.Object]:
        """In one go: looking a name up takes Blender the longer the more objects there are."""
        by_name = {each.name: each for each in bpy.data.objects if each.library is None}
        return [by_name[name] for name in self._names if name in by_name]

    def drop(self) -> None:
        """Takes back what has been loaded so far."""
        objects = self._found()
        loaded = [each for each in objects if not each.users_collection]
        bpy.data.batch_remove([*loaded, *{each.data for each in loaded if each.data}])
        self._names.clear()

    def _load(self) -> Iterator[bool]:
        """Yields whether the next step is a long one."""
        yield from prefault(self._path.stat().st_size)
        objects, incomplete, self._renamed = _append(self._path)
        self._names += [each.name for each in objects]
        roots = [each for each in objects if each.parent is None]
        if len(roots) != 1 or bounds_or_none(roots[0]) is None:
            raise ValueError(f"{self._path.name} is not a result that Maquette converted. Convert it again.")
        root = roots[0].name
        self._names.sort(key=lambda name: name != root)
        del objects, roots  # none is kept across a step
        yield False
        for kind, name in incomplete:
            yield from sidecar.restore_arrays(kind, name, self._path.with_suffix(".parts"))
        yield False


class Appended(NamedTuple):
    """What came of a file."""

    objects: list[bpy.types.Object]
    incomplete: list[DataKey]  # has to be made whole, see sidecar.py
    renamed: dict[DataKey, str]  # what has another name here than in its file: that name


def _append(path: Path) -> Appended:
    """Appends all of the file, which stays in no scene. Raises OSError."""
    libraries = set(bpy.data.libraries)
    names: dict[str, list[str]] = {}
    try:
        loaded = bpy.data.libraries.load(str(path), link=False)
        with loaded as (source, target):  # pyright: ignore[reportGeneralTypeIssues] # the stubs say None
            for kind in ("objects", "meshes", "materials", "images"):
                names[kind] = list(getattr(source, kind))
                setattr(target, kind, list(names[kind]))
    finally:
        for library in [each for each in bpy.data.libraries if each not in libraries]:
            bpy.data.libraries.remove(library)
    for image in [each for each in target.images if each is not None]:
        sidecar.rename_file(image)
    incomplete = [
        (kind, each.name)
        for kind in ("meshes", "images")
        for each in getattr(target, kind)
        if each is not None and ARRAYS_BESIDE in each
    ]
    renamed = {
        (kind, each.name): own
        for kind, owns in names.items()
        for each, own in zip(getattr(target, kind), owns, strict=True)
        if each is not None and each.name != own
    }
    return Appended([each for each in target.objects if each is not None], incomplete, renamed)


def note_provenance(root: bpy.types.Object, provenance: Mapping[str, str | int | float]) -> None:
    """Writes how it was made into custom properties, each name with `maquette_` before it."""
    for key, value in provenance.items():
        is_long = isinstance(value, int) and abs(value) >= 2**31  # more than a custom property holds
        root[PREFIX + key] = str(value) if is_long else value


def data_of(objects: Sequence[bpy.types.Object]) -> tuple[Sequence[bpy.types.ID], ...]:
    """Meshes, materials, images and clips of a result, before the artist's own are among them."""
    meshes = {each.data for each in objects if isinstance(each.data, bpy.types.Mesh)}
    materials = {slot.material for each in objects for slot in each.material_slots if slot.material}
    trees = [each.node_tree for each in materials if each.node_tree]
    images = {node.image for tree in trees for node in tree.nodes if node.type == "TEX_IMAGE" and node.image}
    owners = [owner for each in objects for owner in (each, getattr(each.data, "shape_keys", None))]
    actions = {use[0]: None for owner in owners for use in uses_of(owner)}
    by_name = (sorted(kind, key=lambda each: each.name) for kind in (meshes, materials, images))
    return *by_name, list(actions)


def name_data(
    data: tuple[Sequence[bpy.types.ID], ...], name: str, going: Going = MappingProxyType({})
) -> None:
    """Names meshes, materials, images and clips after the result; of several each with its own name behind.

    Clips have their own name in any case: "Knight Walk".
    """
    *kinds, actions = data
    for kind in kinds:
        for each in kind:
            take_name(each, name if len(kind) == 1 else f"{name} {without_number(each.name)}", going)
    for action in actions:
        own = without_number(action.name)
        take_name(action, f"{within(name, max(0, _MOST_BYTES - len(own.encode())))} {own}", going)


def take_name(item: bpy.types.ID, name: str, going: Going) -> None:
    """Gives it that name. If something that is `going` has the name, it gives that up."""
    holder = going.get((item.id_type, name))
    if holder is not None and holder != item:
        give_up_name(holder)
    item.name = name


def give_up_name(item: bpy.types.ID) -> None:
    """Puts REPLACED behind the name, which another gets."""
    item.name = f"{within(item.name, _MOST_BYTES - len(REPLACED))}{REPLACED}"


def without_number(name: str) -> str:
    """The name without the number that Blender puts behind one that is taken."""
    return _NUMBER.sub("", name)


def collection_of(scene: bpy.types.Scene) -> bpy.types.Collection:
    """The scene's collection for results, wherever the artist has moved it, or a new one.

    One that no view layer shows (excluded, or the eye or screen off, its own or one above) would hide the
    result, and a linked one takes no objects.
    """
    shown = {each.collection for layer in scene.view_layers for each in _shown(layer.layer_collection)}
    for each in scene.collection.children_recursive:
        if each.get(FOR_RESULTS) and each in shown and each.library is None and each.override_library is None:
            return each
    made = bpy.data.collections.new(COLLECTION)
    made[FOR_RESULTS] = True
    scene.collection.children.link(made)
    return made


def _shown(layer: bpy.types.LayerCollection) -> Iterator[bpy.types.LayerCollection]:
    for child in layer.children:
        if child.hide_viewport or child.collection.hide_viewport:  # with all that is under it
            continue
        if not child.exclude:
            yield child
        yield from _shown(child)
