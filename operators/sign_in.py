# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes the key and keeps it in a file for the user alone; no property, undo step or log gets to hold it."""

import bpy

from .. import preferences
from ..client import Credentials
from ..jobs import write_credentials
from ..window import connection


class MAQUETTE_OT_sign_in(bpy.types.Operator):
    bl_idname = "maquette.sign_in"
    bl_label = "Sign In"
    bl_description = "Enter the key and secret of your Scenario account"

    bl_options = {"INTERNAL"}

    key: bpy.props.StringProperty(
        name="API Key", description="From your account's settings", subtype="PASSWORD", options={"SKIP_SAVE"}
    )
    secret: bpy.props.StringProperty(
        name="API Secret", description="Belongs to the key", subtype="PASSWORD", options={"SKIP_SAVE"}
    )

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_props_dialog(self, width=400, confirm_text="Sign In")

    def draw(self, _context: bpy.types.Context) -> None:
        column = self.layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        first = column.row()
        first.activate_init = True
        first.prop(self, "key")
        column.prop(self, "secret")
        column.label(text="Kept in a file that you alone can read, never in a .blend", icon="LOCKED")

    def execute(self, _context: bpy.types.Context) -> set[str]:
        key, secret = self.key.strip(), self.secret.strip()
        self.key = self.secret = ""
        if not key or not secret:
            self.report({"ERROR"}, "Both the key and the secret are needed.")
            return {"CANCELLED"}
        try:
            write_credentials(preferences.user_folder(), Credentials(key, secret))
        except OSError as error:
            self.report({"ERROR"}, f"The key could not be kept: {error}.")
            return {"CANCELLED"}
        connection.choose_sandbox(False)
        connection.open_backend()
        if bpy.ops.maquette.check_account.poll():
            bpy.ops.maquette.check_account()
        return {"FINISHED"}
