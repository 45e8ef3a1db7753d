# SPDX-License-Identifier: GPL-3.0-or-later
"""What stops Generate now, and what else a person has to know: operators refuse by it, panels show it.

All of it is read from memory: panels ask at each redraw.
"""

import bpy

from .. import properties, scene
from ..jobs import JobRecord, cost_text, requires_mesh
from ..session_state import OFFLINE, Notice, state
from . import pictures, placeholders
from .wanted import JOBS_MAX, Wanted, wanted_now

_KEY = "maquette.open_preferences"
_NO_ACCOUNT = {"unknown": "Getting ready…", "signed_out": "Sign in, or try the sandbox"}


def blocker(
    context: bpy.types.Context, *, needs_inputs: bool = True, wanted: Wanted | None = None
) -> Notice | None:
    """What stops Generate now; `wanted` is what it would make, if that is known already.

    Without `needs_inputs` inputs may be missing: a script has its own.
    """
    if found := service_blocker() or _key_blocker():
        return found
    wanted = wanted or wanted_now(context)
    found = _model_blocker(wanted) or _linked_blocker(context, wanted) or _override_blocker(wanted)
    found = (
        found
        or _place_blocker(context, wanted)
        or (_inputs_blocker(context, wanted) if needs_inputs else None)
    )
    return found or credits_blocker(wanted.cost_cu)


def service_blocker() -> Notice | None:
    """What stops everything that the service is asked for."""
    if state.backend is None or state.account in _NO_ACCOUNT:
        return _blocking(state.problem or _NO_ACCOUNT.get(state.account, "Getting ready…"))
    return None if state.online else OFFLINE


def credits_blocker(cost_cu: float | None) -> Notice | None:
    """What is short of this price; None while the price or the balance is not known."""
    backend = state.backend
    balance_cu = backend.catalogue.balance_cu if backend else None
    if backend is None or balance_cu is None or cost_cu is None:
        return None
    short_cu = cost_cu + backend.jobs.unpaid_cu() - balance_cu
    if short_cu <= 0:
        return None
    has_account = state.account != "sandbox"
    return Notice(
        f"{cost_text(short_cu)} short",
        is_blocking=True,
        operator="maquette.open_account" if has_account else "",
        is_error=True,
    )


def notices(context: bpy.types.Context, wanted: Wanted) -> list[Notice]:
    """What the panel shows: what stops Generate, else why there is no price; then what keeps jobs waiting."""
    error = wanted.price_error
    first = blocker(context, wanted=wanted) or (Notice(error) if error else None)
    texts = {first.text if first else "", _key_text() if first and first.operator == _KEY else ""}
    others = [each for each in (*service_notices(), *hidden_notices()) if each.text not in texts]
    return [first, *others] if first else others


def hidden_notices() -> list[Notice]:
    """What has arrived, or waits, in a collection that is not shown."""
    names = state.hidden
    if not names:
        return []
    text = f"{names[0]} is" if len(names) == 1 else f"{len(names)} objects are"
    return [Notice(f"{text} in a hidden collection", operator="maquette.show_hidden")]


def service_notices() -> list[Notice]:
    """What keeps jobs from going on, whatever they are; the first is to be mended first."""
    found = [each] if (each := service_blocker()) else []
    troubles = (state.problem, state.backend.trouble) if state.backend else ()
    return found + [Notice(text) for text in troubles if text and text not in (each.text for each in found)]


def wrong_mode(context: bpy.types.Context) -> str:
    """What to do first where objects are to be selected or replaced; "" in Object Mode."""
    return "" if context.mode == "OBJECT" else "Go to Object Mode first"


def not_in_scene(job: JobRecord) -> str:
    """Told where something is to be done with what the job has brought, and nothing of it is there."""
    return f"{job.name} is not in this scene. Place it first"


def _key_blocker() -> Notice | None:
    """A key that the service refuses; another is entered in the preferences, whose test asks again."""
    if not (state.backend and state.backend.is_key_refused):
        return None
    return Notice(_key_text(), is_blocking=True, operator=_KEY, action="Enter Key…", is_error=True)


def _key_text() -> str:
    """The service's words about the key."""
    backend = state.backend
    return (backend.catalogue.last_error or backend.trouble) if backend else ""


def _model_blocker(wanted: Wanted) -> Notice | None:
    backend, model = state.backend, wanted.model
    if backend is None or (model and backend.catalogue.schema(model.id)):
        return None
    return _blocking(backend.trouble or backend.catalogue.last_error or "Fetching the models…")


def _linked_blocker(context: bpy.types.Context, wanted: Wanted) -> Notice | None:
    """What belongs to another file can be neither sent nor replaced."""
    if not bpy.data.libraries:
        return None
    model = wanted.model
    named = properties.named_mesh(wanted.settings, model) if model else None
    chosen = [named] if named else context.selected_objects
    linked = next((each for each in chosen if each.library and each.type in properties.MESH_TYPES), None)
    if linked is None or (wanted.targets and not (model and requires_mesh(model))):
        return None
    return _blocking(f"{linked.name} is linked from another file. Make it local first")


def _override_blocker(wanted: Wanted) -> Notice | None:
    """What overrides another file's can be sent, but Blender does not save that it waits, nor what it was.

    A collection that overrides one takes no other object: what is in it can change, but not be replaced.
    """
    if not bpy.data.libraries:
        return None
    targets = [each for each in wanted.targets if each]
    found: bpy.types.ID | None = next((each for each in targets if each.override_library), None)
    mode = properties.place_mode_of(wanted.settings, wanted.model)
    is_changed = mode == "ORIGINAL" and wanted.settings.result in scene.ONTO
    replaced = {each for each in targets if not is_changed or each.type != "MESH"}
    if found is None and replaced:
        closed = (each for each in bpy.data.collections if each.override_library)
        found = next((each for each in closed if not replaced.isdisjoint(each.objects)), None)
    return _blocking(f"{found.name} is a library override. Make it local first") if found else None


def _place_blocker(context: bpy.types.Context, wanted: Wanted) -> Notice | None:
    if len(wanted.targets) > JOBS_MAX:
        return _blocking(f"At most {JOBS_MAX} are made at once. Select fewer")
    if wanted.targets:
        return None
    if coming := next(filter(placeholders.is_coming, context.selected_objects), None):
        job = placeholders.job_of(coming, state.jobs)
        mode = placeholders.mode_in_use(job.id) if job and not job.is_working else ""
        told = (
            f"Its 3D model comes once you leave {mode}" if mode else "What is selected waits for a 3D model"
        )
        return _blocking(told)
    return _blocking("Select meshes, curves or empties to replace")


def _inputs_blocker(context: bpy.types.Context, wanted: Wanted) -> Notice | None:
    settings, model = wanted.settings, wanted.model
    chosen = context.selected_objects
    has_mesh = any(item.type in properties.MESH_TYPES or placeholders.is_root(item) for item in chosen)
    if model is None:
        return None
    for own in wanted.shapes.values():
        if missing := properties.missing(settings, model, has_mesh=has_mesh, own=own):
            return _blocking(missing)
    if properties.has_names_itself(settings, model) and not any(wanted.targets):
        return _blocking(f"{properties.NAME} in the prompt needs Place › Replace Selected")
    broken = pictures.problem(settings, model, wanted.images, wanted.replaced)
    return Notice(broken, is_blocking=True, is_error=True) if broken else None


def _blocking(text: str) -> Notice:
    return Notice(text, is_blocking=True)
