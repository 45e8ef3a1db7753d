# SPDX-License-Identifier: GPL-3.0-or-later
"""A real background Blender that is started ahead of its task, and what one leaves behind."""

import importlib
import os
from pathlib import Path

import pytest
from background_tasks import run_in_new_blender
from glb_files import glb
from model_files import triangle

_pool = importlib.import_module(os.environ["MAQUETTE_PACKAGE"] + ".jobs.blender_pool")


@pytest.fixture(autouse=True)
def time_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Blender that ends is killed after some seconds, which a busy machine may take."""
    monkeypatch.setattr(_pool, "_END_S", 120.0)


def test_a_blender_that_was_started_ahead_converts(tmp_path: Path) -> None:
    model = tmp_path / "model.glb"
    model.write_bytes(glb(*triangle()))
    request = {"sources": [{"path": str(model), "role": "mesh", "name": "model.glb"}], "name": "model"}
    request["target"] = str(tmp_path / "result.blend")
    blenders = _pool.BlenderPool(os.environ["MAQUETTE_BLENDER"])
    try:
        blenders.expect(1, "convert")
        answer = blenders.run("convert", request, tmp_path, "reading the result")
        child = blenders.acquire(tmp_path / "none.log", is_fresh=False)
        blenders.release(child)
        assert child.tasks == 1
    finally:
        blenders.end()
    assert answer["objects"] == 1
    assert child.process.returncode == 0


def test_a_background_blender_leaves_no_folder_among_the_systems_temporary_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    assert run_in_new_blender("thumbnails", {"pictures": []}, tmp_path)["ok"]
    assert list(temporary.iterdir()) == []
