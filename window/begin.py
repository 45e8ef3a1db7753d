# SPDX-License-Identifier: GPL-3.0-or-later
"""Begins a 3D model where its image, words or object are: chooses a model for it and puts them in.

What follows is a question or a dialog with the price; several images for a model that takes one are asked
about.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy

from .. import properties
from ..client import Model, Task, content_type, tasks_of
from ..jobs import DEFAULT_IMAGE_MODEL, Catalogue, cost_text, view_in
from ..session_state import state
from . import confirm, pictures, placeholders, when_ready
from .blockers import blocker, service_blocker
from .wanted import wanted_now

_NO_MODELS = "Open the Maquette tab in the sidebar first"
_OTHERS = re.compile("motion|rig|splat|world|panorama|skybox|sketch|portrait|body|multi", re.IGNORECASE)


def why_not() -> str:
    """Why nothing can be begun now, "" if it can."""
    found = service_blocker()
    if found:
        return found.text
    return "" if state.catalogue and state.catalogue.models else _NO_MODELS


def choose_for(context: bpy.types.Context, capability: str, task: Task | None = None) -> bool:
    """Has a model of this capability chosen, the present one if it is of it; False if there is none."""
    catalogue, settings = state.catalogue, properties.get(context.scene)
    present = properties.model_of(settings, catalogue)
    if catalogue is None:
        return False
    model = present if present and _fits(present, capability, task) else _first(catalogue, capability, task)
    if model is None:
        return False
    if present is None or model.id != settings.model_id:
        properties.choose_model(settings, catalogue.schema(model.id) or model, catalogue)
    catalogue.ask_model(model.id)
    return True


def sidebar_choices(context: bpy.types.Context) -> tuple[str, str, str]:
    """What beginning somewhere may change of the sidebar's choices, for `restore_sidebar`."""
    settings = properties.get(context.scene)
    return settings.model_id, settings.place_mode, settings.mesh_place_mode


def restore_sidebar(context: bpy.types.Context, before: tuple[str, str, str]) -> None:
    """Nothing was begun after all: the sidebar is as it was."""
    if sidebar_choices(context) != before:  # a price that is known stays so
        settings = properties.get(context.scene)
        settings.model_id, settings.place_mode, settings.mesh_place_mode = before


def has_inputs(context: bpy.types.Context) -> bool:
    """Whether the inputs of the chosen model are known."""
    settings = properties.get(context.scene)
    model = properties.model_of(settings, state.catalogue)
    return bool(model and properties.inputs_of(settings, model.id))


def with_images(context: bpy.types.Context, names: Sequence[str]) -> str:
    """Begins with these images of the file, in a model that takes images; returns why it cannot, if so."""
    if not choose_for(context, "img23d"):
        return "There is no model that takes an image."
    _stand_at_cursor(context)
    put = "\n".join(names)
    when_ready.go_on_when(
        context, has_inputs, lambda _: bpy.ops.maquette.use_images("INVOKE_DEFAULT", names=put, asks=True)
    )
    return ""


def with_text(context: bpy.types.Context) -> str:
    """Chooses a model that takes a prompt, for what a dialog asks for; returns why it cannot, if so."""
    if not choose_for(context, "txt23d"):
        return "There is no model that takes a prompt."
    _stand_at_cursor(context)
    return ""


def load_images(paths: Sequence[Path]) -> list[bpy.types.Image]:
    """Images of these files; none is loaded if one of them is no image. Raises OSError or RuntimeError."""
    if missing := [path.name for path in paths if not path.is_file()]:  # Blender names one folder for all
        raise RuntimeError(
            f"Not in {paths[0].parent}: {', '.join(missing)}. Drop files of one folder at a time."
        )
    if wrong := [path.name for path in paths if not (content_type(path) or "").startswith("image/")]:
        raise RuntimeError(f"Not an image: {', '.join(wrong)}")
    return [bpy.data.images.load(str(path), check_existing=True) for path in paths]


def use_images(operator: bpy.types.Operator, context: bpy.types.Context, names: Sequence[str]) -> bool:
    """Puts images of the file into the model's inputs; whether there was a place for all of them.

    Where the model takes one and there are several, the first is put in, and it is asked what to do with
    them. What else there is no place for the operator names.
    """
    images = _images_of(names)
    model = properties.model_of(properties.get(context.scene), state.catalogue)
    if model is None:
        return False
    left = _put_images(context, model, images)
    if left and _takes_one(model):
        ask_about(context, names)
    elif left:
        operator.report({"WARNING"}, f"{model.name} has no place for {', '.join(left)}.")
    return not left


