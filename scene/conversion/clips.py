# SPDX-License-Identifier: GPL-3.0-or-later
"""Every clip arrives under a name that says what it is, in the NLA: a muted track each; the first one plays.

A track holds an action whatever becomes active, so that none is lost when the artist saves.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import bpy

from .animated import Animated, Use, key_of, uses_of, within

UNNAMED = "Clip"
MOST_BYTES = 40  # of a clip's name: Blender holds 63, and the result's stands before it
_SAYS_NOTHING = re.compile(
    r"mixamo\.com|((base|anim(ation)?) ?)?layer ?\d*|default|(armature|skeleton|scene|root|object)(\.\d+)?",
    re.IGNORECASE,
)
_LAST_FRAME = 1_000_000  # Blender's own bound is some more
_Clip = tuple[str, Use]


def settle_clips(objects: Sequence[bpy.types.Object]) -> None:
    """Names the actions of objects and their shape keys, and lays their tracks anew, the first on top."""
    owners = _owners(objects)
    parts = {each.name for each in [*objects, *owners, *(item.data for item in objects if item.data)]}
    labels: dict[bpy.types.Action, str] = {}
    clips = {owner: list(_labelled(owner, parts, labels)) for owner in owners}
    order = list(dict.fromkeys(label for found in clips.values() for label, _ in found))
    _name_actions(clips)
    for owner, found in clips.items():
        found.sort(key=lambda each: order.index(each[0]))
        _lay_tracks(owner, found)
        _play(owner, found, order[0])


def first_frame(action: bpy.types.Action) -> int:
    """Where the action begins, as far as Blender goes."""
    first = action.frame_range[0]
    return int(min(max(first, -_LAST_FRAME), _LAST_FRAME)) if math.isfinite(first) else 0


def _owners(objects: Iterable[bpy.types.Object]) -> list[Animated]:
    """What is animated: rigs first, since theirs is what a clip is called after."""
    found: dict[Animated, None] = {}
    for each in sorted(objects, key=lambda each: each.type != "ARMATURE"):
        for owner in (each, getattr(each.data, "shape_keys", None)):
            if owner and uses_of(owner):
                found[owner] = None
    return list(found)


def _labelled(owner: Animated, parts: set[str], labels: dict[bpy.types.Action, str]) -> Iterator[_Clip]:
    """The owner's clips, each under a name of its own among them. An action keeps the one that it has."""
    data: Any = owner.animation_data
    track_of = {strip.action: track.name for track in data.nla_tracks for strip in track.strips}
    taken: set[str] = set()
    for use in uses_of(owner):
        action = use[0]
        if action not in labels:
            base = _clean(track_of.get(action, action.name), parts)
            labels[action] = base
            number = 1
            while labels[action] in taken:
                number += 1
                labels[action] = f"{base} {number}"
        taken.add(labels[action])
        yield labels[action], use


def _clean(name: str, parts: set[str]) -> str:
    """What an importer calls "Armature|mixamo.com|Layer0", without what says nothing."""
    text = "".join(each if each.isprintable() else " " for each in name)
    pieces = [" ".join(piece.split()) for piece in text.split("|")]
    told = [piece for piece in pieces if piece and piece not in parts and not _SAYS_NOTHING.fullmatch(piece)]
    return within(" ".join(dict.fromkeys(told)), MOST_BYTES) or UNNAMED


def _name_actions(clips: dict[Animated, list[_Clip]]) -> None:
    """Before 4.4 each owner has an action of its own of a clip: the first is called after the clip alone."""
    names: dict[bpy.types.Action, str] = {}
    taken: set[str] = set()
    for owner, found in clips.items():
        for label, (action, _) in found:
            if action in names:
                continue
            name = label if label not in taken else f"{label} {within(owner.name, 20)}"
            names[action] = name
            taken.add(name)
    for number, action in enumerate(names):
        action.name = f"clip {number}"  # a name that is taken would get a number behind it
    for action, name in names.items():
        action.name = name
        action.use_fake_user = False


def _lay_tracks(owner: Animated, clips: Sequence[_Clip]) -> None:
    data: Any = owner.animation_data
    for track in list(data.nla_tracks):
        data.nla_tracks.remove(track)
    for label, (action, slot) in reversed(clips):  # a new track is the topmost
        track = data.nla_tracks.new()
        track.name = label
        strip = track.strips.new(label, first_frame(action), action)
        strip.name = label  # Blender has called it after the action
        if slot is not None:
            strip.action_slot = slot
        track.mute = True


def _play(owner: Animated, clips: Sequence[_Clip], first: str) -> None:
    """Makes the first clip the active one, of all owners: what has no part in it stands still."""
    data: Any = owner.animation_data
    use = next((use for label, use in clips if label == first), None)
    if use is None:
        data.action = None
    elif not data.action or key_of(use) != key_of((data.action, getattr(data, "action_slot", None))):
        data.action = use[0]
        if use[1] is not None:
            data.action_slot = use[1]
