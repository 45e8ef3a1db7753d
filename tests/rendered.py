# SPDX-License-Identifier: GPL-3.0-or-later
"""The smallest render there is, for tests inside Blender."""

from typing import Any

import bpy


def rendered() -> bpy.types.Image:
    """Render an orange world behind what the scene has: 8 x 8 pixels of Cycles, one sample."""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples = 1
    scene.cycles.use_denoising = False
    scene.render.resolution_x = scene.render.resolution_y = 8
    scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(scene.camera)
    world: Any = bpy.data.worlds.new("World")  # the stubs know its nodes by their base class
    scene.world = world
    if bpy.app.version < (5, 0):
        world.use_nodes = True  # always so from 5.0 on
    background = next(node for node in world.node_tree.nodes if node.type == "BACKGROUND")
    background.inputs["Color"].default_value = (0.5, 0.2, 0.05, 1.0)
    bpy.ops.render.render()
    return next(each for each in bpy.data.images if each.type == "RENDER_RESULT")
