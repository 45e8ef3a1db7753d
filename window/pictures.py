# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the chosen pictures cannot be read: the worker looks, the window remembers what it said."""

from collections.abc import Iterable, Iterator
from typing import Any

import bpy

from .. import properties
from ..client import Model
from ..jobs import Catalogue
from ..session_state import state


def ask(
    catalogue: Catalogue,
    settings: properties.MaquetteSettings,
    model: Model,
    own: Iterable[bpy.types.Image] = (),
) -> None:
    """Ask about each chosen picture's file, and those of objects of their `own`.

    Cheap while the answers are good. Raises StoreError.
    """
    for image in (*_chosen(settings, model), *own):
        if path := file_of(image):
            catalogue.ask_picture(path)


def problem(settings: properties.MaquetteSettings, model: Model, own: Iterable[bpy.types.Image] = ()) -> str:
    """What is wrong with the first that cannot be read, with its name; "" if all can."""
    wrong = ((image.name, problem_of(image)) for image in (*_chosen(settings, model), *own))
    return next((f"{name} {text}" for name, text in wrong if text), "")


def problem_of(image: bpy.types.Image) -> str:
    """What is wrong with the image's file; "" if nothing is known to be."""
    catalogue = state.catalogue
    path = file_of(image)
    return catalogue.picture_problem(path) if catalogue and path else ""


def file_of(image: bpy.types.Image) -> str:
    """The path of the file that would be sent as it is; "" where Blender has the pixels."""
    if image.source != "FILE" or image.is_dirty or image.packed_file or not image.filepath:
        return ""
    return bpy.path.abspath(image.filepath, library=image.library)


def _chosen(settings: properties.MaquetteSettings, model: Model) -> Iterator[bpy.types.Image]:
    group: Any = properties.inputs_of(settings, model.id)
    for field in properties.relevant_fields(settings, model) if group else ():
        if field.role not in ("picture", "pictures"):
            continue
        held = getattr(group, field.attribute)
        yield from (
            image for image in ([held] if field.role == "picture" else [i.image for i in held]) if image
        )
