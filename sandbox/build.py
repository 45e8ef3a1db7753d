# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds one job's result inside a background Blender, which `builder` starts.

The request is what `catalogue.work` returns plus `folder`, which gets `result.json` and the files.
"""

import json
import traceback
from pathlib import Path

import bpy

from .geometry import lettering, meshes, picture, points, rework


def build(request: dict) -> dict:
    """Make the file that the request asks for and return its record. ValueError if the input is no good."""
    for thing in list(bpy.data.objects):
        bpy.data.objects.remove(thing)
    if request["task"] == "text":
        lettering.build(request["prompt"], request["faces"])
    elif request["task"] == "image":
        made = picture.build(request["images"], request["faces"], request["textured"])
        if request["parts"]:
            rework.split(made, request["parts"])
    else:
        rework.build(request["task"], request)
    bpy.context.view_layer.update()
    kind, mime = request["format"]
    path = Path(request["folder"], f"model.{kind}")
    facts = meshes.facts() if kind == "glb" else {}
    if kind == "glb":
        meshes.export(path)
    elif kind == "spz":
        points.splat(rework.joined(), path)
    else:
        points.voxels(rework.joined(), path, request["grid"])
    return {"file": path.name, "mimeType": mime, "properties": {"format": kind, **facts}}


def main(path: str) -> None:
    """Answer the request in a file; an input that is no good is an answer as well, not a crash."""
    request = json.loads(Path(path).read_text(encoding="utf-8"))
    try:
        result = build(request)
    except ValueError as error:
        traceback.print_exc()
        result = {"error": str(error)}
    Path(request["folder"], "result.json").write_text(json.dumps(result), encoding="utf-8")
