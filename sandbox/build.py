# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds one job's result inside a background Blender: `blender -b --python build.py -- request.json`.

The request is what `catalogue.work` returns plus `folder`, which gets `result.json` and the files.
"""

import importlib
import json
import sys
import traceback
from pathlib import Path
from types import ModuleType


def _package() -> str:
    """Return this file's package; run by its path, Blender knows none, so one is made of the folder."""
    if __package__:
        return __package__
    here = Path(__file__).resolve().parent
    package = ModuleType("maquette_sandbox")
    package.__path__ = [str(here)]
    sys.modules[package.__name__] = package
    return package.__name__


def build(request: dict) -> dict:
    """Make the files that the request asks for and return their list. ValueError if the input is no good."""
    import bpy

    name = _package() + ".geometry."
    meshes, points, lettering, picture, rework = (
        importlib.import_module(name + module)
        for module in ("meshes", "points", "lettering", "picture", "rework")
    )
    folder = Path(request["folder"])
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
    points.thumbnail(folder / "thumbnail.png")
    if request["splat"]:
        entry = points.splat(folder)
    elif request.get("grid"):
        entry = points.voxels(folder, request["grid"])
    else:
        entry = {"file": f"model.{request['format']}", "format": request["format"], **meshes.facts()}
        entry["mimeType"] = "model/x-fbx" if request["format"] == "fbx" else "model/gltf-binary"
        meshes.export(folder / entry["file"])
    return {"files": [entry], "thumbnail": "thumbnail.png"}


def main(path: str) -> None:
    """Answer the request in a file; an input that is no good is an answer as well, not a crash."""
    request = json.loads(Path(path).read_text(encoding="utf-8"))
    try:
        result = build(request)
    except ValueError as error:
        traceback.print_exc()
        result = {"error": str(error), "hint": "Try another file. The price was refunded."}
    Path(request["folder"], "result.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[sys.argv.index("--") + 1])
