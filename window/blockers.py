# SPDX-License-Identifier: GPL-3.0-or-later
"""What stops Generate now, and what else a person has to know: operators refuse by it, panels show it.

All of it is read from memory: panels ask at each redraw.
"""

import bpy

from .. import properties, scene
from ..session_state import OFFLINE, Notice, state
from . import placeholders

_NO_ACCOUNT = {"unknown": "Getting ready…", "signed_out": "Sign in, or try the sandbox"}


def blocker(context: bpy.types.Context, *, needs_inputs: bool = True) -> Notice | None:
    """What stops Generate now. Without `needs_inputs` inputs may be missing: a script has its own."""
    found = service_blocker() or _model_blocker(context) or _place_blocker(context)
    return found or (_inputs_blocker(context) if needs_inputs else None)


def service_blocker() -> Notice | None:
    """What stops everything that the service is asked for."""
    if state.backend is None or state.account in _NO_ACCOUNT:
        return _blocking(state.problem or _NO_ACCOUNT.get(state.account, "Getting ready…"))
    return None if state.online else OFFLINE


def notices(context: bpy.types.Context) -> list[Notice]:
    """What the panel shows: what stops Generate, else why there is no price; then what keeps jobs waiting."""
    price = state.price(context.scene.name)
    first = blocker(context) or (Notice(price.error) if price and price.error else None)
    others = [each for each in service_notices() if first is None or each.text != first.text]
    return [first, *others] if first else others


def service_notices() -> list[Notice]:
    """What keeps jobs from going on, whatever they are; the first is to be mended first."""
    found = [each] if (each := service_blocker()) else []
    troubles = (state.problem, state.backend.trouble) if state.backend else ()
    return found + [Notice(text) for text in troubles if text and text not in (each.text for each in found)]


def _model_blocker(context: bpy.types.Context) -> Notice | None:
    backend = state.backend
    model = properties.model_of(properties.get(context.scene), state.catalogue)
    if backend is None or (model and backend.catalogue.schema(model.id)):
        return None
    return _blocking(backend.trouble or backend.catalogue.last_error or "Fetching the models…")


def _place_blocker(context: bpy.types.Context) -> Notice | None:
    if placeholders.targets(context):
        return None
    if any(scene.awaited_job(each) for each in context.selected_objects):
        return _blocking("What is selected waits for a 3D model")
    return _blocking("Select meshes, curves or empties to replace")


def _inputs_blocker(context: bpy.types.Context) -> Notice | None:
    settings = properties.get(context.scene)
    model = properties.model_of(settings, state.catalogue)
    chosen = context.selected_objects
    solid = sum(item.type in properties.MESH_TYPES or placeholders.is_root(item) for item in chosen)
    missing = properties.missing(settings, model, solid) if model else ""
    return _blocking(missing) if missing else None


def _blocking(text: str) -> Notice:
    return Notice(text, is_blocking=True)
