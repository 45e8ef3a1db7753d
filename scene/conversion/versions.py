# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells versions of one thing (white and textured, LOD0 to LOD3) from parts that belong together.

Of versions only the most complete one is placed: with textures, then with colours, then the most faces.
"""

import re
from dataclasses import dataclass
from pathlib import Path, PurePath

import bpy
import numpy as np

from .bounds import Bounds
from .unpack import Model

TOLERANCE = 0.05  # of the longest side: fewer faces shave something off
_LEVEL = re.compile(r"(?<![a-z])lod[ _.-]?(\d+)", re.IGNORECASE)
_WORDS = re.compile(
    r"[ _.-]*(?<![a-z])(lod[ _.-]?\d+|white|untextured|textured?|shaded|pbr|(high|mid|low)[ _-]?(poly|res)"
    r"|mesh|model)(?![a-z])",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Imported:
    """A model that is in the scene: its objects, what is to be said of it, and what was measured of it."""

    model: Model
    objects: list[bpy.types.Object]
    messages: list[str]
    bounds: Bounds

    @property
    def has_colours(self) -> bool:
        """Whether it is more than a white shape."""
        return self._has_textures or any(each.color_attributes for each in self._meshes())

    @property
    def _has_textures(self) -> bool:
        """Whether a picture for it is there."""
        trees = [material.node_tree for material in self._materials() if material.node_tree]
        pictures = [getattr(node, "image", None) for tree in trees for node in tree.nodes]
        return any(
            each.packed_file or Path(bpy.path.abspath(each.filepath_raw)).is_file()
            for each in pictures
            if each
        )

    @property
    def completeness(self) -> tuple[bool, bool, int, int]:
        """To be compared: the more, the more complete."""
        level = _LEVEL.search(self.model.name)
        faces = sum(len(each.polygons) for each in self._meshes())
        return self._has_textures, self.has_colours, faces, -int(level[1]) if level else 0

    def is_version_of(self, other: "Imported") -> bool:
        """Whether both are the same thing, by their names or as they fill the same space."""
        ours, theirs = (PurePath(each.model.name).stem for each in (self, other))
        if ours != theirs and _WORDS.sub("", ours).lower() == _WORDS.sub("", theirs).lower():
            return True
        ours_m, theirs_m = ((each.bounds.low, each.bounds.high) for each in (self, other))
        apart = np.abs(np.subtract(ours_m, theirs_m)).max()
        return bool(apart <= TOLERANCE * max(self.bounds.longest, other.bounds.longest))

    def _meshes(self) -> list[bpy.types.Mesh]:
        return [each.data for each in self.objects if isinstance(each.data, bpy.types.Mesh)]

    def _materials(self) -> set[bpy.types.Material]:
        return {material for mesh in self._meshes() for material in mesh.materials if material}
