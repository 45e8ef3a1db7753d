# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts what a job was made with back into the panel, to be changed and used again."""

from itertools import zip_longest
from pathlib import Path
from typing import Any

import bpy

from .. import properties
from ..jobs import Backend, JobRecord, StoredFile, profile_of
from .job_operator import JobOperator


class MAQUETTE_OT_use_settings(JobOperator, bpy.types.Operator):
    bl_idname = "maquette.use_settings"
    bl_label = "Use Settings"
    bl_description = "Put this job's model, images and settings into the panel, to change them"
    bl_options = {"UNDO"}

    def act(self, context: bpy.types.Context, backend: Backend, job: JobRecord) -> str | None:
        model = backend.catalogue.schema(job.model_id)
        if model is None:
            backend.catalogue.ask_model(job.model_id)
            return f"{job.model_name or job.model_id} is being looked up. Try again in a moment."
        settings, folder = properties.get(context.scene), backend.store.job_folder(job.id)
        was_set = properties.values_from_json(job.placement.get("settings") or {})
        properties.choose_model(settings, model, backend.catalogue)
        values = {name: _restored(was_set.get(name), used, folder) for name, used in job.inputs.items()}
        properties.set_values(settings, model, was_set | values)
        properties.set_profile(settings, profile_of(job))
        return None


def _restored(was_set: Any, used: Any, folder: Path) -> Any:
    """What was set; for an image that this file does not have, the job's own copy."""
    if isinstance(used, list):
        pairs = zip_longest(was_set if isinstance(was_set, list) else (), used)
        return [_restored(*pair, folder) for pair in pairs]
    if isinstance(used, dict):
        held = was_set if isinstance(was_set, dict) else {}
        return {name: _restored(held.get(name), value, folder) for name, value in used.items()}
    if not isinstance(used, StoredFile):
        return used if was_set is None else was_set
    if used.kind != "image":
        return was_set
    if isinstance(was_set, properties.Picture) and was_set.name in bpy.data.images:
        return was_set
    image = bpy.data.images.load(str(folder / used.path), check_existing=True)
    return properties.Picture(image.name)
