# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the GLB that is uploaded, of objects in a .blend of their own: in a throw-away background Blender.

Run by path (`blender -b --factory-startup --python send.py -- REQUEST.json`), never imported. Modifiers are
applied; what the objects refer to (parents, cutters) counts but is not sent.
"""

import json
import os
import sys
from pathlib import Path

import bpy

WITH_FACES = ("MESH", "CURVE", "SURFACE", "FONT", "META")


def send(request: Path) -> None:
    """Does what the request file says and writes the answer file last."""
    wish = json.loads(request.read_text("utf-8"))
    try:
        _load(wish["source"], set(wish["objects"]))
        # A name that ends in .glb, else the exporter adds that.
        bpy.ops.export_scene.gltf(
            filepath=wish["target"], export_format="GLB", use_selection=True, export_apply=True
        )
        answer = {"ok": True}
    except (OSError, RuntimeError, ValueError) as error:  # Blender's operators raise RuntimeError
        reason = (str(error).strip().splitlines() or ["no reason given"])[-1][:300]
        answer = {"ok": False, "error": f"The mesh could not be prepared: {reason.rstrip('.')}."}
    part = Path(wish["answer"] + ".part")
    part.write_text(json.dumps(answer), "utf-8")
    os.replace(part, wish["answer"])


def _load(source: str, names: set[str]) -> None:
    """The file's objects in an otherwise empty scene, those named (all if none is) selected."""
    scene, layer = bpy.context.scene, bpy.context.view_layer
    assert scene and layer
    bpy.data.batch_remove(list(bpy.data.objects))  # of the startup file
    with bpy.data.libraries.load(source) as (found, wanted):  # pyright: ignore[reportGeneralTypeIssues]
        loaded = list(found.objects)
        wanted.objects = list(loaded)
    for name, each in zip(loaded, wanted.objects, strict=True):
        scene.collection.objects.link(each)
        each.hide_viewport = each.hide_select = False
        each.hide_set(False)
        each.select_set(name in names or not names)
    graph = bpy.context.evaluated_depsgraph_get()
    sent = [each.evaluated_get(graph) for each in layer.objects.selected if each.type in WITH_FACES]
    if not any(each.to_mesh().polygons for each in sent):
        raise ValueError("it has no faces")


if __name__ == "__main__":
    send(Path(sys.argv[sys.argv.index("--") + 1]))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # the file is on disk, and the 4.2 module may crash at a usual exit
