# SPDX-License-Identifier: GPL-3.0-or-later
"""What is uploaded of the artist's objects: those that were chosen, as they are seen, as one GLB."""

import json
from pathlib import Path
from typing import Any

import bpy
import pytest
from background_tasks import run_task


def cube(name: str, location: tuple[float, float, float] = (0, 0, 0)) -> bpy.types.Object:
    bpy.ops.mesh.primitive_cube_add(location=location)
    made = bpy.context.object
    assert made
    made.name = name
    return made


def send(folder: Path, objects: set[bpy.types.Object]) -> dict[str, Any]:
    """The child's answer; `glb` is the JSON of the file that it made."""
    source, target = folder / "in.blend", folder / "part-out.glb"
    bpy.data.libraries.write(str(source), objects, path_remap="ABSOLUTE")
    names = [each.name for each in objects]
    told = run_task("send", {"source": str(source), "target": str(target), "objects": names}, folder)
    if target.exists():
        data = target.read_bytes()
        told["glb"] = json.loads(data[20 : 20 + int.from_bytes(data[12:16], "little")])
    return told


@pytest.fixture(autouse=True)
def _empty() -> None:
    bpy.data.batch_remove(list(bpy.data.objects))


def test_the_chosen_objects_are_sent_with_modifiers_applied_and_where_they_stand(tmp_path: Path) -> None:
    body, cutter, parent = cube("Body"), cube("Cutter", (1, 1, 6)), cube("Parent", (0, 0, 5))
    body.parent = parent
    body.modifiers.new("cut", "BOOLEAN").object = cutter
    body.hide_viewport = True
    told = send(tmp_path, {body})
    assert told["ok"], told
    (node,) = told["glb"]["nodes"]
    assert (node["name"], node["translation"]) == ("Body", [0, 5, 0])
    assert told["glb"]["accessors"][0]["count"] > 24  # more corners than a cube has


def test_what_has_no_faces_is_refused_in_words(tmp_path: Path) -> None:
    empty = bpy.data.objects.new("Empty", None)
    bpy.context.collection.objects.link(empty)
    assert send(tmp_path, {empty}) == {
        "ok": False,
        "error": "The mesh could not be prepared: it has no faces.",
    }
