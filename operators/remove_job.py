# SPDX-License-Identifier: GPL-3.0-or-later
"""Forgets a job and deletes its files; what is in the scene stays."""

import bpy

from ..jobs import Backend, JobRecord, State, assets_of, remove_assets
from ..window import placeholders
from .job_operator import JobOperator


class MAQUETTE_OT_remove_job(JobOperator, bpy.types.Operator):
    bl_idname = "maquette.remove_job"
    bl_label = "Remove"
    bl_description = "Forget this job and delete its files. What is in the scene stays"
    bl_options = {"UNDO"}

    removes_asset: bpy.props.BoolProperty(
        name="Remove Its Asset, Too",
        description="Delete the asset that was made of it, in each library. Off: it stays there",
        options={"SKIP_SAVE"},
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        job = self.find(context)
        if job and assets_of(job):
            return context.window_manager.invoke_props_dialog(
                self, width=400, title=f"Remove {job.name}?", confirm_text="Remove"
            )
        if job is None or not _is_unplaced(job):
            return self.execute(context)
        return context.window_manager.invoke_confirm(
            self,
            event,
            title=f"Remove {job.name}?",
            message="It is paid for, and was not placed. Its files are deleted.",
            confirm_text="Remove",
        )

    def draw(self, context: bpy.types.Context) -> None:
        job = self.find(context)
        layout = self.layout
        if job and _is_unplaced(job):
            layout.label(text="It is paid for, and was not placed. Its files are deleted.", icon="ERROR")
        layout.prop(self, "removes_asset")

    def act(self, context: bpy.types.Context, backend: Backend, job: JobRecord) -> str | None:
        backend.jobs.remove(job)
        if self.removes_asset:
            remove_assets(job)
        placeholders.remove(job.id)
        left = ", ".join(map(str, assets_of(job)))
        return f"Its asset could not be removed: {left}" if self.removes_asset and left else None


def _is_unplaced(job: JobRecord) -> bool:
    """Whether it is paid for, and what came of it is nowhere but in its files."""
    return bool(job.remote_id) and (job.state is State.READY or job.resume_state is not None)
