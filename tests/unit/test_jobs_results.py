# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of a mesh that a model has changed, by the model's record alone."""

from typing import Any

import pytest
from backend_scene import MODELS
from maquette.client import Model
from maquette.jobs import requires_mesh, usual_result

USUAL = {
    "MATERIAL": {
        "model_tencent-texture-edit",
        "model_tencent-uv-unwrapping",
        "model_meshy-retexture",
        "model_meshy-uv-unwrap",
        "model_tripo-v3-0-texturing",
        "model_trellis-2-retexture",
        "model_yvo3d-retexture",
    },
    "MESH": {"model_meshy-remesh", "model_tripo-retopology", "model_ultrashape-1-0"},
    "OBJECT": {
        "model_hunyuan-3d-part",
        "model_meshy-animation",
        "model_meshy-rigging",
        "model_tripo-rigging-v1",
        "model_tripo-rigging-v2-5",
        "model_tripo-segmentation-v1",
        "model_tripo-segmentation-v2",
        "model_tripo-stylization",
        "model_meta-sam-3d-align",
        "model_uthana-character-rigging",
        "model_cartwheel-character-rigging",
    },
}
MESH: dict[str, Any] = {"name": "mesh", "type": "file", "kind": "3d", "required": {"always": True}}


def test_each_model_of_the_service_that_requires_a_mesh_has_its_usual_result() -> None:
    found: dict[str, set[str]] = {name: set() for name in USUAL}
    for model in MODELS.values():
        if requires_mesh(model):
            found[usual_result(model)].add(model.id)
    assert found == USUAL


@pytest.mark.parametrize(
    ("name", "inputs", "expected"),
    [
        ("New Painter 4", [], "MATERIAL"),
        ("Quadify", ["targetFaceCount"], "MESH"),
        ("Shiny", ["textureSize"], "MATERIAL"),
        ("Party Hat Maker", [], "OBJECT"),
        ("Texture and Rig", [], "OBJECT"),
        ("Something Never Seen", ["strength"], "OBJECT"),
    ],
)
def test_a_model_never_seen_is_told_by_its_words(name: str, inputs: list[str], expected: str) -> None:
    table = [MESH, *({"name": each, "type": "number"} for each in inputs)]
    model = Model.from_json({"id": "model_x", "name": name, "capabilities": ["3d23d"], "inputs": table})
    assert requires_mesh(model)
    assert usual_result(model) == expected


def test_a_model_that_may_take_a_mesh_does_not_require_one() -> None:
    assert not requires_mesh(MODELS["model_uthana-text-to-motion-bucmd"])
    assert not requires_mesh(MODELS["model_hunyuan-3d-v2-1"])
