# SPDX-License-Identifier: GPL-3.0-or-later
"""A result becomes an asset by itself, is found in the Asset Browser, and dragged into a new file."""

from pathlib import Path
from typing import Any

import bpy
import expected
from driver import Place, Steps, Window
from expected import job

_TILE = (70, 75)  # points from the top left of the browser to its first asset


def steps(w: Window) -> Steps:
    inputs = yield from expected.in_sandbox(w, 0)
    folder = w.folder / "library"
    operators: Any = bpy.ops.maquette  # type: ignore[attr-defined]
    operators.add_library(directory=str(folder))
    libraries: Any = bpy.context.preferences.filepaths.asset_libraries
    w.check("Maquette" in [each.name for each in libraries], "Blender lists the library")
    expected.choose_horse(inputs)
    yield from expected.generate(w)
    yield from w.until(lambda: expected.is_placed("horse"), 60, "the result is in the scene")
    yield from w.until(lambda: assets(folder), 60, "and some seconds later an asset")
    yield from w.until(lambda: "asset" in job(w, 0).result, 20, "as its job knows")
    yield from open_browser(w)
    yield from w.click(tile(w))
    yield 0.5
    found: list[bool] = []
    yield from in_browser(w, lambda: found.append(bool(facts(w))))
    w.check(found == [True], "the chosen asset tells how it was made")
    w.picture("asset")
    yield from w.click(tile(w), button=3)
    yield 0.5
    w.picture("context-menu")
    yield from w.key("Escape")
    bpy.ops.wm.read_homefile(use_empty=False)
    yield 1.0
    yield from open_browser(w)
    before = set(bpy.data.objects.keys())
    yield from w.hold(tile(w), w.view_point(0.3, 0.6), hops=20)
    w.picture("dragging")
    yield from w.release()
    yield 1.0
    w.check(set(bpy.data.objects.keys()) - before, "dragged into a new file, it is there")
    w.picture("dragged")


def assets(folder: Path) -> list[Path]:
    return [*folder.glob("*.blend")]


def facts(w: Window) -> Any:
    return expected.part(w, "window.asset_facts").chosen_facts(bpy.context)


def open_browser(w: Window, library: str = "Maquette") -> Steps:
    """In the place of the timeline, made higher, with the sidebar that tells of the chosen asset."""
    area = next(each for each in w.window.screen.areas if each.type == "DOPESHEET_EDITOR")
    edge = area.x + area.width // 2, area.y + area.height
    area.ui_type = "ASSETS"
    del area
    yield 0.5
    yield from w.hold(edge, (edge[0], edge[1] + 250))
    yield from w.release()
    space: Any = w.area("FILE_BROWSER").spaces.active
    space.show_region_tool_props = True
    space.params.asset_library_reference = library
    del space
    yield 3.0


def in_browser(w: Window, act: Any) -> Steps:
    area, region = w.area("FILE_BROWSER"), w.region("WINDOW", "FILE_BROWSER")
    with bpy.context.temp_override(window=w.window, area=area, region=region):
        act()
    del area, region
    yield 0.1


def tile(w: Window) -> Place:
    region = w.region("WINDOW", "FILE_BROWSER")
    across, down = _TILE
    return region.x + int(across * w.scale), region.y + region.height - int(down * w.scale)
