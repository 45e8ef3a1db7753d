# SPDX-License-Identifier: GPL-3.0-or-later
"""From words to a solid: the prompt's first words as bevelled letters, in a colour that they may name."""

import re
import textwrap
import zlib

import bpy
import numpy as np
from mathutils import Matrix

from . import meshes
from .cutout import Array

MOST_WORDS = 8
LINE_LETTERS = 11
COLOURS = {
    "brown": (0.38, 0.22, 0.12), "orange": (0.9, 0.42, 0.06), "yellow": (0.93, 0.76, 0.12),
    "green": (0.16, 0.5, 0.18), "blue": (0.12, 0.3, 0.75), "purple": (0.42, 0.17, 0.6),
    "white": (0.92, 0.92, 0.9), "grey": (0.5, 0.5, 0.5), "red": (0.72, 0.09, 0.07),
}  # fmt: skip


def texture(prompt: str) -> Array:
    """Return a softly shaded picture in the colour that the prompt names, else one that belongs to it."""
    usual = list(COLOURS.values())[zlib.crc32(prompt.encode()) % len(COLOURS)]
    colour = next((COLOURS[word] for word in re.findall("[a-z]+", prompt.lower()) if word in COLOURS), usual)
    return np.linspace(1.2, 0.8, 64)[:, None, None] * np.full((64, 64, 3), colour)


def build(prompt: str, faces: int) -> bpy.types.Object:
    """Return the prompt's words as an upright solid, 1 in size, at most `faces` triangles."""
    curve = bpy.data.curves.new("words", "FONT")
    words = " ".join(re.findall(r"[^\W_]+(?:['-][^\W_]+)*", prompt)[:MOST_WORDS]) or "?"
    curve.body = "\n".join(textwrap.wrap(words, LINE_LETTERS)[:4])
    curve.align_x = "CENTER"
    curve.space_line = 0.85
    curve.extrude = 0.12
    curve.bevel_depth = 0.02
    curve.bevel_resolution = 2
    curve.resolution_u = 6
    source = bpy.data.objects.new("words", curve)
    bpy.context.scene.collection.objects.link(source)
    graph = bpy.context.evaluated_depsgraph_get()
    thing = meshes.link(bpy.data.meshes.new_from_object(source.evaluated_get(graph), depsgraph=graph))
    bpy.data.objects.remove(source)
    meshes.modified(thing, "WELD", merge_threshold=1e-5)  # a letter's front, sides and back
    thing.data.transform(Matrix.Rotation(np.pi / 2, 4, "X"))
    meshes.decimate(thing, faces)
    meshes.stand(thing)
    points, corners = meshes.arrays(thing)
    meshes.dress(thing, texture(prompt))
    meshes.lay_out(thing, points[corners][..., [0, 2]] + (0.5, 0))
    return thing
