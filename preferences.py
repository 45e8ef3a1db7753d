# SPDX-License-Identifier: GPL-3.0-or-later
"""Add-on preferences, and the one place that knows the extension's package name and its user folder.

They hold no key: Blender saves preferences in a file that people share.
"""

import os
import textwrap
import time
from pathlib import Path
from typing import Any, cast

import bpy

from .jobs import cost_text
from .session_state import state

PACKAGE = cast("str", __package__)
STATE_VARIABLE = "MAQUETTE_STATE"  # the folder for jobs and results, for the window and all commands
API_URL_VARIABLE = "MAQUETTE_API_URL"  # another address of the service, for these, too
NO_BINARY = "Blender's own path is not known. Start it as `blender`."  # where bpy.app.binary_path is empty
_LETTER = 6.5  # the width of one in a text, in points
_ACCOUNTS = {
    "environment": "Key from the environment",
    "key": "Key kept in a file that you alone can read",
    "sandbox": "The sandbox needs none",
    "signed_out": "Not signed in",
}


def _reopen(_self: object, _context: object) -> None:
    """The timer opens the backend anew at its next tick: no file is touched in here."""
    state.account = "unknown"


class MaquettePreferences(bpy.types.AddonPreferences):
    bl_idname = PACKAGE

    is_sandbox: bpy.props.BoolProperty(
        name="Use the Sandbox",
        description="A stand-in for the service on this computer: no account, no cost, simple shapes",
        update=_reopen,
    )
    project_id: bpy.props.StringProperty(
        name="Project",
        description="Id of the Scenario project to work in. Empty: the key's own project",
        update=_reopen,
    )
    folder: bpy.props.StringProperty(
        name="Result Folder",
        description="Where jobs and their results are kept. Empty: the extension's own folder",
        subtype="DIR_PATH",
        update=_reopen,
    )
    keeps_downloads: bpy.props.BoolProperty(
        name="Keep Downloaded Files",
        description="Keep the files that the service delivered after the 3D model was placed. Off: only what"
        " placing it again needs stays",
        default=True,
        update=_reopen,
    )
    profiles: bpy.props.StringProperty(
        name="Profile Folder",
        description="Folder of your own finishing profiles (.toml files). Empty: `profiles` in the"
        " extension's folder",
        subtype="DIR_PATH",
        update=_reopen,
    )
    size_m: bpy.props.FloatProperty(
        name="Default Size",
        description="Longest side of a new 3D model",
        default=1.0,
        min=0.001,
        soft_max=100.0,
        subtype="DISTANCE",
        unit="LENGTH",
    )
    is_notifying: bpy.props.BoolProperty(
        name="Message on Arrival",
        description="Show in the status bar when a 3D model has come into the scene",
        default=True,
    )
    library: bpy.props.StringProperty(options={"HIDDEN"})  # the folder of one that results are kept in
    library_entry: bpy.props.StringProperty(options={"HIDDEN"})  # its name in Blender's list, if that is ours
    favourites: bpy.props.StringProperty(options={"HIDDEN"})  # ids of models, one a line
    recent: bpy.props.StringProperty(options={"HIDDEN"})

    def draw(self, context: bpy.types.Context) -> None:
        state.drawn_at = time.monotonic()
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        scale = context.preferences.system.ui_scale
        _draw_account(
            _beside(layout, "Account"), max(20, int((context.region.width / scale * 0.6 - 80) / _LETTER))
        )
        column = layout.column()
        column.prop(self, "is_sandbox")
        column = layout.column()
        column.active = not self.is_sandbox
        column.prop(self, "project_id", placeholder="The key's own")
        layout.separator()
        if told := os.environ.get(STATE_VARIABLE):
            column = _beside(layout, "Result Folder")
            column.label(text=told, translate=False)
            column.label(text=f"Set by {STATE_VARIABLE}", icon="INFO")
        else:
            layout.prop(self, "folder", placeholder="The extension's own folder")
        layout.prop(self, "keeps_downloads")
        layout.separator()
        layout.prop(self, "profiles", placeholder="The extension's own folder")
        _draw_library(layout.row(heading="Assets"), self.library)
        layout.separator()
        layout.prop(self, "size_m")
        layout.prop(self, "is_notifying")


def _beside(layout: bpy.types.UILayout, title: str) -> bpy.types.UILayout:
    """A column for what is no property, where Blender has the properties' values."""
    split = layout.split(factor=0.4)
    heading = split.column()
    heading.alignment = "RIGHT"
    heading.label(text=title)
    return split.column()


def _draw_library(row: bpy.types.UILayout, folder: str) -> None:
    if not folder:
        row.operator("maquette.add_library", icon="ASSET_MANAGER")
        choice: Any = row.operator("maquette.add_library", text="", icon="FILE_FOLDER")
        choice.asks = True
        return
    row.label(text=folder, translate=False, icon="ASSET_MANAGER")
    row.operator("maquette.set_library", text="", icon="PREFERENCES")
    row.operator("maquette.remove_library", text="", icon="X")


def _draw_account(column: bpy.types.UILayout, letters: int) -> None:
    backend = state.backend
    balance_cu = backend.catalogue.balance_cu if backend else None
    column.label(text=_ACCOUNTS.get(state.account, "Looking for the key…"))
    notice = state.account_notice()
    problem = ". ".join(filter(None, (notice.text, notice.advice))) if notice else ""
    for number, line in enumerate(textwrap.wrap(problem, letters)):
        column.label(text=line, icon="BLANK1" if number else "ERROR")
    if balance_cu is not None and not problem:
        column.label(text=f"{cost_text(balance_cu)} left", icon="CHECKMARK")
    row = column.row()
    if state.account == "signed_out":
        row.operator("maquette.sign_in", text="Sign In…", icon="KEYINGSET")
    elif state.account != "sandbox":
        test = row.row()
        test.enabled = state.online
        test.operator("maquette.check_account")
        if state.account == "key":
            if backend and backend.is_key_refused:
                row.operator("maquette.sign_in", text="Enter Key…", icon="KEYINGSET")
            row.operator("maquette.sign_out")


def get() -> MaquettePreferences | None:
    """This extension's preferences; None while it is not enabled."""
    addon = bpy.context.preferences.addons.get(PACKAGE)
    return cast("MaquettePreferences", addon.preferences) if addon else None


def user_folder() -> Path:
    """The extension's own folder for what it keeps; Blender removes it with the extension."""
    return Path(bpy.utils.extension_path_user(PACKAGE, create=True))


def state_folder() -> Path:
    """Where jobs and results are kept: the environment's folder, else the preferences', else one of the
    extension's own.
    """
    if told := os.environ.get(STATE_VARIABLE):
        return Path(told).expanduser().resolve()
    preferences = get()
    chosen = preferences.folder if preferences else ""
    return Path(bpy.path.abspath(chosen)) if chosen else user_folder() / "state"


def profiles_folder() -> Path:
    """Where a person's own profiles are: the preferences' folder, else one of the extension's own."""
    preferences = get()
    chosen = preferences.profiles if preferences else ""
    return Path(bpy.path.abspath(chosen)) if chosen else user_folder() / "profiles"


def library_folder() -> str:
    """The asset library that new results are kept in; "" if none was asked for."""
    preferences = get()
    return preferences.library if preferences else ""


def register() -> None:
    bpy.utils.register_class(MaquettePreferences)


def unregister() -> None:
    bpy.utils.unregister_class(MaquettePreferences)
