# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in the Blender of `task.py dev`: enables Maquette, and loads it anew when a file of it has changed."""

import sys
from pathlib import Path

import addon_utils
import bpy

PACKAGE = "bl_ext.user_default.maquette"
REPOS = bpy.context.preferences.extensions.repos
LINK = Path(next(repo.directory for repo in REPOS if repo.module == "user_default")) / "maquette"
NOT_OURS = {"build", "dist", "docs", "examples", "node_modules", "out", "tests", "tools"}
INTERVAL_S = 0.5


def read_times() -> dict[Path, int]:
    """When each of the extension's files was changed last."""
    folders = [each for each in LINK.iterdir() if each.name not in NOT_OURS and not each.name.startswith(".")]
    files = [file for each in folders for file in ([each] if each.is_file() else each.rglob("*.py"))]
    return {file: file.stat().st_mtime_ns for file in files if file.suffix == ".py"}


def load() -> bool:
    """Takes Maquette out of this Blender and loads it from its files; False where they do not load."""
    if PACKAGE in sys.modules:
        addon_utils.disable(PACKAGE)
    for name in [name for name in sys.modules if name == PACKAGE or name.startswith(PACKAGE + ".")]:
        del sys.modules[name]
    return addon_utils.enable(PACKAGE, default_set=True) is not None  # what is wrong it prints


class _Watch:
    times = dict[Path, int]()


def look() -> float:
    """The timer's function."""
    try:
        times = read_times()
    except OSError:  # an editor puts the new file where the old one was
        return INTERVAL_S
    if times != _Watch.times:
        changed = sorted(str(file.relative_to(LINK)) for file, _ in times.items() ^ _Watch.times.items())
        _Watch.times = times
        is_loaded = load()
        names = ", ".join(dict.fromkeys(changed)) if len(changed) < 10 else f"{len(changed)} files"
        print(f"Maquette: {'loaded' if is_loaded else 'NOT loaded'} ({names})", flush=True)
    return INTERVAL_S


if __name__ == "__main__":
    look()
    bpy.app.timers.register(look, persistent=True)
