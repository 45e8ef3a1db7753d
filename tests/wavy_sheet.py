# SPDX-License-Identifier: GPL-3.0-or-later
"""A large result, for tests inside Blender: a textured sheet that the real child has converted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from background_tasks import run_task

TEXTURE_PX = 1536  # of noise: no compression makes it small


def wavy(count: int) -> Any:
    """A textured sheet of count x count quads, half of them flat shaded, a crease across it."""
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=count, y_subdivisions=count, size=2)
    sheet: Any = bpy.context.object
    points = np.empty(len(sheet.data.vertices) * 3, np.float32)
    sheet.data.vertices.foreach_get("co", points)
    points[2::3] = np.sin(points[0::3] * 7) * np.cos(points[1::3] * 5) / 4
    sheet.data.vertices.foreach_set("co", points)
    smooth = np.arange(len(sheet.data.polygons)) % 2 == 0
    sheet.data.polygons.foreach_set("use_smooth", smooth)
    image: Any = bpy.data.images.new("Skin", TEXTURE_PX, TEXTURE_PX)
    image.pixels.foreach_set(np.random.default_rng(1).random(TEXTURE_PX**2 * 4, np.float32))
    material: Any = bpy.data.materials.new("Skin")
    if bpy.app.version < (5, 0):
        material.use_nodes = True
    tree = material.node_tree
    texture = tree.nodes.new("ShaderNodeTexImage")
    texture.image = image
    tree.links.new(texture.outputs["Color"], tree.nodes["Principled BSDF"].inputs["Base Color"])
    sheet.data.materials.append(material)
    return sheet


def convert(folder: Path, make: Callable[[], object]) -> Path:
    """Exports what `make` leaves in the scene as a GLB, and has the real child convert it."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    make()
    bpy.ops.export_scene.gltf(filepath=str(folder / "model.glb"), export_format="GLB")
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    source = {"path": str(folder / "model.glb"), "role": "mesh", "name": "model.glb"}
    request = {"sources": [source], "name": "model", "target": str(folder / "result.blend")}
    assert run_task("convert", request, folder)["ok"]
    return folder / "result.blend"
