# SPDX-License-Identifier: GPL-3.0-or-later
"""Add-on preferences, and the one place that knows the extension's package name and its user folder.

They hold no key: Blender saves preferences in a file that people share.
"""

from pathlib import Path
from typing import cast

import bpy

PACKAGE = cast("str", __package__)


class MaquettePreferences(bpy.types.AddonPreferences):
    bl_idname = PACKAGE

    folder: bpy.props.StringProperty(
        name="Result Folder",
        description="Where jobs and their results are kept. Empty: the extension's own folder",
        subtype="DIR_PATH",
    )
    project_id: bpy.props.StringProperty(
        name="Project",
        description="Id of the Scenario project to work in. Empty: the key's own project",
    )
    size_m: bpy.props.FloatProperty(
        name="Default Size",
        description="Longest side of a placed model",
        default=1.0,
        min=0.001,
        soft_max=100.0,
        subtype="DISTANCE",
        unit="LENGTH",
    )

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "folder")
        layout.prop(self, "project_id")
        layout.prop(self, "size_m")


def get() -> MaquettePreferences | None:
    """This extension's preferences; None while it is not enabled."""
    addon = bpy.context.preferences.addons.get(PACKAGE)
    return cast("MaquettePreferences", addon.preferences) if addon else None


def user_folder() -> Path:
    """The extension's own folder for what it keeps; Blender removes it with the extension."""
    return Path(bpy.utils.extension_path_user(PACKAGE, create=True))


def state_folder() -> Path:
    """Where jobs and results are kept: the preferences' folder, else one of the extension's own."""
    preferences = get()
    chosen = preferences.folder if preferences else ""
    return Path(bpy.path.abspath(chosen)) if chosen else user_folder() / "state"


def register() -> None:
    bpy.utils.register_class(MaquettePreferences)


def unregister() -> None:
    bpy.utils.unregister_class(MaquettePreferences)
