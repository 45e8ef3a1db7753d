# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender starts with the extension, and its sidebar is there."""

import bpy
from driver import Steps, Window


def steps(w: Window) -> Steps:
    w.check(w.package in bpy.context.preferences.addons, "the extension is enabled")
    yield from w.open_sidebar("View")
    w.picture("sidebar", w.region("UI"))
    w.picture("window")
