# SPDX-License-Identifier: GPL-3.0-or-later
"""Moves what was put beside something else to the 3D cursor, where it was to stand."""

import bpy

from ..jobs import Backend, JobRecord
from ..window import placeholders
from .job_operator import JobOperator


class MAQUETTE_OT_put_at_cursor(JobOperator, bpy.types.Operator):
    bl_idname = "maquette.put_at_cursor"
    bl_label = "Put at Cursor"
    bl_description = "Move this 3D model, or its placeholder, onto the 3D cursor, whatever stands there"
    bl_options = {"UNDO"}

    def act(self, context: bpy.types.Context, backend: Backend, job: JobRecord) -> str | None:
        if placeholders.put_at_cursor(context, job.id):
            return None
        return f"{job.name} was not put beside anything."
