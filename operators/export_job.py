# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens Blender's own exporter for what a job has brought, with that and all of its parts selected."""

from pathlib import Path

import bpy

from .. import scene
from ..jobs import Backend, JobRecord, safe_name
from ..window import not_in_scene, placeholders, wrong_mode
from .job_operator import JobOperator

_ENDINGS = {"GLB": ".glb", "FBX": ".fbx", "OBJ": ".obj", "USD": ".usdc", "STL": ".stl"}


class MAQUETTE_OT_export_job(JobOperator, bpy.types.Operator):
    bl_idname = "maquette.export_job"
    bl_label = "Export…"
    bl_description = "Select the 3D model with all of its parts, and export it with Blender's own exporter"
    bl_options = {"UNDO"}

    format: bpy.props.EnumProperty(
        name="Format",
        items=[
            (key, scene.EXPORT_FORMATS[ending].title, f"Export it as {ending}")
            for key, ending in _ENDINGS.items()
        ],
        options={"SKIP_SAVE"},
    )

    def act(self, context: bpy.types.Context, backend: Backend, job: JobRecord) -> str | None:
        found = [
            each
            for each in placeholders.objects_of(job.id, context.view_layer.objects)
            if not scene.awaited_job(each)
        ]
        if problem := wrong_mode(context) if found else not_in_scene(job):
            return f"{problem}."
        ending = _ENDINGS[self.format]
        form = scene.EXPORT_FORMATS[ending]
        if not scene.can_export(ending):
            return f"This Blender was made without {form.title}. Choose another format."
        placeholders.select_alone(context, found)
        folder = Path(bpy.data.filepath).parent if bpy.data.filepath else Path.home()
        group, name = form.operator.split(".")
        operator = getattr(getattr(bpy.ops, group), name)
        path = folder / f"{safe_name(found[0].name)}{ending}"
        operator("INVOKE_DEFAULT", filepath=str(path), **form.selection)
        return None
