# SPDX-License-Identifier: GPL-3.0-or-later
"""Places results side by side in one scene, saves and renders it. Run inside Blender by tools/demo.py."""

import importlib
import json
import sys
from pathlib import Path

import bpy

request = json.loads(Path(sys.argv[sys.argv.index("--") + 1]).read_text(encoding="utf-8"))
scene = importlib.import_module(request["package"] + ".scene")

bpy.data.batch_remove(list(bpy.data.objects))  # the cube, the camera and the lamp of the start-up file
SIZE_M = {"text": 1.6}  # the longest side; 1 m for the others
roots = [
    scene.append_result(
        Path(blend),
        name=name,
        scene=bpy.context.scene,
        placement=scene.Placement(size_m=SIZE_M.get(name, 1.0)),
        provenance={"source": name},
    )
    for name, blend in request["results"].items()
]
for root, location in zip(roots, scene.row_locations(roots, 0.2), strict=True):
    root.location = location
bpy.context.view_layer.update()
scene.save_blend(Path(request["blend"]))
scene.render_preview(roots, Path(request["picture"]), resolution=(1600, 520), samples=24)
