# SPDX-License-Identifier: GPL-3.0-or-later
"""What moves an object or its shape keys: actions, with slots from 4.4 on. Also for the artist's Blender."""

from typing import Any

import bpy

Animated = bpy.types.Object | bpy.types.Key
Use = tuple[bpy.types.Action, Any]  # an action, and the slot of it that is meant: None before 4.4


def uses_of(owner: bpy.types.ID | None) -> list[Use]:
    """What moves the owner: the active action first, then those of its tracks from the top; each once."""
    data: Any = getattr(owner, "animation_data", None)
    if data is None:
        return []
    strips = [strip for track in reversed(data.nla_tracks) for strip in track.strips]
    found = [(data.action, getattr(data, "action_slot", None))]
    found += [(strip.action, getattr(strip, "action_slot", None)) for strip in strips]
    return list({key_of(each): each for each in found if each[0]}.values())


def key_of(use: Use) -> tuple[str, int]:
    """The same for the same action and slot."""
    action, slot = use
    return action.name_full, slot.handle if slot else 0


def within(text: str, most_bytes: int) -> str:
    """The beginning of a text, of at most so many bytes in UTF-8."""
    return text.encode(errors="replace")[:most_bytes].decode(errors="ignore").strip()
