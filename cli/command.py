# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes `blender --background --command maquette …` known to Blender; loads nothing until it is used."""

import signal
import sys

import bpy

_handles: list[object] = []
_INTERRUPTED = 130  # exits.Exit, which is not loaded yet when Ctrl-C is to end the command already


def _run(arguments: list[str]) -> int:
    try:
        # Blender in the background keeps Ctrl-C for renders; here it interrupts.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # how farms ask to stop
        from .main import run

        return run(arguments)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return _INTERRUPTED


def register() -> None:
    _handles.append(bpy.utils.register_cli_command("maquette", _run))


def unregister() -> None:
    while _handles:
        bpy.utils.unregister_cli_command(_handles.pop())
