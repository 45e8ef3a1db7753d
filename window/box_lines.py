# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines of the box that a 3D model would fill, drawn into a 3D view."""

import gpu
from gpu_extras.batch import batch_for_shader
from mathutils import Matrix, Vector

COLOR = (0.28, 0.45, 0.7, 1)
# Of a box of size 1 that stands on the origin.
CORNERS = [Vector((x, y, z)) for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (0.0, 1.0)]
_EDGES = ((0, 1), (2, 3), (4, 5), (6, 7), (0, 2), (1, 3), (4, 6), (5, 7), (0, 4), (1, 5), (2, 6), (3, 7))
_TIP = Vector((0.0, -0.8, 0.0))  # of an arrow: a 3D model's front is along -Y
_ARROW = ((0, 8), (4, 8))


def draw_box(box: Matrix, *, has_arrow: bool = False) -> None:
    """Draws the box of size 1, moved, turned and scaled by `box`, with an arrow to where its front is."""
    corners = [*CORNERS, _TIP] if has_arrow else CORNERS
    edges = (*_EDGES, *_ARROW) if has_arrow else _EDGES
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    shader.uniform_float("color", COLOR)
    batch_for_shader(shader, "LINES", {"pos": [box @ each for each in corners]}, indices=edges).draw(shader)
