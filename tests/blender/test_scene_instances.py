# SPDX-License-Identifier: GPL-3.0-or-later
"""What a USD's point instancer shows comes as objects; the prototypes that it shows are not there twice."""

from pathlib import Path

import bpy
import pytest
from background_tasks import run_task

pytestmark = pytest.mark.skipif(not bpy.app.build_options.usd, reason="this Blender was built without USD")
SCENE = """#usda 1.0
(
    defaultPrim = "World"
    upAxis = "Z"
    metersPerUnit = 1
)
def Xform "World"
{{
    def PointInstancer "Many"
    {{
        int[] protoIndices = [{indices}]
        point3f[] positions = [{positions}]
        rel prototypes = [</World/Many/Box>]
        def Mesh "Box"
        {{
            int[] faceVertexCounts = [4]
            int[] faceVertexIndices = [0, 1, 2, 3]
            point3f[] points = [(0, 0, 0), (1, 0, 0), (1, 0, 1), (0, 0, 1)]
        }}
    }}
}}
"""


def converted(folder: Path, count: int) -> dict:
    """The answer for a row of so many uses of a square, 2 m apart."""
    positions = ", ".join(f"({2 * number}, 5, 0)" for number in range(count))
    model = folder / "model.usda"
    model.write_text(SCENE.format(indices=", ".join("0" * count), positions=positions), "utf-8")
    sources = [{"path": str(model), "name": model.name, "role": "mesh"}]
    return run_task(
        "convert", {"sources": sources, "target": str(folder / "result.blend"), "name": "x"}, folder
    )


def test_what_a_point_instancer_shows_comes_as_objects(tmp_path: Path) -> None:
    answer = converted(tmp_path, 3)
    assert answer["ok"], answer
    assert answer["faces"] == 3
    assert answer["min"] == pytest.approx([0, 5, 0], abs=1e-5)
    assert answer["max"] == pytest.approx([5, 5, 1], abs=1e-5)


def test_more_than_are_quick_to_append_become_one(tmp_path: Path) -> None:
    answer = converted(tmp_path, 600)
    assert answer["faces"] == 600
    assert answer["objects"] == 1
    assert answer["max"] == pytest.approx([1199, 5, 1], abs=1e-4)
