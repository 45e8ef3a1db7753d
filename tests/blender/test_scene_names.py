# SPDX-License-Identifier: GPL-3.0-or-later
"""Names in another encoding than UTF-8 cost a name, and not the model."""

import importlib
import os
from pathlib import Path

import bpy
import pytest
from background_tasks import run_task

PACKAGE = os.environ.get("MAQUETTE_PACKAGE", "bl_ext.user_default.maquette")
append = importlib.import_module(f"{PACKAGE}.scene.append")
SHAPE = b"v 0 0 0\nv 1 0 0\nv 0 1 0\nusemtl %s\nf 1 2 3\n"


@pytest.mark.parametrize("name", [b"caf\xe9", b"\xf5\x80\x80\x80 chair", b"\xd2\xce\xd7\xd3", b"\xff\xfe"])
def test_a_name_in_another_encoding_costs_no_model(tmp_path: Path, name: bytes) -> None:
    (tmp_path / "m.obj").write_bytes(b"mtllib m.mtl\no %s\n" % name + SHAPE % name)
    (tmp_path / "m.mtl").write_bytes(b"newmtl %s\nKd 1 0 0\n" % name)
    sources = [
        {"path": str(tmp_path / each), "name": each, "role": role}
        for each, role in (("m.obj", "mesh"), ("m.mtl", "companion"))
    ]
    request = {"sources": sources, "target": str(tmp_path / "result.blend"), "name": "x"}
    answer = run_task("convert", request, tmp_path)
    assert answer["ok"], answer
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    _, objects = append.Loading(tmp_path / "result.blend").finish()
    meshes = [each for each in objects if each.type == "MESH"]
    assert [len(each.data.polygons) for each in meshes] == [1]
    assert all(each.name and each.data.name and each.data.materials[0].name for each in meshes)
