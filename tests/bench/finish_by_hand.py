# SPDX-License-Identifier: GPL-3.0-or-later
"""What bench_finish compares finishing with: Blender's own operators, as a script of one's own has them.

    blender --background --factory-startup --python finish_by_hand.py -- MODEL FACES PIXELS

Imports the GLB, welds, has normals look outwards, decimates, makes UVs, and bakes base colour, roughness and
normals by Cycles, one sample each, and packs the pictures. Prints the seconds of each step after the import.
"""

import os
import sys
import time
from typing import Any

import bpy

EXTRUSION = 0.02  # of the cage


def edit(item: Any, *operators: Any) -> None:
    bpy.context.view_layer.objects.active = item
    item.select_set(True)
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="SELECT")
    for operator in operators:
        operator()
    bpy.ops.object.mode_set(mode="OBJECT")


def clean(item: Any) -> None:
    edit(item, bpy.ops.mesh.remove_doubles, bpy.ops.mesh.normals_make_consistent)


def decimate(item: Any, faces: int) -> None:
    modifier = item.modifiers.new("fewer", "DECIMATE")
    modifier.ratio = faces / len(item.data.polygons)
    bpy.context.view_layer.objects.active = item
    bpy.ops.object.modifier_apply(modifier=modifier.name)


def bake(source: Any, item: Any, pixels: int) -> None:
    scene: Any = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples = 1
    settings = scene.render.bake
    settings.use_selected_to_active = True
    settings.cage_extrusion = EXTRUSION
    settings.use_pass_direct = settings.use_pass_indirect = False
    material: Any = bpy.data.materials.new("baked")
    material.use_nodes = True
    item.data.materials.clear()
    item.data.materials.append(material)
    for each in (item, source):
        each.select_set(True)
    bpy.context.view_layer.objects.active = item
    for kind in ("DIFFUSE", "ROUGHNESS", "NORMAL"):
        node: Any = material.node_tree.nodes.new("ShaderNodeTexImage")
        node.image = bpy.data.images.new(kind, pixels, pixels)
        material.node_tree.nodes.active = node
        bpy.ops.object.bake(type=kind)
        node.image.pack()


def main() -> None:
    model, faces, pixels = sys.argv[sys.argv.index("--") + 1 :]
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.import_scene.gltf(filepath=model)
    source: Any = next(each for each in bpy.context.scene.objects if each.type == "MESH")
    begun = time.perf_counter()
    times: dict[str, float] = {}

    def timed(name: str) -> None:
        nonlocal begun
        times[name] = round(time.perf_counter() - begun, 2)
        begun = time.perf_counter()

    clean(source)
    timed("clean")
    item = source.copy()
    item.data = source.data.copy()
    bpy.context.scene.collection.objects.link(item)
    source.select_set(False)
    decimate(item, int(faces))
    timed("decimate")
    edit(item, lambda: bpy.ops.uv.smart_project(angle_limit=1.15, island_margin=0.002))
    timed("unwrap")
    bake(source, item, int(pixels))
    timed("bake")
    print("SECONDS", sum(times.values()), times, flush=True)
    os._exit(0)


main()
