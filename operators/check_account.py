# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the service for the balance: the answer, or the error, appears beside the account."""

import bpy

from ..jobs import StoreError
from ..session_state import state
from ..window import service_blocker


class MAQUETTE_OT_check_account(bpy.types.Operator):
    bl_idname = "maquette.check_account"
    bl_label = "Test Connection"
    bl_description = "Ask the service whether it accepts the key, and for the balance"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        backend = state.backend
        if found := service_blocker():
            self.report({"ERROR"}, found.text)
            return {"CANCELLED"}
        assert backend  # service_blocker() reports a missing one
        try:
            backend.ask_again()
            backend.catalogue.ask_balance()
        except StoreError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}
