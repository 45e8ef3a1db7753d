# SPDX-License-Identifier: GPL-3.0-or-later
"""From words to a solid: the prompt's first words as bevelled letters, in a colour that they may name."""

import re
import textwrap
import zlib

import bmesh
import bpy
import numpy as np

from . import meshes
from .cutout import Array, blur

MOST_WORDS = 8
LINE_LETTERS = 11
COLOURS = {
    "red": (0.72, 0.09, 0.07), "orange": (0.9, 0.42, 0.06), "yellow": (0.93, 0.76, 0.12),
    "green": (0.16, 0.5, 0.18), "blue": (0.12, 0.3, 0.75), "purple": (0.42, 0.17, 0.6),
    "pink": (0.92, 0.5, 0.62), "brown": (0.38, 0.22, 0.12), "black": (0.06, 0.06, 0.07),
    "white": (0.92, 0.92, 0.9), "grey": (0.5, 0.5, 0.5), "gold": (0.83, 0.62, 0.2),
    "golden": (0.83, 0.62, 0.2), "silver": (0.72, 0.74, 0.76), "wooden": (0.55, 0.34, 0.17),
    "stone": (0.55, 0.53, 0.5), "copper": (0.72, 0.4, 0.25),
}  # fmt: skip


def colour_of(prompt: str) -> tuple[float, float, float]:
    """Return the sRGB colour that the prompt names, else one that always belongs to these words."""
    for word in re.findall(r"[a-z]+", prompt.lower()):
        if word in COLOURS:
            return COLOURS[word]
    return list(COLOURS.values())[zlib.crc32(prompt.encode()) % len(COLOURS)]


def texture(prompt: str, size: int = 256) -> Array:
    """Return a cloudy picture round the prompt's colour, a little lighter towards the top."""
    noise = np.random.default_rng(zlib.crc32(prompt.encode())).random((size, size), np.float32)
    clouds = sum((blur(noise, radius) - 0.5) * radius for radius in (2, 6, 18))
    light = 1 + 0.35 * clouds / np.abs(clouds).max() + np.linspace(0.12, -0.12, size)[:, None]
    return np.clip(np.array(colour_of(prompt)) * light[..., None], 0, 1).astype(np.float32)


def build(prompt: str, faces: int) -> bpy.types.Object:
    """Return the prompt's words as an upright solid about 1 in size, at most `faces` triangles."""
    curve = bpy.data.curves.new("words", "FONT")
    words = " ".join(re.findall(r"[^\W_]+(?:['-][^\W_]+)*", prompt)[:MOST_WORDS]) or "?"
    curve.body = "\n".join(textwrap.wrap(words, LINE_LETTERS)[:4])
    curve.align_x = "CENTER"
    curve.space_line = 0.85
    curve.extrude, curve.bevel_depth, curve.bevel_resolution, curve.resolution_u = 0.12, 0.02, 2, 6
    source = bpy.data.objects.new("words", curve)
    bpy.context.scene.collection.objects.link(source)
    graph = bpy.context.evaluated_depsgraph_get()
    mesh = bpy.data.meshes.new_from_object(source.evaluated_get(graph), depsgraph=graph)
    bpy.data.objects.remove(source)
    _stand_up(mesh)
    thing = meshes.link(mesh, "model")
    meshes.decimate(thing, faces)
    mesh = thing.data
    points, corners = meshes.arrays(thing)
    mesh.materials.clear()
    mesh.materials.append(meshes.material(texture(prompt), "words"))
    layer = mesh.uv_layers[0] if mesh.uv_layers else mesh.uv_layers.new(name="UVMap")
    layer.data.foreach_set("uv", (points[corners][..., [0, 2]] + (0.5, 0)).astype(np.float32).ravel())
    return thing


def _stand_up(mesh: bpy.types.Mesh) -> None:
    """Weld the letters' parts together, turn them upright, and make them 1 in size on the ground."""
    work = bmesh.new()
    work.from_mesh(mesh)
    bmesh.ops.remove_doubles(work, verts=work.verts, dist=1e-5)
    bmesh.ops.recalc_face_normals(work, faces=work.faces)
    points = np.array([vertex.co for vertex in work.verts])[:, [0, 2, 1]] * (1, -1, 1)
    size = points.max(0) - points.min(0)
    points = (points - points.min(0) - size * (0.5, 0.5, 0)) / size.max()
    for vertex, point in zip(work.verts, points, strict=True):
        vertex.co = point
    work.to_mesh(mesh)
    work.free()
