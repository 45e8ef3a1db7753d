# SPDX-License-Identifier: GPL-3.0-or-later
"""`dev`: starts a Blender in which the working tree is the installed extension, loaded anew at each change.

The tree is linked into Blender's own folder for extensions while that Blender runs. Nothing follows the link
when it is removed, and an extension that is installed there is never touched.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Iterator

import steps
from steps import ROOT, fail

RELOADER = ROOT / "tools" / "dev_reload.py"
ASK = (
    "import bpy; repos = bpy.context.preferences.extensions.repos;"
    " print('FOLDER', next(repo.directory for repo in repos if repo.module == 'user_default'))"
)


def extensions_folder(blender: Path) -> Path:
    """Where this Blender keeps the extensions that its user installs from files."""
    code, output = steps.ask([blender, "--background", "--python-expr", ASK], timeout_s=300)
    found = [line[7:].strip() for line in output.splitlines() if line.startswith("FOLDER ")]
    if code or not found:
        fail(f"{blender} does not tell its folder for extensions (exit code {code}):\n{output.strip()}")
    return Path(found[0])


@contextlib.contextmanager
def linked(folder: Path, tree: Path = ROOT) -> Iterator[Path]:
    """Has the working tree as the extension in this folder until the block ends."""
    link = folder / "maquette"
    is_ours = link.exists() and link.resolve() == tree  # left behind by one that was killed
    if not is_ours and (link.exists() or link.is_symlink()):
        fail(
            f"{link} is there already. Uninstall that Maquette in Blender's preferences, or set"
            " BLENDER_USER_RESOURCES to a folder of your own for work on it."
        )
    if not is_ours:
        folder.mkdir(parents=True, exist_ok=True)
        steps.link(link, tree)
    try:
        yield link
    finally:
        steps.remove_link(link)


def start(blender: Path, words: list[str]) -> None:
    """Starts Blender with the working tree in it; returns when it ends."""
    with linked(extensions_folder(blender)):
        steps.run([blender, *words, "--python", RELOADER])
