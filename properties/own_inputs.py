# SPDX-License-Identifier: GPL-3.0-or-later
"""What an object of the artist's says about the 3D model that is to replace it: a prompt, an image, a seed.

`{name}` in a prompt stands for the object's name in words: of "OakTable.001" these are "oak table".
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import bpy

from ..client import Input, Model
from .groups import fields_of, note_change
from .values import Picture, Values, values_of

NAME = "{name}"
_NUMBER = re.compile(r"[._-]\d+$")
_ARTICLE = re.compile(r"\b([Aa]) \{name\}")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


class MaquetteObject(bpy.types.PropertyGroup):
    """Of one object, saved with it."""

    prompt: bpy.props.StringProperty(
        name="Prompt",
        description="What this object becomes, instead of the sidebar's prompt. {name} stands for its name",
        update=note_change,
    )
    image: bpy.props.PointerProperty(
        name="Image",
        description="What this object becomes, instead of the image in the sidebar",
        type=bpy.types.Image,
        update=note_change,
    )
    has_seed: bpy.props.BoolProperty(
        name="Own Seed", description="Off takes the seed of the sidebar", update=note_change
    )
    seed: bpy.props.IntProperty(
        name="Seed", description="The same seed gives a similar result", min=0, update=note_change
    )


def own_of(item: bpy.types.Object) -> MaquetteObject:
    return item.maquette  # type: ignore[attr-defined]


@lru_cache(maxsize=2048)  # panels ask for each selected object at each redraw
def words_of(name: str) -> str:
    """An object's name as words for a prompt, without the number at its end."""
    while (shorter := _NUMBER.sub("", name)) not in ("", name):
        name = shorter
    words = _CAMEL.sub(" ", name.replace("_", " ")).split()
    return " ".join(word if len(word) > 1 and word.isupper() else word.lower() for word in words)


def image_of(item: bpy.types.Object) -> bpy.types.Image | None:
    """The object's own image; an empty that shows an image has that one."""
    if image := own_of(item).image:
        return image
    is_image = item.type == "EMPTY" and item.empty_display_type == "IMAGE"
    return item.data if is_image and isinstance(item.data, bpy.types.Image) else None


def prompt_input(model: Model) -> Input | None:
    """The input that takes what the result is to be, in words."""
    return next((spec for spec in model.inputs if spec.is_prompt and spec.is_primary), None)


def uses_names(settings: Any, model: Model | None, given: Values | None = None) -> bool:
    """Whether objects' names go into the prompt: as the person chose, else where nothing else is given.

    `given` are the values of the panel, where they are known.
    """
    spec = prompt_input(model) if model else None
    if model is None or spec is None:
        return False
    if settings.names_choice:
        return settings.names_choice == "ON"
    given = values_of(settings, model) if given is None else given
    has_image = any(field.spec.name in given for field in _image_fields(model))
    is_of_mesh = "3d23d" in model.capabilities  # its words are about the surface, not what the object is
    return not is_of_mesh and spec.name not in given and (spec.required.is_always or not has_image)


def has_names_itself(settings: Any, model: Model) -> bool:
    """Whether the panel's prompt says where objects' names go."""
    spec = prompt_input(model)
    return bool(spec) and NAME in str(values_of(settings, model).get(spec.name) or "")


def own_values(
    settings: Any, model: Model, given: Values, items: Iterable[bpy.types.Object | None]
) -> list[Values]:
    """What each object that is to be replaced gives instead of `given`, the values of the panel."""
    spec = prompt_input(model)
    prompt = str(given.get(spec.name) or "") if spec else ""
    has_names = uses_names(settings, model, given)
    is_prompt_needed = bool(settings.names_choice) or (spec is not None and spec.required.is_always)
    has_seed = any(each.name == "seed" and each.type == "number" for each in model.inputs)

    def of(item: bpy.types.Object) -> Values:
        found: Values = {}
        own = own_of(item)
        image = image_of(item)
        if image:
            found |= image_values(model, image.name)
        if spec:
            is_named = has_names and (is_prompt_needed or not image)  # else its image says what to make
            if text := _prompt(prompt, item.name, own.prompt.strip(), has_names=is_named):
                found[spec.name] = text
        if has_seed and own.has_seed:
            found["seed"] = own.seed
        return {name: value for name, value in found.items() if given.get(name) != value}

    return [of(item) if item else {} for item in items]


def image_values(model: Model, name: str) -> Values:
    """The image of this name as what the model makes its result from; {} if it takes none."""
    for field in _image_fields(model)[:1]:
        picture = Picture(name)
        return {field.spec.name: picture if field.role == "picture" else [picture]}
    return {}


def _prompt(text: str, name: str, own: str, *, has_names: bool) -> str:
    """An object's prompt: its own, or the panel's with the object's name in it; "" if neither is there."""
    words = words_of(name)
    if own or NAME in text:
        named = own or text
        if words[:1].lower() in tuple("aeiou"):
            named = _ARTICLE.sub(r"\1n {name}", named)
        return named.replace(NAME, words)
    return ", ".join(filter(None, (words if has_names else "", text)))


def _image_fields(model: Model) -> list[Any]:
    roles = ("picture", "pictures")
    return [field for field in fields_of(model.id) if field.role in roles and field.spec.is_primary]


def register() -> None:
    bpy.utils.register_class(MaquetteObject)
    bpy.types.Object.maquette = bpy.props.PointerProperty(type=MaquetteObject)


def unregister() -> None:
    del bpy.types.Object.maquette
    bpy.utils.unregister_class(MaquetteObject)
