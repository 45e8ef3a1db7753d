# SPDX-License-Identifier: GPL-3.0-or-later
"""The asset library that a person has results kept in: known to Blender by its own preferences, and to us.

Other libraries are never touched: of Blender's list one entry alone is ours, that which was made here.
"""

from pathlib import Path
from typing import Any

import bpy

from .. import preferences

NAME = "Maquette"


def default_folder() -> Path:
    """Beside the library that Blender itself has for each user."""
    own = next((each for each in _entries() if each.name == "User Library" and each.path), None)
    parent = Path(bpy.path.abspath(own.path)).parent if own else Path.home() / "Documents" / "Blender"
    return parent / NAME


def switch_on(folder: Path) -> None:
    """Has new results kept in the folder, which is made if need be, and Blender list it. Raises OSError."""
    settings = preferences.get()
    assert settings
    folder.mkdir(parents=True, exist_ok=True)
    switch_off()
    if not any(_leads_to(each, folder) for each in _entries()):
        settings.library_entry = _entries().new(name=NAME, directory=str(folder)).name
    settings.library = str(folder)


def switch_off() -> None:
    """Has no more results kept, and Blender no longer list what was listed for that; the files stay."""
    settings = preferences.get()
    assert settings
    for each in list(_entries()):
        if settings.library_entry and each.name == settings.library_entry:
            if _leads_to(each, Path(settings.library)):
                _entries().remove(each)
            break
    settings.library = settings.library_entry = ""


def _entries() -> Any:
    return bpy.context.preferences.filepaths.asset_libraries


def _leads_to(entry: Any, folder: Path) -> bool:
    path = getattr(entry, "path", "")
    return bool(path) and Path(bpy.path.abspath(path)).resolve() == folder.resolve()
