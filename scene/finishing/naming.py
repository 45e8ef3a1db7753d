# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of objects, meshes, materials and textures by the profile's patterns."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import bpy

from ..custom_properties import NAMED
from ..export_as import HULL
from .work import Work

MOST = 60  # characters: Blender holds 63, and puts a number behind what is taken
_NUMBER = re.compile(r"\.\d{3,}$")
_ENDS = re.compile(r"_LOD\d$")


def give_names(work: Work) -> None:
    """`{name}` is the result's, `{part}` what it was called, `{number}` counts from 1 among its kind.

    LODs and hulls have the name of what they are of, and so have their meshes. What else has no pattern keeps
    its name.
    """
    profile = work.profile
    shapes: list[Any] = [each for each in work.objects if each.type in ("MESH", "POINTCLOUD")]
    hulls = [each for each in shapes if each.hide_render and each.name.startswith(HULL)]
    plain = [each for each in shapes if each not in hulls]
    bases = list(dict.fromkeys(_ENDS.sub("", each.name) for each in plain))
    names = _made(profile["object_name"], work.name, bases)
    if profile["object_name"]:
        _name_objects(work, plain, dict(zip(bases, names, strict=True)))
    meshes = list(dict.fromkeys(each.data for each in plain if each.data))
    materials = list(
        dict.fromkeys(slot.material for each in shapes for slot in each.material_slots if slot.material)
    )
    images = [each for each in bpy.data.images if each.users and each.packed_file]
    for pattern, kind in (("mesh_name", meshes), ("material_name", materials), ("texture_name", images)):
        if profile[pattern]:
            _name(kind, _made(profile[pattern], work.name, [_NUMBER.sub("", each.name) for each in kind]))
            work.root[NAMED] = True
    if work.lods or work.hulls:
        _name_added(plain, hulls, has_mesh_names=bool(profile["mesh_name"]))
        work.root[NAMED] = True


def _name_objects(work: Work, plain: Sequence[bpy.types.Object], names: dict[str, str]) -> None:
    """Also the root, which may be an empty."""
    if work.root not in plain:
        work.root.name = next(iter(names.values()), work.name)
    wanted = [names[_ENDS.sub("", each.name)] + "".join(_ENDS.findall(each.name)) for each in plain]
    _name(plain, wanted)
    work.root[NAMED] = True


def _name_added(plain: Sequence[Any], hulls: Sequence[Any], *, has_mesh_names: bool) -> None:
    """Hulls after what they are of, and meshes that have no name yet after their objects."""
    _name(hulls, [f"{HULL}{plain[0].name}_{number:02}" for number in range(1, len(hulls) + 1)])
    if has_mesh_names:
        _name(
            [each.data for each in hulls],
            [f"{HULL}{plain[0].data.name}_{number:02}" for number in range(1, len(hulls) + 1)],
        )
        return
    added = {each.data: each.name for each in (*plain, *hulls) if each.hide_render}
    _name(list(added), added.values())


def _name(things: Sequence[Any], names: Iterable[str]) -> None:
    """First to names that none has: what is taken would get a number behind it."""
    for number, each in enumerate(things):
        each.name = f"naming {number}"
    for each, name in zip(things, names, strict=True):
        each.name = name


def _made(pattern: str, name: str, parts: Sequence[str]) -> list[str]:
    """A name for each; where several would be the same, with a number behind it."""
    found: list[str] = []
    for number, part in enumerate(parts, 1):
        values = {"name": name, "part": part, "number": f"{number:02}"}
        made = re.sub(r"\{(\w+)\}", lambda match, values=values: values.get(match[1], ""), pattern)
        made = "".join(each for each in made if each.isprintable()).strip()[:MOST] or name[:MOST]
        found.append(made if made not in found else f"{made[: MOST - 3]}_{number:02}")
    return found
