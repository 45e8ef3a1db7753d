# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of the converter, for the throw-away background Blender alone (see ../convert.py).

A file is staged, recognised by its content, checked for references that leave its folder, imported by
Blender's own importer, and arranged under one root. Every byte is hostile until then.
"""
