# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operators have in common that start jobs by the settings of the sidebar. They spend."""

from typing import Any

import bpy


class PaidOperator:
    """`start` starts the jobs: the ids of those that were started, and what is wrong, if something is."""

    report: Any

    def start(self, context: bpy.types.Context) -> tuple[list[str], str]:
        raise NotImplementedError

    def execute(self, context: bpy.types.Context) -> set[str]:
        job_ids, problem = self.start(context)
        if problem:
            self.report({"ERROR"}, problem)
        return {"FINISHED"} if job_ids else {"CANCELLED"}
