# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes `blender --background --command maquette …` known to Blender; loads nothing until it is used."""

import bpy

_handles: list[object] = []


def _run(arguments: list[str]) -> int:
    from .main import run

    return run(arguments)


def register() -> None:
    _handles.append(bpy.utils.register_cli_command("maquette", _run))


def unregister() -> None:
    while _handles:
        bpy.utils.unregister_cli_command(_handles.pop())
