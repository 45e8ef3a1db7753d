# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operators on one job have in common: which job it is, and how their errors are told."""

import bpy

from .. import properties
from ..jobs import Desk, JobRecord, StoreError, holder
from . import arrivals


class JobOperator:
    """Acts on the job `job_id`; without one on that which is chosen in the list."""

    job_id: bpy.props.StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        desk = holder.current()
        return desk is not None and bool(desk.jobs)

    def execute(self, context: bpy.types.Context) -> set[str]:
        desk = holder.current()
        job = desk.jobs.get(self.job_id or properties.active_job_id(context.window_manager)) if desk else None
        try:
            problem = self.act(context, desk, job) if desk and job else "Choose a job in the list."
        except (StoreError, OSError, ValueError, RuntimeError) as error:
            problem = str(error)
        properties.sync_jobs(context.window_manager, desk)
        arrivals.scan()
        if problem:
            self.report({"ERROR"}, problem)  # pyright: ignore[reportAttributeAccessIssue] # an operator's
        return {"CANCELLED"} if problem else {"FINISHED"}

    def act(self, context: bpy.types.Context, desk: Desk, job: JobRecord) -> str | None:
        """Does it; returns why it cannot be done, if so."""
        raise NotImplementedError
