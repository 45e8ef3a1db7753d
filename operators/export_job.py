# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens Blender's own exporter for what a job has brought, with that and all of its parts selected."""

from pathlib import Path

import bpy

from .. import scene
from ..jobs import Backend, JobRecord, safe_name
from ..window import placeholders
from .job_operator import JobOperator

# Of each form: its name, the file's ending, the exporter, and how that is told to take the selection.
FORMS = {
    "GLB": ("glTF Binary", ".glb", "export_scene.gltf", {"use_selection": True, "export_format": "GLB"}),
    "FBX": ("FBX", ".fbx", "export_scene.fbx", {"use_selection": True}),
    "OBJ": ("Wavefront OBJ", ".obj", "wm.obj_export", {"export_selected_objects": True}),
    "USD": ("USD", ".usdc", "wm.usd_export", {"selected_objects_only": True}),
    "STL": ("STL", ".stl", "wm.stl_export", {"export_selected_objects": True}),
}


class MAQUETTE_OT_export_job(JobOperator, bpy.types.Operator):
    bl_idname = "maquette.export_job"
    bl_label = "Export…"
    bl_description = "Select the 3D model with all of its parts, and export it with Blender's own exporter"
    bl_options = {"UNDO"}

    format: bpy.props.EnumProperty(
        name="Format",
        items=[(key, title, f"Export it as {ending}") for key, (title, ending, _, _) in FORMS.items()],
        options={"SKIP_SAVE"},
    )

    def act(self, context: bpy.types.Context, backend: Backend, job: JobRecord) -> str | None:
        found = [
            each
            for each in placeholders.objects_of(job.id, context.view_layer.objects)
            if not scene.awaited_job(each)
        ]
        if context.mode != "OBJECT" or not found:
            return "Go to Object Mode first." if found else f"{job.name} is not in this scene. Place it."
        title, ending, exporter, options = FORMS[self.format]
        if not scene.can_export(ending):
            return f"This Blender was made without {title}. Choose another format."
        placeholders.select_alone(context, found)
        folder = Path(bpy.data.filepath).parent if bpy.data.filepath else Path.home()
        group, name = exporter.split(".")
        operator = getattr(getattr(bpy.ops, group), name)
        operator("INVOKE_DEFAULT", filepath=str(folder / f"{safe_name(found[0].name)}{ending}"), **options)
        return None
