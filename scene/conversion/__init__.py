# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of the converter (../convert.py): delivered files are recognised by content, checked, imported.

They run in a background Blender, since every byte is hostile until then. The artist's Blender, too, uses
animated.py, bounds.py and sidecar.py, which read a result that was converted already.
"""
