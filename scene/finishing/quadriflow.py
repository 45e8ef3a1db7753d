# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's QuadriFlow in a Blender of its own, which can be ended: run by path, never imported.

The arguments are the seconds after which it ends itself, where the system can, and a folder. That has
`points` and `triangles` as arrays and `faces`, how many are wanted; `quads` is written, which appears whole.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import bpy
import numpy as np


def main() -> None:
    if hasattr(signal, "alarm"):  # should whoever started it be gone by then
        signal.alarm(int(sys.argv[-2]))
    folder = Path(sys.argv[-1])
    points, triangles = (np.load(folder / f"{name}.npy") for name in ("points", "triangles"))
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    mesh: Any = bpy.data.meshes.new("source")
    mesh.from_pydata(points.tolist(), [], triangles.tolist())
    item = bpy.data.objects.new("source", mesh)
    scene, layer = bpy.context.scene, bpy.context.view_layer
    assert scene and layer
    scene.collection.objects.link(item)
    layer.objects.active = item
    item.select_set(True)
    done = bpy.ops.object.quadriflow_remesh(
        mode="FACES", target_faces=int((folder / "faces").read_text()), use_mesh_symmetry=False, seed=0
    )
    made: Any = item.data
    if done == {"FINISHED"} and len(made.polygons):
        found = np.empty(len(made.vertices) * 3, np.float32)
        made.vertices.foreach_get("co", found)
        faces = np.full((len(made.polygons), 4), -1, np.int32)
        for number, face in enumerate(made.polygons):
            faces[number, : len(face.vertices)] = face.vertices[:4]
        np.savez(folder / "part.npz", points=found.reshape(-1, 3), faces=faces)
        os.replace(folder / "part.npz", folder / "quads.npz")
    sys.stdout.flush()
    os._exit(0)


main()
