# SPDX-License-Identifier: GPL-3.0-or-later
"""An asset library from the outside: opened before anything is spent, and published for a team.

Its files are written by the outputs' own task (outputs.py); Blender itself writes the listing that a web
server needs to be an online library.
"""

import os
import subprocess
from pathlib import Path

import bpy

from ..jobs import PRICES_FILE, read_library
from .errors import Exit, MaquetteError
from .outputs import output_folder
from .session import blender_binary, quoted

_LISTING_SINCE = (5, 2, 0)
_LISTING = "_asset-library-meta.json"  # what Blender's listing begins with; its pages are in _v1
_TIMEOUT_S = 3600.0


def open_library(name: str | os.PathLike[str], *, is_new: bool = True) -> Path:
    """The library's folder, made if it is not there and may be new. Raises MaquetteError or InputError if it
    is no use.
    """
    if not is_new and not os.path.lexists(os.path.expanduser(name)):
        raise MaquetteError(f"There is no folder {name}. Is its name right? Make it first for a new one.")
    folder = output_folder(name)
    read_library(folder)
    return folder


def publish_library(name: str | os.PathLike[str], *, with_prices: bool = False) -> Path:
    """Has Blender write its listing of the library, beside its files: a web server that has this folder is an
    online library then. Returns the listing's first file. Raises MaquetteError or InputError.
    """
    folder = Path(name).expanduser().resolve()
    if not folder.is_dir():
        raise MaquetteError(f"There is no folder {folder}. Is its name right?")
    if bpy.app.version < _LISTING_SINCE:
        raise MaquetteError(
            f"Online libraries came with Blender 5.2, and this is {bpy.app.version_string}. Run the same"
            " command with Blender 5.2 or later: it lists the files as they are."
        )
    if (folder / PRICES_FILE).exists() and not with_prices:
        raise MaquetteError(
            f"Not published: {folder / PRICES_FILE} tells what things cost, and a server would hand it out."
            f" `{quoted('maquette', 'library', 'set', str(folder), '--no-prices')}` removes it;"
            " --with-prices publishes it."
        )
    words = ["--background", "--factory-startup", "--command", "asset_listing", "generate", str(folder)]
    done = subprocess.run(
        [blender_binary(), *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=_TIMEOUT_S,
    )
    listing = folder / _LISTING
    if done.returncode or not listing.is_file():
        told = (done.stdout.strip().splitlines() or ["it told nothing"])[-1]
        raise MaquetteError(f"Blender could not list {folder}: {told}", Exit.JOB_FAILED)
    return listing
