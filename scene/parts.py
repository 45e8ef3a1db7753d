# SPDX-License-Identifier: GPL-3.0-or-later
"""What came with a result, told from what the artist has put to it, and whether it was edited since."""

from collections.abc import Iterable, Mapping, Sequence

import bpy

from .custom_properties import PART, SHAPE, bounds_or_none, numbers_or_none
from .placeholder import box_of

Children = Mapping[bpy.types.Object, Sequence[bpy.types.Object]]
_SAMPLES = 300  # vertices of a result that are compared: what the window is held for as it comes
_SAME_SHAPE = 1e-5  # of a mesh's size: what the mean of these may differ by, single precision and all
_SAME_BOX = 1e-3  # what the factors of a box's edges may differ by


def children_of_all() -> dict[bpy.types.Object, list[bpy.types.Object]]:
    """By parent, in one go: `Object.children` looks at every object of the file, each time."""
    found: dict[bpy.types.Object, list[bpy.types.Object]] = {}
    for each in bpy.data.objects:
        if each.parent:
            found.setdefault(each.parent, []).append(each)
    return found


def parts_of(root: bpy.types.Object, children: Children | None = None) -> list[bpy.types.Object]:
    """What came under the root of a result, without what the artist has put under it.

    That may be copies of parts, which Blender marks as it has marked these: of several that came under one
    name, what still has it is the part.
    """
    children = children_of_all() if children is None else children
    found: list[bpy.types.Object] = []
    waiting = [root]
    while waiting:
        marked = [child for child in children.get(waiting.pop(), ()) if PART in child]
        names = [each[PART] for each in marked]
        parts = [each for each in marked if not isinstance(each[PART], str) or _is_original(each, names)]
        found += parts
        waiting += parts
    return found


def _is_original(item: bpy.types.Object, names: Sequence[object]) -> bool:
    return names.count(item[PART]) == 1 or item.name == item[PART]


def note_parts(root: bpy.types.Object, parts: Iterable[bpy.types.Object]) -> None:
    """Writes down by which names the parts have come, and the shape of each mesh, for `edited_of`."""
    known: dict[bpy.types.Mesh, list[float]] = {}
    items = [root, *parts]
    most = max(50, _SAMPLES // len(items))
    for item in items:
        if item != root:
            item[PART] = item.name
        mesh = item.data
        if isinstance(mesh, bpy.types.Mesh) and len(mesh.vertices):
            if mesh not in known:
                step = -(-len(mesh.vertices) // most)
                known[mesh] = [step, *_shape_of(mesh, step)]
            item[SHAPE] = known[mesh]


def _shape_of(mesh: bpy.types.Mesh, step: int) -> list[float]:
    """How much it has of what, then means over each `step`th vertex, in parts of its size.

    A mesh that is moved or made larger has the same.
    """
    counts = [len(each) for each in (mesh.vertices, mesh.edges, mesh.polygons)]
    axes = list(zip(*(mesh.vertices[number].co for number in range(0, counts[0], step)), strict=True))
    lows = [min(axis) for axis in axes]
    size = max(max(axis) - low for axis, low in zip(axes, lows, strict=True)) or 1.0
    means: list[float] = []
    for axis, low in zip(axes, lows, strict=True):
        parts = [(value - low) / size for value in axis]
        means += [sum(parts) / len(parts), sum(part * part for part in parts) / len(parts)]
    return [*counts, *means]


def is_edited(item: bpy.types.Object) -> bool:
    """Whether the artist has changed the mesh that came with a result, beyond its place and its size."""
    mesh, was = item.data, numbers_or_none(item.get(SHAPE), 10)
    if not isinstance(mesh, bpy.types.Mesh):
        return False
    if was is None or was[0] < 1:
        return _is_reshaped(item)
    if len(mesh.vertices) != was[1]:
        return True
    now = _shape_of(mesh, int(was[0]))
    return now[:3] != was[1:4] or any(
        abs(one - other) > _SAME_SHAPE for one, other in zip(now[3:], was[4:], strict=True)
    )


def _is_reshaped(item: bpy.types.Object) -> bool:
    """Whether an older result's box has other proportions than it came with.

    Unknown with modifiers, which count into the box: then False.
    """
    own = bounds_or_none(item)
    if own is None or item.modifiers:
        return False
    low, high = box_of(item)
    factors = [edge / was for edge, was in zip(high - low, own[1] - own[0], strict=True) if was > 1e-9]
    return bool(factors) and max(factors) - min(factors) > _SAME_BOX * max(factors)


def edited_of(root: bpy.types.Object, children: Children | None = None) -> list[bpy.types.Mesh]:
    """The meshes of a result that the artist has changed since it came."""
    items = [root, *parts_of(root, children)]
    return list(dict.fromkeys(each.data for each in items if is_edited(each)))  # pyright: ignore[reportReturnType] # is_edited looks
