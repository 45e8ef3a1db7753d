# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the GLB that is uploaded, of objects in a .blend of their own: a task of background_main.py.

Modifiers are applied; what the objects refer to (parents, cutters) counts but is not sent.
"""

from typing import Any

import bpy

WITH_FACES = ("MESH", "CURVE", "SURFACE", "FONT", "META")


def send(request: dict[str, Any]) -> dict[str, object]:
    """Makes the file `target` of those `objects` in the .blend `source`; of all if none is named."""
    try:
        _load(request["source"], set(request["objects"]))
        # A name that ends in .glb, else the exporter adds that.
        bpy.ops.export_scene.gltf(
            filepath=request["target"], export_format="GLB", use_selection=True, export_apply=True
        )
    except (OSError, RuntimeError, ValueError) as error:  # Blender's operators raise RuntimeError
        reason = (str(error).strip().splitlines() or ["no reason given"])[-1][:300]
        return {"ok": False, "error": f"The mesh could not be prepared: {reason.rstrip('.')}."}
    return {"ok": True}


def _load(source: str, names: set[str]) -> None:
    """The file's objects in an otherwise empty scene, those named (all if none is) selected."""
    scene, layer = bpy.context.scene, bpy.context.view_layer
    assert scene and layer
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
