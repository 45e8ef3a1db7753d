# SPDX-License-Identifier: GPL-3.0-or-later
"""Modifiers that came with a model become part of its meshes; those that a rig moves them by stay."""

from typing import Any

import bpy

from .work import CannotError, Work, evaluated


def apply_modifiers(work: Work) -> None:
    """Raises CannotError for meshes with shape keys, which another shape would not fit."""
    kept: list[str] = []
    for each in [each for each in work.objects if each.type == "MESH"]:
        mesh: Any = each.data
        others = [modifier for modifier in each.modifiers if modifier.type != "ARMATURE"]
        if not others:
            continue
        if mesh.shape_keys:
            kept.append(each.name)
            continue
        rigs = [modifier for modifier in each.modifiers if modifier.type == "ARMATURE"]
        shown = [modifier.show_viewport for modifier in rigs]
        for modifier in rigs:
            modifier.show_viewport = False
        made = evaluated(each)
        for modifier, is_shown in zip(rigs, shown, strict=True):
            modifier.show_viewport = is_shown
        for modifier in others:
            each.modifiers.remove(modifier)
        made.name = mesh.name
        each.data = made
        if not mesh.users:
            bpy.data.meshes.remove(mesh)
    if kept:
        raise CannotError(f"shape keys fit only the faces that they came with ({', '.join(kept[:3])})")