def _put_images(context: bpy.types.Context, model: Model, images: Sequence[bpy.types.Image]) -> list[str]:
    """By the views that they are named after, else in order; the names of those without a place."""
    settings = properties.get(context.scene)
    if _takes_one(model):
        main = next(spec for spec in properties.image_inputs(model) if spec.is_primary)
        properties.set_picture(settings, model, images[0], main.name)
        return [each.name for each in images[1:]]
    views = _views(model) if len(images) > 1 else {}
    left: list[str] = []
    for image in images:
        view = view_in(image.name.rpartition(".")[0] or image.name) if views else None
        name = views.get(view or "", "")
        # A side that the model does not take is better left out than taken for another.
        is_out = view and not name
        if is_out or not properties.set_picture(settings, model, image, name, can_replace=len(images) == 1):
            left.append(image.name)
    return left


def _takes_one(model: Model) -> bool:
    """Whether all that the model makes its result from is one image."""
    specs = [spec for spec in properties.image_inputs(model) if spec.is_primary]
    rooms = [1 if spec.type == "file" else spec.max_length or properties.ITEMS_MAX for spec in specs]
    return sum(rooms) == 1


def ask_about(context: bpy.types.Context, names: Sequence[str]) -> None:
    """Asks what to do with several images for a model that takes one; nothing is paid before a click."""
    put = "\n".join(names)
    when_ready.go_on_when(context, lambda now: _can_ask(now, put), lambda now: _ask(now, put))


def _can_ask(context: bpy.types.Context, put: str) -> bool:
    """Whether it is known what each costs, or why it cannot be made, and which cannot be read."""
    names, catalogue = put.split("\n"), state.catalogue
    if catalogue is None or not pictures.ask_of(catalogue, _images_of(names)):
        return False
    wanted = wanted_now(context, images=readable(names))
    return bool(blocker(context, wanted=wanted)) or wanted.is_priced


def _ask(context: bpy.types.Context, put: str) -> None:
    names = put.split("\n")
    good = readable(names)
    broken = [f"{each.name} {text}" for each in _images_of(names) if (text := pictures.problem_of(each))]
    cost_cu = wanted_now(context, images=good).cost_cu if good else None
    tail = "…" if cost_cu is None else f" · {cost_text(cost_cu)}"
    model = properties.model_of(properties.get(context.scene), state.catalogue)

    def draw(menu: Any, _context: bpy.types.Context) -> None:
        layout = menu.layout
        layout.operator_context = "INVOKE_DEFAULT"
        for text in broken:
            layout.label(text=text, icon="ERROR", translate=False)
        if good:
            text = f"Use One: {good[0]}"
            one = layout.operator("maquette.use_images", text=text, icon="IMAGE_DATA", translate=False)
            one.names = good[0]
        if len(good) > 1:
            each = layout.operator("maquette.make_each", text=f"{len(good)} 3D Models{tail}", icon="PLAY")
            each.names = "\n".join(good)
            each.shown_cu = -1.0 if cost_cu is None else cost_cu

    confirm.question_opened()
    title = f"{len(names)} images, and {model.name if model else 'the model'} takes one"
    context.window_manager.popup_menu(draw, title=title, icon="QUESTION")


def _images_of(names: Sequence[str]) -> list[bpy.types.Image]:
    return [bpy.data.images[name] for name in names if name in bpy.data.images]


def readable(names: Sequence[str]) -> list[str]:
    """Those of the images that nothing is known to be wrong with."""
    return [each.name for each in _images_of(names) if not pictures.problem_of(each)]


def have_own_place(context: bpy.types.Context) -> None:
    """What is made of an image or of words replaces nothing that happens to be selected."""
    if placeholders.targets(context) != [None]:
        properties.get(context.scene).place_mode = "CURSOR"


def _stand_at_cursor(context: bpy.types.Context) -> None:
    """As all that is added in Blender, but in a row with others where these are in one."""
    settings = properties.get(context.scene)
    if settings.place_mode != "ROW":
        settings.place_mode = "CURSOR"


def _fits(model: Model, capability: str, task: Task | None) -> bool:
    return capability in model.capabilities and (task is None or task in tasks_of(model))


def _first(catalogue: Catalogue, capability: str, task: Task | None) -> Model | None:
    """The one that was used last, else a plain one that everybody may use and that is for little else."""
    found = [model for model in catalogue.models.values() if _fits(model, capability, task)]
    recent = properties.recent_ids()

    def rank(model: Model) -> tuple[int, bool, bool, bool, int]:
        place = recent.index(model.id) if model.id in recent else len(recent)
        is_odd = task is None and bool(_OTHERS.search(f"{model.id} {model.name}"))
        count = len(tasks_of(model)) if task else 0
        return place, model.id != DEFAULT_IMAGE_MODEL, is_odd, bool(model.required_plan), count

    return min(found, key=rank, default=None)


def _views(model: Model) -> dict[str, str]:
    """The model's inputs by the view that they are named after."""
    inputs = [spec.name for spec in properties.image_inputs(model) if spec.type == "file"]
    return {view: name for name in reversed(inputs) if (view := view_in(name))}
