# SPDX-License-Identifier: GPL-3.0-or-later
"""From mesh to mesh: what models that take a mesh do, with Blender's own importers, modifiers, operators."""

from pathlib import Path

import bmesh
import bpy
import numpy as np

from . import lettering, meshes, picture

SPLITS = 4  # parts made of a mesh that is all in one piece
BLOCKS = 5  # octree depth of a blocky mesh: 32 cells


def load(paths: list[str]) -> None:
    """Import mesh files into the scene. ValueError if Blender can't read one, or finds no mesh in it."""
    for path in paths:
        suffix = Path(path).suffix
        readers = {
            ".glb": bpy.ops.import_scene.gltf,
            ".gltf": bpy.ops.import_scene.gltf,
            ".fbx": bpy.ops.import_scene.fbx,
            ".obj": bpy.ops.wm.obj_import,
            ".stl": bpy.ops.wm.stl_import,
            ".ply": bpy.ops.wm.ply_import,
        }
        if suffix not in readers:
            raise ValueError(f"The sandbox can't read {suffix} files")
        try:
            readers[suffix](filepath=path)
        except RuntimeError as error:
            raise ValueError(f"Blender can't read this mesh: {str(error).strip()[-200:]}") from None
    if not any(len(thing.data.polygons) for thing in meshes.scene_meshes()):
        raise ValueError("There is no mesh with faces in this file")


def build(task: str, request: dict) -> None:
    """Load the meshes and change them as the task says; the task `pass` leaves them as they are."""
    load(request["meshes"])
    faces, style = int(request["faces"]), str(request["style"])
    if task == "decimate":
        meshes.decimate(joined(), faces)
    elif task == "retexture":
        retexture(joined(), request["images"], str(request["prompt"]))
    elif task == "unwrap":
        unwrap(joined())
    elif task == "split":
        split(joined(), int(request["parts"]) or SPLITS)
    elif task == "stylize":
        stylize(joined(), style)
    elif task == "refine":
        meshes.modified(joined(), "SUBSURF", levels=1, uv_smooth="NONE", boundary_smooth="ALL")
    elif task == "rig":
        rig(joined())


def joined() -> bpy.types.Object:
    """Return the scene's meshes as one object, welded, its place applied, and nothing else in the scene."""
    things = [thing for thing in meshes.scene_meshes() if len(thing.data.polygons)]
    for thing in things:
        thing.data = thing.data.copy()  # it may be shared
        thing.data.transform(thing.matrix_world)
        thing.parent = None
        thing.matrix_world.identity()
        thing.modifiers.clear()
        thing.vertex_groups.clear()
    for thing in list(bpy.context.scene.objects):
        if thing not in things:
            bpy.data.objects.remove(thing)
    _select(things)
    if len(things) > 1:
        bpy.ops.object.join()
    work = bmesh.new()  # files hold a point twice where its normal or its place in the picture differs
    work.from_mesh(things[0].data)
    bmesh.ops.remove_doubles(work, verts=work.verts, dist=1e-6 * max(things[0].dimensions))
    work.to_mesh(things[0].data)
    work.free()
    return things[0]


def _select(things: list[bpy.types.Object]) -> None:
    for thing in bpy.context.scene.objects:
        thing.select_set(thing in things)
    bpy.context.view_layer.objects.active = things[0]


def unwrap(thing: bpy.types.Object) -> None:
    """Lay the faces out in a map of their own, in islands that do not overlap."""
    layers = thing.data.uv_layers
    if not layers:
        layers.new(name="UVMap")
    _select([thing])
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="SELECT")
    bpy.ops.uv.smart_project(angle_limit=1.15, island_margin=0.01)
    bpy.ops.object.mode_set(mode="OBJECT")


def retexture(thing: bpy.types.Object, images: dict[str, str], prompt: str) -> None:
    """Paint the mesh anew: with a picture of it seen from the front, with a style's picture, or a colour."""
    mesh = thing.data
    mesh.materials.clear()
    while mesh.uv_layers:
        mesh.uv_layers.remove(mesh.uv_layers[0])
    if "front" in images:
        meshes.modified(thing, "TRIANGULATE")
        picture.paint(thing, {"front": picture.cut(images["front"])})
        return
    unwrap(thing)
    surface = (
        meshes.load_picture(images["style"], 1024)[..., :3]
        if "style" in images
        else lettering.texture(prompt)
    )
    thing.data.materials.append(meshes.material(surface, "retextured"))


