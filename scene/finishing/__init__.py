# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of finishing, one file each (see ../finish.py): for a background Blender alone.

Each takes the `Work` and changes its objects, meshes or textures. What it cannot do it raises as CannotError.
"""
