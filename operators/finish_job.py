# SPDX-License-Identifier: GPL-3.0-or-later
"""Finishes a result that is there by another profile, for nothing; what stands of it is replaced."""

from typing import Any

import bpy

from .. import properties, scene
from ..client import InputError
from ..jobs import Backend, JobRecord, profile_of
from ..session_state import state
from ..window import on_original, placeholders, service_blocker, wait
from .job_operator import JobOperator

_USUAL = "game"


def _items(self: Any, _context: object) -> list[tuple[str, str, str, str, int]]:
    return properties.profile_items()


class MAQUETTE_OT_finish_job(JobOperator, bpy.types.Operator):
    bl_idname = "maquette.finish_job"
    bl_label = "Finish…"
    bl_description = (
        "Make this 3D model ready for use by a profile: fewer faces, new UVs, baked textures. "
        "Always from what was delivered, as often as you like. It costs nothing"
    )
    bl_options = set()  # the arrival makes one undo step

    profile: bpy.props.EnumProperty(
        name="Profile",
        description="What becomes of it",
        items=_items,
        update=lambda self, _context: setattr(self, "faces", properties.budget_of(self.profile)),
        options={"SKIP_SAVE"},
    )
    faces: bpy.props.IntProperty(
        name="Faces",
        description="How many triangles it has at most. 0: as many as the profile leaves",
        min=0,
        max=10_000_000,
        options={"SKIP_SAVE"},
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        job = self.find(context)
        if job is None:
            return self.execute(context)
        properties.read_profiles()
        self.job_id = job.id  # the list may change while the dialog is open
        self._suggest(context, job)
        title = f"Finish {state.in_scene.get(job.id, job.name)}"
        return context.window_manager.invoke_props_dialog(self, width=320, title=title, confirm_text="Finish")

    def _suggest(self, context: bpy.types.Context, job: JobRecord) -> None:
        """What it was finished by before, else what the sidebar says."""
        settings = properties.get(context.scene)
        try:
            profile = profile_of(job) if job.profile else properties.profile_of(settings)
        except InputError:
            profile = None
        name = properties.name_of_profile(profile) if profile else _USUAL
        self.profile = name if job.profile or (profile and not profile.does_nothing) else _USUAL
        if profile and profile.faces:
            self.faces = profile.faces

    def draw(self, context: bpy.types.Context) -> None:
        item = context.view_layer.objects.get(state.in_scene.get(self.job_id, ""))
        edited = scene.edited_of(item) if item is not None else []
        if edited:
            text = f"It was edited. That mesh is kept as {edited[0].name} (edited)"
            if len(edited) > 1:
                text = f"{len(edited)} of its meshes were edited. Each is kept, with (edited) behind its name"
            self.layout.label(text=text, icon="INFO", translate=False)
        column = self.layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(self, "profile")
        if properties.budget_of(self.profile):
            column.prop(self, "faces")

    def act(self, context: bpy.types.Context, backend: Backend, job: JobRecord) -> str | None:
        if not job.has_model:
            return f"{job.name} has no 3D model to finish."
        if on_original.goes_onto(job.placement):
            return f"{job.name} went onto an object of yours, which is not finished."
        if found := service_blocker():
            return found.text
        try:
            profile = properties.find_profile(self.profile, self.faces)
        except InputError as error:
            return str(error)
        backend.jobs.finish(job, profile)
        placeholders.await_version(job)
        return wait.wait_for_jobs([job.id])
