# SPDX-License-Identifier: GPL-3.0-or-later
"""The profiles that can be chosen: built-in ones, and a person's own TOML files as they were last read.

Panels draw from memory; the files are read when the backend is opened and when a person asks to finish.
"""

import logging
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from .. import preferences
from ..client import InputError
from ..jobs import AS_DELIVERED, PROFILES, Profile, named_profile, override

MOST = 100  # files that are read
_TIPS = {
    "as-delivered": "What the service delivers, as it is",
    "game": "Fewer triangles, new UVs, everything baked into one set of textures",
    "film": "Quads, new UVs, large textures",
    "print": "Watertight, without loose bits",
}
Item: TypeAlias = tuple[str, str, str, str, int]
_own: dict[str, Profile] = {}  # by the file's name
log = logging.getLogger(__name__)


def read_profiles() -> None:
    """Read the files anew. One that is no profile is left out, and the console says why."""
    _own.clear()
    folder = preferences.profiles_folder()
    try:
        paths = sorted(folder.glob("*.toml"))[:MOST] if folder.is_dir() else []
    except OSError as error:
        log.warning("The folder of profiles cannot be read: %s", error)
        return
    for path in paths:
        try:
            _own[path.name] = named_profile(path, None)
        except InputError as error:
            log.warning("%s", error)


def find_profile(name: str, faces: int = 0) -> Profile:
    """The profile of that name, with another budget of faces if that is above 0. Raises InputError."""
    profile = PROFILES.get(name) or _own.get(name)
    if profile is None:
        folder = preferences.profiles_folder()
        raise InputError(f"The profile {name} is not in {folder}. Choose another, or put the file there.")
    return override(profile, faces=faces or None) if profile.faces else profile


def budget_of(name: str) -> int:
    """The faces that the profile leaves; 0 if it has no budget, or is not there."""
    profile = PROFILES.get(name) or _own.get(name)
    return (profile and profile.faces) or 0


def name_of_profile(profile: Profile) -> str:
    """What one like it is chosen by; that of AS_DELIVERED if there is none."""
    known = {**{each.name: name for name, each in _own.items()}, **{name: name for name in PROFILES}}
    return known.get(profile.name, AS_DELIVERED.name)


def profile_items(chosen: str = "") -> list[Item]:
    """For an enumeration; what is `chosen` is among them, even where its file is not there."""
    found = [(name, each.label, _TIPS.get(name, "")) for name, each in PROFILES.items()]
    found += [(name, each.label or Path(name).stem, f"From {name}") for name, each in _own.items()]
    if chosen and chosen not in {name for name, _, _ in found}:
        found.append((chosen, f"{Path(chosen).stem} (missing)", "Its file is not in the folder of profiles"))
    return [_item(*each, number) for number, each in enumerate(found)]


@cache  # Blender keeps no text of an enumeration itself
def _item(name: str, label: str, tip: str, number: int) -> Item:
    return name, label, tip, "NONE", number


# Of a scene's settings: `finish_name` and `own_faces`, see settings.py.


def place_of(settings: Any) -> int:
    """The number, among the items, of what is chosen."""
    items = profile_items(settings.finish_name)
    return next((number for name, _, _, _, number in items if name == settings.finish_name), 0)


def choose_profile(settings: Any, number: int) -> None:
    settings.finish_name = profile_items(settings.finish_name)[number][0]
    settings.own_faces = 0  # each has its own budget


def profile_of(settings: Any) -> Profile:
    """What results are finished by. Raises InputError where the profile's file is not there."""
    return find_profile(settings.finish_name or AS_DELIVERED.name, settings.own_faces)


def set_profile(settings: Any, profile: Profile) -> None:
    """Choose the profile that a job had, or one like it."""
    settings.finish_name = name_of_profile(profile)
    settings.own_faces = profile.faces or 0
