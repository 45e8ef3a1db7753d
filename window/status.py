# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows a message in the status bar."""

import bpy

from .. import preferences


def show_message(message: str, *, is_error: bool = False) -> None:
    """Shows it in the first window's status bar, if the person wants to be told, errors in any case."""
    chosen, windows = preferences.get(), bpy.context.window_manager.windows
    if (is_error or (chosen and chosen.is_notifying)) and windows and not bpy.app.background:
        with bpy.context.temp_override(window=windows[0]):
            bpy.ops.maquette.notify("INVOKE_DEFAULT", message=message)
