# SPDX-License-Identifier: GPL-3.0-or-later
"""What the window remembers: settings with each scene, and the lists that Blender's widgets need."""

from .groups import MESH_TYPES, Field, edits, ensure_inputs, fields_of, inputs_of, note_change
from .settings import (
    MaquetteSettings,
    active_job_id,
    choose,
    favourite_ids,
    get,
    items_of,
    list_models,
    model_of,
    recent_ids,
    register,
    sync_jobs,
    unregister,
    window,
)  # fmt: skip
from .values import (
    ITEMS_MAX,
    Meshes,
    Picture,
    Values,
    image_inputs,
    is_primary,
    missing,
    relevant_fields,
    set_picture,
    set_values,
    takes_selection,
    values_from_json,
    values_of,
    values_to_json,
)  # fmt: skip

__all__ = [
    "ITEMS_MAX", "MESH_TYPES", "Field", "MaquetteSettings", "Meshes", "Picture", "Values",
    "active_job_id", "choose", "edits", "ensure_inputs", "favourite_ids", "fields_of", "get",
    "image_inputs", "inputs_of", "is_primary", "items_of", "list_models", "missing", "model_of",
    "note_change", "recent_ids", "register", "relevant_fields", "set_picture", "set_values", "sync_jobs",
    "takes_selection", "unregister", "values_from_json", "values_of", "values_to_json",
    "window",
]  # fmt: skip
