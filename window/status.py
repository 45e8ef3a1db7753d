# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows a message in the status bar, and has Blender draw anew what shows the jobs."""

import bpy

from .. import preferences


def show_message(message: str, *, is_error: bool = False) -> None:
    """Shows it in the first window's status bar, if the person wants to be told, errors in any case."""
    chosen, windows = preferences.get(), bpy.context.window_manager.windows
    if (is_error or (chosen and chosen.is_notifying)) and windows and not bpy.app.background:
        with bpy.context.temp_override(window=windows[0]):
            bpy.ops.maquette.notify("INVOKE_DEFAULT", message=message)


def redraw_sidebars() -> None:
    """Has Blender draw the sidebars of the 3D views anew, and the preferences, which show the account."""
    _redraw_regions("UI")
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "PREFERENCES":
                area.tag_redraw()


def redraw_views() -> None:
    """Has Blender draw the 3D views anew."""
    _redraw_regions("WINDOW")


def _redraw_regions(kind: str) -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            for region in area.regions if area.type == "VIEW_3D" else ():
                if region.type == kind and region.width > 1:
                    region.tag_redraw()
