# SPDX-License-Identifier: GPL-3.0-or-later
"""Says what the library tells of each asset from now on: who made it, under which licence, and its price."""

from pathlib import Path

import bpy

from .. import preferences
from ..client import InputError
from ..jobs import LibrarySettings, read_library, write_library


class MAQUETTE_OT_set_library(bpy.types.Operator):
    bl_idname = "maquette.set_library"
    bl_label = "Library Settings…"
    bl_description = (
        "Author, licence and copyright for new assets; stored in the library for everyone who uses it"
    )

    author: bpy.props.StringProperty(name="Author", options={"SKIP_SAVE"})
    licence: bpy.props.StringProperty(name="Licence", options={"SKIP_SAVE"})
    copyright: bpy.props.StringProperty(name="Copyright", options={"SKIP_SAVE"})
    prices: bpy.props.BoolProperty(
        name="Prices",
        description="Keep a table of what each cost in the library. Off for what is handed on to others",
        default=True,
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return bool(preferences.library_folder())

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        try:
            now = read_library(Path(preferences.library_folder()))
        except (InputError, OSError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.author = now.author
        self.licence = now.licence
        self.copyright = now.copyright
        self.prices = now.prices
        return context.window_manager.invoke_props_dialog(self, confirm_text="Save")

    def execute(self, _context: bpy.types.Context) -> set[str]:
        settings = LibrarySettings(self.author, self.licence, self.copyright, self.prices)
        try:
            write_library(Path(preferences.library_folder()), settings)
        except OSError as error:
            self.report({"ERROR"}, f"The library cannot be written to: {error.strerror or error}.")
            return {"CANCELLED"}
        return {"FINISHED"}
