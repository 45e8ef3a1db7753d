# SPDX-License-Identifier: GPL-3.0-or-later
"""What stops Generate now, and what else a person has to know: operators refuse by it, panels show it.

All of it is read from memory: panels ask at each redraw.
"""

import bpy

from .. import properties
from ..session_state import OFFLINE, Notice, state
from . import object_inputs, placeholders

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
    prices = object_inputs.prices(context, placeholders.targets(context))
    error = next((price.error for price in prices if price and price.error), "")
    first = blocker(context) or (Notice(error) if error else None)
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
    is_chosen = bool(context.selected_objects)
    text = "What is selected waits for a 3D model" if is_chosen else "Select the objects to replace"
    return _blocking(text)


def _inputs_blocker(context: bpy.types.Context) -> Notice | None:
    settings = properties.get(context.scene)
    model = properties.model_of(settings, state.catalogue)
    chosen = context.selected_objects
    solid = sum(item.type in properties.MESH_TYPES or placeholders.is_root(item) for item in chosen)
    if model is None:
        return None
    targets = placeholders.targets(context)
    for own in object_inputs.shapes(context, targets).values():
        if missing := properties.missing(settings, model, solid, own):
            return _blocking(missing)
    spec = properties.prompt_input(model)
    is_for_names = spec and properties.NAME in str(properties.values_of(settings, model).get(spec.name, ""))
    if is_for_names and targets == [None]:
        return _blocking(f"{properties.NAME} in the prompt needs Place › Replace Selected")
    return None


def _blocking(text: str) -> Notice:
    return Notice(text, is_blocking=True)
