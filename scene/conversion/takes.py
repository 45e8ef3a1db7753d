# SPDX-License-Identifier: GPL-3.0-or-later
"""Every take of a file comes with its model: as a muted track of the object that it moves.

Only what is used is written and appended. Blender's glTF importer makes such tracks itself; that of FBX
leaves all takes but one without a user.
"""

from collections.abc import Iterator

import bpy

from .animated import Animated
from .clips import first_frame


def keep_takes(objects: list[bpy.types.Object], actions: set[bpy.types.Action]) -> None:
    """Gives each of the actions that nothing uses to the object, or the shape keys, that it is for."""
    animated: dict[tuple[str, str], Animated] = {("OBJECT", each.name): each for each in objects}
    for each in objects:
        keys = getattr(each.data, "shape_keys", None)
        if keys:
            animated["KEY", keys.name] = keys
    users = bpy.data.user_map(subset=actions)  # 5.0's importer of FBX counts one too many
    for action in sorted(actions, key=lambda each: each.name, reverse=True):  # a new track is the topmost
        if users[action]:
            continue
        for owner, slot in _owners(action, animated):
            data = owner.animation_data or owner.animation_data_create()
            track = data.nla_tracks.new()
            track.name = action.name
            strip = track.strips.new(action.name, first_frame(action), action)
            if slot is not None:
                strip.action_slot = slot
            track.mute = True


def _owners(
    action: bpy.types.Action, animated: dict[tuple[str, str], Animated]
) -> Iterator[tuple[Animated, object]]:
    """What the action moves, by its slots from 4.4 on; before, the importer of FBX put the name in front."""
    if hasattr(action, "slots"):
        for slot in action.slots:
            owner = animated.get((slot.target_id_type, slot.name_display))
            if owner:
                yield owner, slot
        return
    named = [key for key in animated if action.name.startswith(f"{key[1]}|")]
    if named:
        yield animated[max(named, key=lambda key: len(key[1]))], None
