# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operators on the results of one input have in common: where they cannot work, the reason is told.

A panel or menu names the job by `context_string_set("maquette_job", …)`, else it is the one that is chosen.
"""

from collections.abc import Callable

import bpy

from .. import properties
from ..jobs import JobCache, JobRecord
from ..session_state import state
from ..window import wrong_mode
from .job_operator import JobOperator


class GroupOperator(JobOperator):
    """`why_not` is a function of window/variations.py."""

    why_not: Callable[[JobCache, JobRecord], str]

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if bpy.app.background:
            return True
        jobs = state.jobs
        job_id = getattr(context, "maquette_job", "") or properties.active_job_id(context.window_manager)
        job = jobs.by_id.get(job_id) if jobs else None
        reason = cls.why_not(jobs, job) if jobs and job else "Choose a job in the list"
        reason = reason or wrong_mode(context)
        if reason:
            cls.poll_message_set(reason)  # pyright: ignore[reportAttributeAccessIssue] # an operator's
        return not reason
