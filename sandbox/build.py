# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds one job's result inside a background Blender, which `builder` starts.

The request is what `catalogue.work` returns plus `folder`, which gets `result.json` and the files.
"""

import json
import traceback
from pathlib import Path

import bpy

from .geometry import lettering, meshes, picture, rework


def build(request: dict) -> dict:
    """Make the file that the request asks for and return its record. ValueError if the input is no good."""
    for thing in list(bpy.data.objects):
        bpy.data.objects.remove(thing)
    if request["task"] == "text":
        lettering.build(request["prompt"], request["faces"])
    elif request["task"] == "image":
        picture.build(request["images"], request["faces"], request["textured"])
    else:
        rework.build(request["task"], request)
    bpy.context.view_layer.update()
    suffix, mime = ("spz", "model/spz") if request["is_splat"] else ("glb", "model/gltf-binary")
    path = Path(request["folder"], f"model.{suffix}")
    faces = sum(meshes.triangles(thing) for thing in meshes.scene_meshes())
    (meshes.splat if request["is_splat"] else meshes.export)(path)
    return {"file": path.name, "mimeType": mime, "properties": {"format": suffix, "faceCount": faces}}


def main(path: str) -> None:
    """Answer the request in a file; an input that is no good is an answer as well, not a crash."""
    request = json.loads(Path(path).read_text(encoding="utf-8"))
    try:
        result = build(request)
    except ValueError as error:
        traceback.print_exc()
        result = {"error": str(error)}
    Path(request["folder"], "result.json").write_text(json.dumps(result), encoding="utf-8")
