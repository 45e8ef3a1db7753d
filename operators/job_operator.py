# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operators on one job have in common: which job it is, and how their errors are told."""

import bpy

from .. import properties
from ..jobs import Backend, JobRecord, StoreError
from ..session_state import state
from ..window import connection, placing


class JobOperator:
    """Acts on the job `job_id`; without one on that which is chosen in the list."""

    job_id: bpy.props.StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        jobs = state.jobs
        return bpy.app.background or (jobs is not None and bool(jobs.by_id))

    def find(self, context: bpy.types.Context) -> JobRecord | None:
        """The job; in a script, where no timer does it, the backend is opened for it. Raises StoreError."""
        backend = connection.current_backend() if bpy.app.background else state.backend
        job_id = self.job_id or properties.active_job_id(context.window_manager)
        if backend and job_id and job_id not in backend.jobs.by_id and bpy.app.background:
            return backend.jobs.get(job_id)
        return backend.jobs.by_id.get(job_id) if backend else None

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            job = self.find(context)
            backend = state.backend
            problem = self.act(context, backend, job) if backend and job else "Choose a job in the list."
        except (StoreError, OSError, ValueError, RuntimeError) as error:
            problem = str(error)
        properties.sync_jobs(context.window_manager, state.jobs)
        placing.find_placeholders()
        if problem:
            self.report({"ERROR"}, problem)  # pyright: ignore[reportAttributeAccessIssue] # an operator's
        return {"CANCELLED"} if problem else {"FINISHED"}

    def act(self, context: bpy.types.Context, backend: Backend, job: JobRecord) -> str | None:
        """Does it; returns why it cannot be done, if so."""
        raise NotImplementedError
