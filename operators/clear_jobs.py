# SPDX-License-Identifier: GPL-3.0-or-later
"""Empties the list of what is finished; what is paid for and was not placed yet stays."""

import bpy

from .. import properties
from ..jobs import JobRecord, State, StoreError, asset_of
from ..session_state import state
from ..window import placeholders

_FINISHED = (State.PLACED, State.FAILED, State.CANCELED, State.EXPIRED)


class MAQUETTE_OT_clear_jobs(bpy.types.Operator):
    bl_idname = "maquette.clear_jobs"
    bl_label = "Clear Finished"
    bl_description = "Remove the jobs that are done or failed, with their files. What is in the scene stays"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return bool(_finished())

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        count = len(_finished())
        kept = " Assets in the library stay." if any(map(asset_of, _finished())) else ""
        return context.window_manager.invoke_confirm(
            self,
            event,
            title="Clear Finished Jobs?",
            message=f"{count} jobs are removed and their files deleted.{kept}",
            confirm_text="Clear",
        )

    def execute(self, context: bpy.types.Context) -> set[str]:
        jobs = state.jobs
        try:
            for job in _finished() if jobs else ():
                jobs.remove(job)
                placeholders.remove(job.id)
        except StoreError as error:
            self.report({"ERROR"}, str(error))
        properties.sync_jobs(context.window_manager, jobs)
        return {"FINISHED"}


def _finished() -> list[JobRecord]:
    jobs = state.jobs
    ended = [job for job in jobs.by_id.values() if job.state in _FINISHED] if jobs else []
    return [job for job in ended if not (job.remote_id and job.resume_state)]
