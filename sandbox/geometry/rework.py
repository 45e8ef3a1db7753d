# SPDX-License-Identifier: GPL-3.0-or-later
"""From mesh to mesh: what models that take a mesh do, with Blender's own importers, modifiers, operators."""

from pathlib import Path

import bpy
from mathutils import Matrix

from . import checker, meshes, picture

REMADE_VOXELS = 90  # along the longest side of a mesh that is made anew


def load(paths: list[str]) -> None:
    """Import mesh files into the scene. ValueError if Blender can't read one, or finds no mesh in it."""
    scenes, wm = bpy.ops.import_scene, bpy.ops.wm
    readers = {".glb": scenes.gltf, ".gltf": scenes.gltf, ".fbx": scenes.fbx}
    readers |= {".obj": wm.obj_import, ".stl": wm.stl_import, ".ply": wm.ply_import}
    for path in paths:
        if (suffix := Path(path).suffix) not in readers:
            raise ValueError(f"The sandbox can't read {suffix} files")
        try:
            readers[suffix](filepath=path)
        except RuntimeError as error:
            raise ValueError(f"Blender can't read this mesh: {str(error).strip()[-200:]}") from None
    if not any(len(thing.data.polygons) for thing in meshes.scene_meshes()):
        raise ValueError("There is no mesh with faces in this file")


def joined() -> bpy.types.Object:
    """Return the scene's meshes as one object, welded, its place applied, and nothing else in the scene."""
    things = [thing for thing in meshes.scene_meshes() if len(thing.data.polygons)]
    for thing in things:
        thing.data = thing.data.copy()  # it may be shared
        thing.data.transform(thing.matrix_world)
        thing.parent = None
        thing.matrix_world.identity()
        thing.modifiers.clear()
    for thing in set(bpy.context.scene.objects) - set(things):
        bpy.data.objects.remove(thing)
    _select(*things)
    bpy.ops.object.join()
    # Files hold a point twice where its normal or its place in the picture differs.
    meshes.modified(things[0], "WELD", merge_threshold=1e-6 * max(things[0].dimensions))
    return things[0]


def _select(*things: bpy.types.Object) -> None:
    for thing in bpy.context.scene.objects:
        thing.select_set(thing in things)
    bpy.context.view_layer.objects.active = things[0]


def unwrap(thing: bpy.types.Object) -> None:
    """Lay the faces out in a map of their own, in islands that do not overlap."""
    _select(thing)
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="SELECT")
    bpy.ops.uv.smart_project(angle_limit=1.15, island_margin=0.01)  # makes a map if there is none
    bpy.ops.object.mode_set(mode="OBJECT")


def retexture(thing: bpy.types.Object, images: dict[str, str], prompt: str, *, keeps_map: bool) -> None:
    """Paint the mesh anew: with a picture of it seen from the front, with a style's picture, or a checker."""
    if "front" in images:
        meshes.modified(thing, "TRIANGULATE")
        picture.paint(thing, {"front": picture.cut(images["front"])})
        return
    has_map = keeps_map and bool(thing.data.uv_layers)
    if style := images.get("style"):
        if not has_map:
            unwrap(thing)
        meshes.dress(thing, meshes.load_picture(style)[..., :3])
    elif has_map:
        checker.in_map(thing, prompt)
    else:
        checker.in_space(thing, prompt)


def remake(thing: bpy.types.Object) -> None:
    """Make its faces anew, as models that think in voxels do, and itself 1 in size, in the middle of all."""
    points, _ = meshes.arrays(thing)
    longest = float((points.max(0) - points.min(0)).max())
    meshes.modified(thing, "REMESH", mode="VOXEL", voxel_size=longest / REMADE_VOXELS)
    points, _ = meshes.arrays(thing)
    low, high = points.min(0), points.max(0)
    middle = Matrix.Translation(-(low + high) / 2)
    thing.data.transform(Matrix.Scale(1 / float((high - low).max()), 4) @ middle)


def build(task: str, request: dict) -> None:
    """Load the meshes and change them as the task says; the task `pass` leaves them as they are."""
    load(request["meshes"])
    if task == "decimate":
        meshes.decimate(joined(), request["faces"])
    elif task == "retexture":
        retexture(joined(), request["images"], request["prompt"], keeps_map=request["keeps_map"])
    elif task == "remake":
        remake(thing := joined())
        retexture(thing, request["images"], request["prompt"], keeps_map=False)
    elif task == "unwrap":
        unwrap(joined())
    elif task == "blocks":
        meshes.modified(joined(), "REMESH", mode="BLOCKS", octree_depth=5, use_remove_disconnected=False)
