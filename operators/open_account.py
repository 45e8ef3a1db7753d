# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows the account's page of the service in a browser, where credits are bought."""

import bpy

from ..session_state import state

_URL = "https://app.scenario.com"


class MAQUETTE_OT_open_account(bpy.types.Operator):
    bl_idname = "maquette.open_account"
    bl_label = "Open My Account…"
    bl_description = "Show your Scenario account in the browser, to see and buy credits"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        bpy.ops.wm.url_open(url=_URL)
        if state.catalogue:
            state.catalogue.expire_balance()
        return {"FINISHED"}
