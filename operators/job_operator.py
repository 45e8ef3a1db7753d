# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operators on one job have in common: which job it is, and how their errors are told."""

import bpy

from .. import properties
from ..jobs import Desk, JobRecord, StoreError
from ..session_state import state
from ..window import connection, placing


class JobOperator:
    """Acts on the job `job_id`; without one on that which is chosen in the list."""

    job_id: bpy.props.StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        desk = state.desk
        return bpy.app.background or (desk is not None and bool(desk.jobs))

    def find(self, context: bpy.types.Context) -> JobRecord | None:
        """The job; in a script, where no timer does it, the desk is opened for it. Raises StoreError."""
        desk = connection.current_desk() if bpy.app.background else state.desk
        job_id = self.job_id or properties.active_job_id(context.window_manager)
        if desk and job_id and job_id not in desk.jobs and bpy.app.background:
            return desk.get(job_id)
        return desk.jobs.get(job_id) if desk else None

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            job, desk = self.find(context), state.desk
            problem = self.act(context, desk, job) if desk and job else "Choose a job in the list."
        except (StoreError, OSError, ValueError, RuntimeError) as error:
            problem = str(error)
        properties.sync_jobs(context.window_manager, state.desk)
        placing.find_placeholders()
        if problem:
            self.report({"ERROR"}, problem)  # pyright: ignore[reportAttributeAccessIssue] # an operator's
        return {"CANCELLED"} if problem else {"FINISHED"}

    def act(self, context: bpy.types.Context, desk: Desk, job: JobRecord) -> str | None:
        """Does it; returns why it cannot be done, if so."""
        raise NotImplementedError
