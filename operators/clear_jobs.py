# SPDX-License-Identifier: GPL-3.0-or-later
"""Empties the list of what is finished; what is paid for and was not placed yet stays."""

from collections.abc import Iterator

import bpy

from .. import properties
from ..jobs import JobRecord, State, StoreError, assets_of
from ..session_state import state
from ..window import placeholders

_FINISHED = (State.PLACED, State.FAILED, State.CANCELED, State.EXPIRED)


class MAQUETTE_OT_clear_jobs(bpy.types.Operator):
    bl_idname = "maquette.clear_jobs"
    bl_label = "Clear Finished"
    bl_description = "Remove the jobs that are done or failed, with their files. What is in the scene stays"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        return any(_finished())

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        finished = list(_finished())
        kept = " Assets in the library stay." if any(map(assets_of, finished)) else ""
        return context.window_manager.invoke_confirm(
            self,
            event,
            title="Clear Finished Jobs?",
            message=f"{len(finished)} jobs are removed and their files deleted.{kept}",
            confirm_text="Clear",
        )

    def execute(self, context: bpy.types.Context) -> set[str]:
        jobs = state.jobs
        if jobs is None:
            return {"CANCELLED"}
        finished = list(_finished())
        try:
            jobs.remove(*finished)
        except StoreError as error:
            self.report({"ERROR"}, str(error))
        placeholders.remove(*(job.id for job in finished if job.id not in jobs.by_id))
        properties.sync_jobs(context.window_manager, jobs)
        return {"FINISHED"}


def _finished() -> Iterator[JobRecord]:
    """One by one: whether there is any is asked in each redraw."""
    for job in state.jobs.by_id.values() if state.jobs else ():
        if job.state in _FINISHED and not (job.remote_id and job.resume_state):
            yield job
