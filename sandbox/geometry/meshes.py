# SPDX-License-Identifier: GPL-3.0-or-later
"""From arrays to Blender's meshes and materials, and from those to files."""

import gzip
import struct
from pathlib import Path

import bpy
import numpy as np
from bpy_extras.node_shader_utils import PrincipledBSDFWrapper
from mathutils import Matrix
from numpy.typing import NDArray

from .cutout import Array

_LARGEST_PX = 2048  # a side


def load_picture(path: str) -> Array:
    """Return a picture as (height, width, RGBA) in 0..1, rows from the top, scaled down if it is large.

    ValueError if Blender can't read it.
    """
    try:
        image = bpy.data.images.load(path)
    except RuntimeError as error:
        raise ValueError(f"Blender can't read this picture: {error}") from None
    image.colorspace_settings.is_data = True  # else those of 16 bits would be read as linear colours
    width, height = image.size  # pyright: ignore[reportGeneralTypeIssues] - the stub knows no iteration
    if not width:
        raise ValueError("Blender can't read this picture")
    shrink = min(1.0, _LARGEST_PX / max(width, height))
    width, height = max(1, round(width * shrink)), max(1, round(height * shrink))
    image.scale(width, height)
    pixels = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(pixels)
    return pixels.reshape(height, width, 4)[::-1]


def dress(thing: bpy.types.Object, picture: Array) -> None:
    """Give the object one Principled material, coloured by a picture (height, width, RGB) in 0..1."""
    height, width = picture.shape[:2]
    image = bpy.data.images.new("colour", width, height, alpha=False)
    pixels = np.ones((height, width, 4), np.float32)
    pixels[..., :3] = picture[::-1].clip(0, 1)
    image.pixels.foreach_set(pixels.ravel())
    made = bpy.data.materials.new("colour")
    shader = PrincipledBSDFWrapper(made, is_readonly=False)  # pyright: ignore[reportCallIssue] - stub
    shader.roughness = 0.6
    shader.base_color_texture.image = image
    thing.data.materials.clear()
    thing.data.materials.append(made)


def lay_out(thing: bpy.types.Object, uv: Array) -> None:
    """Give the object, made of triangles, this map of its pictures, (triangles, 3, 2), and no other."""
    layers = thing.data.uv_layers
    while layers:
        layers.remove(layers[0])
    layers.new(name="UVMap").data.foreach_set("uv", uv.astype(np.float32).ravel())


def link(mesh: bpy.types.Mesh) -> bpy.types.Object:
    """Return a new object of the scene."""
    made = bpy.data.objects.new("model", mesh)
    bpy.context.scene.collection.objects.link(made)
    return made


def to_object(points: Array, faces: NDArray[np.int32]) -> bpy.types.Object:
    """Return a smooth-shaded object in the scene from points (n, 3) and faces (m, 3 or 4)."""
    mesh = bpy.data.meshes.new("model")
    mesh.from_pydata(points.tolist(), [], faces.tolist())
    mesh.shade_smooth()
    return link(mesh)


def stand(thing: bpy.types.Object) -> None:
    """Make the object 1 in size, in the middle, on the ground."""
    points, _ = arrays(thing)
    low, high = points.min(0), points.max(0)
    foot = (low + high) / 2 * (1, 1, 0) + low * (0, 0, 1)
    thing.data.transform(Matrix.Scale(1 / float((high - low).max()), 4) @ Matrix.Translation(-foot))


def triangles(thing: bpy.types.Object) -> int:
    return len(thing.data.loops) - 2 * len(thing.data.polygons)


def modified(thing: bpy.types.Object, kind: str, **settings: object) -> None:
    """Change the object's mesh by one modifier, at once."""
    modifier = thing.modifiers.new(kind, kind)
    for name, value in settings.items():
        setattr(modifier, name, value)
    with bpy.context.temp_override(object=thing):
        bpy.ops.object.modifier_apply(modifier=modifier.name)


def decimate(thing: bpy.types.Object, most: int) -> None:
    """Make the object triangles, at most that many of them where its shape allows."""
    modified(thing, "TRIANGULATE")
    for _ in range(4):
        if (count := triangles(thing)) > most:
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


def export(path: Path) -> None:
    """Write the scene as a GLB with its pictures inside."""
    bpy.ops.export_scene.gltf(filepath=str(path), export_format="GLB", export_image_format="JPEG")


def splat(path: Path) -> None:
    """Write the scene's points as grey Gaussian splats in the spz format, version 2."""
    points = np.concatenate([arrays(thing)[0] for thing in scene_meshes()])
    place = points[:, [0, 2, 1]] * (1, 1, -1)  # to Y up
    fixed = np.ascontiguousarray(np.round(place * 4096), "<i4").view("u1").reshape(-1, 3, 4)[:, :, :3]
    header = struct.pack("<IIIBBBB", 0x5053474E, 2, len(place), 0, 12, 0, 0)
    opacity = b"\xf3"
    colour = b"\x80" * 3
    size = b"\x4e" * 3
    turn = b"\x80" * 3
    body = fixed.tobytes() + b"".join(part * len(place) for part in (opacity, colour, size, turn))
    path.write_bytes(gzip.compress(header + body))
