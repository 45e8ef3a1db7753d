# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture of a result in the list of jobs: of a mesh, of a rig, and in the sidebar's row and details."""

import importlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import numpy as np
import pytest
from background_tasks import run_task
from layouts import Layout, drawing_context
from model_files import converted, obj_box
from sandbox_scene import empty_scene, newest, opened_backend, operators, until

PACKAGE = os.environ["MAQUETTE_PACKAGE"]
jobs = importlib.import_module(f"{PACKAGE}.jobs")
joblist = importlib.import_module(f"{PACKAGE}.panels.joblist")
session_state = importlib.import_module(f"{PACKAGE}.session_state")
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def picture_of(folder: Path) -> np.ndarray:
    """The picture of `result.blend`, as the worker has it made: rows from the bottom, RGB."""
    request: dict[str, Any] = {"result": str(folder / "result.blend"), "name": "n", "provenance": {}}
    request |= {"outputs": [str(folder / "preview.png")], "turntable": None, "picture": None}
    request |= {"size_m": None, "threads": 1}
    answer = run_task("write", request, folder)
    assert answer["ok"], answer
    return pixels(folder / "preview.png")


def pixels(path: Path) -> np.ndarray:
    image = bpy.data.images.load(str(path))
    assert tuple(image.size) == (384, 384)
    values = np.empty(384 * 384 * image.channels, np.float32)
    image.pixels.foreach_get(values)
    bpy.data.images.remove(image)
    assert path.stat().st_size < 1 << 20
    return values.reshape(384, 384, -1)[..., :3]


def is_seen(picture: np.ndarray) -> bool:
    """Whether something that is no backdrop is in the middle of it, and nothing but that at its top."""
    backdrop = np.median(picture[-20:], axis=(0, 1))
    middle = np.abs(picture[100:284, 100:284] - backdrop).max(-1) > 0.08
    return bool(middle.mean() > 0.05) and bool(np.abs(picture[-10:] - backdrop).max() < 0.05)


def test_a_mesh_has_a_picture(tmp_path: Path) -> None:
    assert converted(tmp_path, {"box.obj": obj_box(has_colours=True)})["ok"]
    assert is_seen(picture_of(tmp_path))


def test_a_rig_has_a_picture(tmp_path: Path) -> None:
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.object.armature_add()
    rig = bpy.context.object
    bpy.ops.mesh.primitive_uv_sphere_add()
    skin = bpy.context.object
    skin.parent = rig
    skin.vertex_groups.new(name="Bone").add(range(len(skin.data.vertices)), 1.0, "REPLACE")
    skin.modifiers.new("Rig", "ARMATURE").object = rig
    bpy.ops.export_scene.gltf(filepath=str(tmp_path / "rig.glb"))
    assert converted(tmp_path, {"rig.glb": (tmp_path / "rig.glb").read_bytes()})["ok"]
    assert is_seen(picture_of(tmp_path))


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Any]:
    yield from opened_backend(tmp_path / "state")


def drawn() -> list[str]:
    said: list[str] = []
    joblist.MAQUETTE_PT_jobs.draw(SimpleNamespace(layout=Layout(said)), drawing_context())
    row = SimpleNamespace(job_id=next(iter(session_state.state.jobs.by_id)))
    joblist.MAQUETTE_UL_jobs.draw_item(SimpleNamespace(), None, Layout(said), None, row, 0, None, "")
    return said


def test_a_row_that_is_seen_gets_a_picture_after_its_result_and_only_then(backend: Any) -> None:
    empty_scene()
    inputs = json.dumps({"image": str(EXAMPLES / "horse.png"), "targetFaceNum": 600})
    assert operators.generate(inputs=inputs) == {"FINISHED"}
    until(lambda: newest(backend).state is jobs.State.PLACED)
    folder = backend.store.job_folder(newest(backend).id)
    assert not (folder / "preview.png").exists()  # nobody has looked at the list
    drawn()
    assert [*session_state.state.without_picture] == [newest(backend).id]
    until(lambda: jobs.picture_of(newest(backend)))
    assert newest(backend).state is jobs.State.PLACED
    assert is_seen(pixels(folder / "preview.png"))
    drawn()
    assert not session_state.state.without_picture
