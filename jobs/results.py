# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of a mesh that a model has changed: read from the model's own record, by one rule for all.

A model that makes textures or UVs changes how a mesh looks, one that remeshes changes its faces; what else is
done to a mesh (a rig, parts, another style) makes something new of it.
"""

import re
from typing import Literal, TypeAlias

from ..client import Model

OwnResult: TypeAlias = Literal["MATERIAL", "MESH", "OBJECT"]
# The first that is found in the model's id or name, in this order, else among the names of its inputs.
_WORDS: tuple[tuple[str, OwnResult], ...] = (
    (r"rig|animat|motion|segment|part(s|ition)?\b|split|align|styl", "OBJECT"),
    (r"remesh|retopo|topolog|decimat|simplif|quadri|refine|upscal|ultrashape", "MESH"),
    (r"textur|\buv\b|unwrap|paint|material|pbr", "MATERIAL"),
)
_INPUTS: tuple[tuple[str, OwnResult], ...] = (
    (r"face_?limit|poly_?count|face_?count|target_?face|topology|octree", "MESH"),
    (r"textur|pbr", "MATERIAL"),
)


def requires_mesh(model: Model) -> bool:
    """Whether it cannot do without a mesh."""
    return any(spec.is_file and spec.kind == "3d" and spec.required.is_always for spec in model.inputs)


def usual_result(model: Model) -> OwnResult:
    """What a model that requires a mesh makes of it, as far as its record tells."""
    said = re.sub(r"[-_]", " ", f"{model.id} {model.name}".lower())
    inputs = " ".join(spec.name.lower() for spec in model.inputs)
    for text, words in ((said, _WORDS), (inputs, _INPUTS)):
        for pattern, result in words:
            if re.search(pattern, text):
                return result
    return "OBJECT"
