# SPDX-License-Identifier: GPL-3.0-or-later
"""How the sandbox makes geometry, in a background Blender: numpy for the shapes, bpy for meshes and files.

Axes are Blender's: Z up, the front of a thing looks along -Y. Pictures are arrays of rows from the top.
"""