def split(thing: bpy.types.Object, parts: int) -> None:
    """Make the mesh several objects: its loose parts, or slices along its longest side if it is one piece."""
    _select([thing])
    bpy.ops.mesh.separate(type="LOOSE")
    if len(meshes.scene_meshes()) > 1:
        return
    points, _ = meshes.arrays(thing)
    longest = int(np.argmax(np.ptp(points, axis=0)))
    edges = np.linspace(points[:, longest].min(), points[:, longest].max(), parts + 1)[1:-1]
    centres = np.empty(len(thing.data.polygons) * 3, np.float32)
    thing.data.polygons.foreach_get("center", centres)
    slices = np.searchsorted(edges, centres.reshape(-1, 3)[:, longest])
    for number in range(parts - 1, 0, -1):  # what is left over stays the last
        if not (slices == number).any():
            continue
        for name in ("vertices", "edges"):
            getattr(thing.data, name).foreach_set("select", np.zeros(len(getattr(thing.data, name)), bool))
        thing.data.polygons.foreach_set("select", slices == number)
        _select([thing])
        bpy.ops.object.mode_set(mode="EDIT")
        bpy.ops.mesh.select_mode(type="FACE")
        bpy.ops.mesh.separate(type="SELECTED")
        bpy.ops.object.mode_set(mode="OBJECT")
        slices = slices[slices != number]


def stylize(thing: bpy.types.Object, style: str) -> None:
    """Build the mesh of blocks (lego, voxel) or of struts (voronoi), in the colours that it had."""
    if style == "voronoi":
        meshes.decimate(thing, 1500)
        meshes.modified(thing, "WIREFRAME", thickness=0.012 * max(thing.dimensions), use_even_offset=False)
        return
    source = thing.copy()
    source.data = thing.data.copy()
    bpy.context.scene.collection.objects.link(source)
    meshes.modified(thing, "REMESH", mode="BLOCKS", octree_depth=BLOCKS, use_remove_disconnected=False)
    if source.data.uv_layers:
        while thing.data.uv_layers:
            thing.data.uv_layers.remove(thing.data.uv_layers[0])
        thing.data.uv_layers.new(name=source.data.uv_layers[0].name)
        settings = {"object": source, "use_loop_data": True, "data_types_loops": {"UV"}}
        meshes.modified(thing, "DATA_TRANSFER", **settings, loop_mapping="NEAREST_POLYNOR")
    thing.data.materials.clear()
    for made in source.data.materials:
        thing.data.materials.append(made)
    thing.data.polygons.foreach_set("use_smooth", np.zeros(len(thing.data.polygons), bool))
    bpy.data.objects.remove(source)


def rig(thing: bpy.types.Object) -> None:
    """Give the mesh a spine of three bones, each of which moves the third of its height round it."""
    points, _ = meshes.arrays(thing)
    low, high = points[:, 2].min(), points[:, 2].max()
    frame = bpy.data.objects.new("rig", bpy.data.armatures.new("rig"))
    bpy.context.scene.collection.objects.link(frame)
    _select([frame])
    bpy.ops.object.mode_set(mode="EDIT")
    middle = points.mean(0)
    heights = np.linspace(low, high, 4)
    below = None
    for number, name in enumerate(("hips", "spine", "head")):
        bone = frame.data.edit_bones.new(name)
        bone.head, bone.tail = ((*middle[:2], heights[number + end]) for end in (0, 1))
        bone.parent, below = below, bone
    bpy.ops.object.mode_set(mode="OBJECT")
    third = np.clip(((points[:, 2] - low) / max(high - low, 1e-6) * 3).astype(int), 0, 2)
    for number, name in enumerate(("hips", "spine", "head")):
        thing.vertex_groups.new(name=name).add(np.flatnonzero(third == number).tolist(), 1.0, "REPLACE")
    thing.parent = frame
    thing.modifiers.new("rig", "ARMATURE").object = frame
