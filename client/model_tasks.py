# SPDX-License-Identifier: GPL-3.0-or-later
"""What an artist would use a model for, from the little that the service tells of it.

There is no field for it: capabilities say what goes in, names say the rest.
"""

import re
from enum import StrEnum

from .models import Model


class Task(StrEnum):
    """In the order in which people look for them."""

    FROM_IMAGE = "From Image"
    FROM_VIEWS = "From Views"
    FROM_TEXT = "From Text"
    TEXTURE = "Texture"
    TOPOLOGY = "Topology"
    PARTS = "Parts"
    RIG = "Rig"
    MOTION = "Motion"
    WORLDS = "Worlds and Splats"


_SPLATS = re.compile(r"splat|gaussian|skybox|panorama|\bworld\b", re.IGNORECASE)
_MOTION = re.compile(r"motion|animat", re.IGNORECASE)
_RIG = re.compile(r"\brig", re.IGNORECASE)
_PARTS = re.compile(r"\bpart|segment", re.IGNORECASE)
_UV = re.compile(r"\buvs?\b|unwrap", re.IGNORECASE)
_TEXTURE = re.compile(r"textur|material|\bpbr\b", re.IGNORECASE)
_VIEW = re.compile(r"^(left|right|back|top|bottom|rear|side)", re.IGNORECASE)
_MANY_VIEWS = re.compile(r"multi.?view|multi.?image", re.IGNORECASE)


def tasks_of(model: Model) -> tuple[Task, ...]:
    """All tasks that the model is for: at least one."""
    if makes_splats(model):
        return (Task.WORLDS,)
    text = _searched(model)
    if _MOTION.search(text) or model.capabilities == ("video23d",):
        return (Task.MOTION,)
    if _RIG.search(text):
        return (Task.RIG,)
    found: set[Task] = set()
    if _PARTS.search(text):
        found.add(Task.PARTS)
    if "3d23d" in model.capabilities:
        if _UV.search(text):
            found |= {Task.TEXTURE, Task.TOPOLOGY}
        if _TEXTURE.search(text):
            found.add(Task.TEXTURE)
    if "img23d" in model.capabilities:
        found |= _of_images(model, text)
    if "txt23d" in model.capabilities:
        found.add(Task.FROM_TEXT)
    return tuple(task for task in Task if task in (found or {Task.TOPOLOGY}))


def makes_splats(model: Model) -> bool:
    """Whether the result is a Gaussian splat, or a world that is told in them, and no mesh."""
    return _SPLATS.search(_searched(model)) is not None


def _searched(model: Model) -> str:
    """The text that words are looked for in: its name, id and tags."""
    return f"{model.name} {model.id.replace('-', ' ').replace('_', ' ')} {' '.join(model.tags)}"


def _of_images(model: Model, text: str) -> set[Task]:
    """One image, several views, or either. Without its inputs a model's name has to do."""
    images = [spec for spec in model.inputs if spec.is_file and spec.kind == "image"]
    if _MANY_VIEWS.search(text) or any(_VIEW.match(spec.name) for spec in images):
        return {Task.FROM_VIEWS}
    takes_several = any(spec.type == "file_array" and spec.max_length != 1 for spec in images)
    return {Task.FROM_IMAGE, Task.FROM_VIEWS} if takes_several else {Task.FROM_IMAGE}
