# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes `blender --background --command maquette …` known to Blender; loads nothing until it is used."""

import signal
import sys

import bpy

_handles: list[object] = []
_INTERRUPTED = 130  # headless.Exit, which is not loaded yet when Ctrl-C may come


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


def _is_to_generate(words: list[str]) -> bool:
    """Whether Blender was started for a command that will need a worker."""
    at = next((place for place, word in enumerate(words) if word in ("-c", "--command")), len(words))
    return words[at + 1 : at + 3] == ["maquette", "generate"] and not {"--dry-run", "-h", "--help"} & {*words}


def register() -> None:
    if _is_to_generate(sys.argv):  # it loads while the rest of Blender and of Maquette does
        from ..jobs import load_worker

        load_worker()
    _handles.append(bpy.utils.register_cli_command("maquette", _run))


def unregister() -> None:
    while _handles:
        bpy.utils.unregister_cli_command(_handles.pop())
