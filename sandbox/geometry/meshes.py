# SPDX-License-Identifier: GPL-3.0-or-later
"""From arrays to Blender's meshes, materials and pictures, and from those to files."""

from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from .cutout import Array


def load_picture(path: str, largest: int = 2048) -> Array:
    """Return a picture as (height, width, RGBA) in 0..1, rows from the top, scaled down to `largest` pixels.

    ValueError if Blender can't read it.
    """
    try:
        image = bpy.data.images.load(path)
        width, height = image.size  # pyright: ignore[reportGeneralTypeIssues] - the stub knows no iteration
    except RuntimeError as error:
        raise ValueError(f"Blender can't read this picture: {error}") from None
    if not width or not height:
        raise ValueError("Blender can't read this picture")
    factor = min(1.0, largest / max(width, height))
    if factor < 1:
        image.scale(max(1, round(width * factor)), max(1, round(height * factor)))
    width, height = image.size  # pyright: ignore[reportGeneralTypeIssues] - the stub knows no iteration
    pixels = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(pixels)
    bpy.data.images.remove(image)
    return pixels.reshape(height, width, 4)[::-1]


def save_picture(picture: Array, path: Path) -> None:
    """Write (height, width, RGB) in 0..1 as a PNG."""
    image = to_image(picture, path.stem)
    image.filepath_raw = str(path)
    image.file_format = "PNG"
    image.save()
    bpy.data.images.remove(image)


def to_image(picture: Array, name: str) -> bpy.types.Image:
    height, width = picture.shape[:2]
    image = bpy.data.images.new(name, width, height, alpha=False)
    pixels = np.ones((height, width, 4), np.float32)
    pixels[..., :3] = picture[::-1]
    image.pixels.foreach_set(pixels.ravel())
    image.update()
    return image


def material(
    picture: Array | None, name: str, colour: tuple[float, float, float] = (0.8, 0.8, 0.8)
) -> bpy.types.Material:
    """Return a Principled material, coloured by a picture (RGB) or by one linear colour."""
    made = bpy.data.materials.new(name)
    if made.node_tree is None:  # before Blender 5
        made.use_nodes = True
    shader = next(node for node in made.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Roughness"].default_value = 0.6
    if picture is None:
        shader.inputs["Base Color"].default_value = (*colour, 1)
    else:
        texture = made.node_tree.nodes.new("ShaderNodeTexImage")
        texture.image = to_image(picture, name)
        made.node_tree.links.new(texture.outputs["Color"], shader.inputs["Base Color"])
    return made


def to_object(points: Array, faces: NDArray[np.int32], name: str) -> bpy.types.Object:
    """Return a smooth-shaded object in the scene from points (n, 3) and faces (m, 3 or 4)."""
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(len(points))
    mesh.vertices.foreach_set("co", points.astype(np.float32).ravel())
    mesh.loops.add(faces.size)
    mesh.loops.foreach_set("vertex_index", faces.astype(np.int32).ravel())
    mesh.polygons.add(len(faces))
    mesh.polygons.foreach_set("loop_start", np.arange(len(faces), dtype=np.int32) * faces.shape[1])
    mesh.update(calc_edges=True)
    mesh.shade_smooth()
    return link(mesh, name)


def link(mesh: bpy.types.Mesh, name: str) -> bpy.types.Object:
    made = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(made)
    return made


def triangles(thing: bpy.types.Object) -> int:
    return len(thing.data.loops) - 2 * len(thing.data.polygons)


def modified(thing: bpy.types.Object, kind: str, **settings: object) -> None:
    """Change the object's mesh by one modifier, at once."""
    modifier = thing.modifiers.new(kind, kind)
    for name, value in settings.items():
        setattr(modifier, name, value)
    old = thing.data
    graph = bpy.context.evaluated_depsgraph_get()
    new = bpy.data.meshes.new_from_object(
        thing.evaluated_get(graph), preserve_all_data_layers=True, depsgraph=graph
    )
    thing.modifiers.clear()
    thing.data = new
    bpy.data.meshes.remove(old)


def decimate(thing: bpy.types.Object, most: int) -> None:
    """Make the object triangles, at most that many of them where its shape allows."""
    modified(thing, "TRIANGULATE")
    for _ in range(4):
        count = triangles(thing)
        if count <= most:
            return
        modified(thing, "DECIMATE", ratio=0.995 * most / count)


def scene_meshes() -> list[bpy.types.Object]:
    return [thing for thing in bpy.context.scene.objects if thing.type == "MESH"]


def arrays(thing: bpy.types.Object) -> tuple[Array, NDArray[np.int32]]:
    """Return the object's points in the world and its corners by triangle, as (points, triangles)."""
    mesh = thing.data
    points = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", points)
    matrix = np.array(thing.matrix_world, np.float32)
    mesh.calc_loop_triangles()
    corners = np.empty(len(mesh.loop_triangles) * 3, np.int32)
    mesh.loop_triangles.foreach_get("vertices", corners)
    return points.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3], corners.reshape(-1, 3)


def facts() -> dict[str, object]:
    """Return the scene's counts and size as the service's `properties`; glTF's axes: width, height, depth."""
    things = scene_meshes()
    points = np.concatenate([arrays(thing)[0] for thing in things])
    size = points.max(0) - points.min(0)
    return {
        "faceCount": sum(triangles(thing) for thing in things),
        "vertexCount": sum(len(thing.data.vertices) for thing in things),
        "dimensions": [round(float(size[i]), 5) for i in (0, 2, 1)],
        "hasUVs": any(thing.data.uv_layers for thing in things),
        "hasNormals": True,
        "hasSkeleton": any(thing.type == "ARMATURE" for thing in bpy.context.scene.objects),
        "hasAnimations": False,
    }


def export(path: Path) -> None:
    """Write the scene as a GLB or, by the name's ending, an FBX, with its pictures inside."""
    if path.suffix == ".fbx":
        bpy.ops.export_scene.fbx(filepath=str(path), path_mode="COPY", embed_textures=True)
    else:
        bpy.ops.export_scene.gltf(filepath=str(path), export_format="GLB", export_image_format="JPEG")
