# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of the converter (see ../convert.py), for a background Blender alone; and half of `parts`.

Delivered files are staged and recognised by content, checked, imported, and arranged under one root.
Every byte is hostile until then.
"""
