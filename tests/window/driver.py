# SPDX-License-Identifier: GPL-3.0-or-later
"""Drives Blender's window as a user does, from a timer within Blender: a scenario's hands and eyes.

A scenario is a generator: it yields the seconds to wait, and each action that takes time is a generator too,
for `yield from`. Places are pixels of Blender's window, origin bottom left. No bpy reference is kept across a
`yield`.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any, cast

import bpy
import recorder
from mathutils import Vector

HERE = Path(__file__).resolve().parent
SETTLE_S = 0.15  # for Blender to draw what an event changed
HOVER_S = 0.04  # for a button to notice the pointer
ROW_PX = 20  # a button's height at interface scale 1
BUSY = 6  # times as long as on a quiet machine: so long a busy one may take for anything
Steps = Generator[float, None, None]
Place = tuple[int, int]


class ScenarioError(AssertionError):
    """The scenario cannot go on."""


class Window:
    """A window of this Blender, the first to begin with, its sidebar, and the record of what was seen."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.package = os.environ["MAQUETTE_PACKAGE"]
        self.number = 0  # of the window that all is about, as Blender counts them
        self.checks: list[dict[str, Any]] = []
        self.columns = (0.7, 0.35, 0.9, 0.12)  # where in the sidebar's width buttons are looked for
        self.known: dict[str, Place] = {}  # where they were found
        self.presses = 0  # clicks and keys so far; typed text and the wheel are none
        self.sought_s = 0.0  # spent in `find`
        self.quits = False  # whether this part ends as a user ends Blender; else the process just goes
        size = subprocess.run(["xdotool", "getdisplaygeometry"], capture_output=True, text=True, check=True)
        self.screen_height = int(size.stdout.split()[1])

    # What there is

    @property
    def window(self) -> bpy.types.Window:
        return bpy.context.window_manager.windows[self.number]

    @property
    def scale(self) -> float:
        """The interface's scale: pixels for each point."""
        return bpy.context.preferences.system.ui_scale

    def area(self, kind: str = "VIEW_3D") -> bpy.types.Area:
        """The largest editor of this kind."""
        areas = [area for area in self.window.screen.areas if area.type == kind]
        return max(areas, key=lambda area: area.width * area.height)

    def region(self, kind: str = "UI", area: str = "VIEW_3D") -> bpy.types.Region:
        return next(region for region in self.area(area).regions if region.type == kind)

    def view_point(self, x: float = 0.4, y: float = 0.5) -> Place:
        """A place in the 3D viewport, as fractions of it; the sidebar covers its right fifth."""
        region = self.region("WINDOW")
        return region.x + int(region.width * x), region.y + int(region.height * y)

    def place_of(self, location: Sequence[float]) -> Place:
        """Where a point of the scene is seen in the window."""
        from bpy_extras.view3d_utils import location_3d_to_region_2d

        region, space = self.region("WINDOW"), self.area().spaces.active
        assert isinstance(space, bpy.types.SpaceView3D) and space.region_3d
        seen = location_3d_to_region_2d(region, space.region_3d, Vector(location))
        return region.x + int(seen.x), region.y + int(seen.y)

    # What is seen

    def check(self, truth: object, text: str, detail: object = "") -> bool:
        """Records whether the sentence `text` is true, with a picture if it is not; goes on either way."""
        self.checks.append({"text": text, "ok": bool(truth), "detail": str(detail)})
        print(f"{'ok    ' if truth else 'FAILED'} {text} {detail}", flush=True)
        if not truth:
            self.picture(f"failed-{len(self.checks)}")
        return bool(truth)

    def picture(self, name: str, region: bpy.types.Region | None = None, box: tuple[int, ...] = ()) -> Path:
        """Saves the window as NAME.png, or a region of it, or a box of it (x, y, width, height)."""
        window, start = self.window, time.perf_counter()
        if region:
            box = (region.x, region.y, region.width, region.height)
        x, y, width, height = box or (0, 0, window.width, window.height)
        top = self.screen_height - (window.y + y + height)
        path = self.folder / f"{name}.png"
        crop = ["-crop", f"{width}x{height}+{window.x + x}+{top}", "+repage"]
        subprocess.run(["import", "-window", "root", *crop, str(path)], check=True, timeout=30)
        recorder.own_s += time.perf_counter() - start
        return path

    def appeared(self, before: Path) -> tuple[int, int, int, int]:
        """What the 3D viewport shows over `before`, a picture of it: a menu, a dialog (x, y, width, height).

        Its shadow is none of it, nor what is in the sidebar, which lies over the viewport.
        """
        start, region = time.monotonic(), self.region("WINDOW")
        after = self.picture("appeared", region)
        side = self.region("UI")
        seen = f"{(side.x if side.width > 1 else region.x + region.width) - region.x}x{region.height}+0+0"
        compare = ["-crop", seen, "+repage", "-compose", "difference", "-composite", "-colorspace", "gray"]
        compare += ["-threshold", "10%", "-morphology", "Open", "Square:4"]  # lines are drawn finer with time
        command = ["convert", str(before), str(after), *compare, "-format", "%@", "info:"]
        found = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout
        width, height, left, top = map(int, re.findall(r"\d+", found))
        self.sought_s += time.monotonic() - start
        return region.x + left, region.y + region.height - top - height, width, height

    def until(self, is_true: Callable[[], object], timeout_s: float, what: str) -> Steps:
        """Waits for it, as a check; the scenario ends if it does not come. Seconds of a quiet machine."""
        start, timeout_s = time.monotonic(), timeout_s * BUSY
        while not is_true():
            if time.monotonic() - start > timeout_s:
                self.picture(f"failed-{len(self.checks) + 1}")
                raise ScenarioError(f"not within {timeout_s:.0f} s: {what}")
            yield 0.05
        self.check(True, what, f"{time.monotonic() - start:.1f} s")

    # Mouse and keyboard

    def do(self, *command: str) -> Steps:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        while process.poll() is None:
            yield 0.01
        if process.returncode:
            raise ScenarioError(f"{' '.join(command)}: {process.communicate()[0]}")
        yield SETTLE_S

    def move(self, place: Place) -> Steps:
        self.window.cursor_warp(*place)
        yield HOVER_S * 2

    def click(self, place: Place, button: int = 1, times: int = 1) -> Steps:
        """Buttons: 1 left, 2 middle, 3 right."""
        self.presses += times if button <= 3 else 0
        yield from self.move(place)
        yield from self.do("xdotool", "click", "--repeat", str(times), "--delay", "60", str(button))

    def hold(self, start: Place, end: Place, button: int = 1, hops: int = 8) -> Steps:
        """Presses the button at one place and drags to another."""
        yield from self.move(start)
        yield from self.do("xdotool", "mousedown", str(button))
        for hop in range(1, hops + 1):
            x, y = (a + (b - a) * hop // hops for a, b in zip(start, end, strict=True))
            yield from self.move((x, y))

    def release(self, button: int = 1) -> Steps:
        yield from self.do("xdotool", "mouseup", str(button))

    def scroll(self, place: Place, notches: int) -> Steps:
        """Turns the wheel: down if positive."""
        yield from self.click(place, 5 if notches > 0 else 4, abs(notches))

    def key(self, *keys: str) -> Steps:
        """Presses keys by X11's names: "ctrl+z", "Return", "F3"; they go to what is under the pointer."""
        self.presses += len(keys)
        yield from self.do("xdotool", "key", "--delay", "40", *keys)

    def type(self, text: str) -> Steps:
        """Types ASCII; anything else has to be pasted."""
        yield from self.do("xdotool", "type", "--delay", "25", "--", text)

    def paste(self, text: str) -> Steps:
        bpy.context.window_manager.clipboard = text
        yield from self.key("ctrl+v")

    def drop_files(self, place: Place, *files: Path) -> Steps:
        """Drops files there from outside of Blender."""
        yield from self.move(place)
        yield from self.do(sys.executable, str(HERE / "drag_file.py"), *map(str, files))

    def search(self, action: str, picture: str = "") -> Steps:
        """Carries out the first action that Blender's own search (F3) finds, over the 3D viewport."""
        yield from self.move(self.view_point())
        yield from self.key("F3")
        yield from self.type(action)
        yield 0.3
        if picture:
            self.picture(picture)
        yield from self.key("Return")

    # The sidebar

    def open_sidebar(self, tab: str = "Maquette") -> Steps:
        """Shows the sidebar at its default width, with this tab in front."""
        space = self.area().spaces.active
        assert isinstance(space, bpy.types.SpaceView3D)
        space.show_region_ui = True

        def is_in_front() -> bool:
            region = self.region("UI")
            try:
                setattr(region, "active_panel_category", tab)  # noqa: B010  # the stubs know no tabs
            except (AttributeError, TypeError):  # not drawn yet, no such tab yet
                region.tag_redraw()
                return False
            region.tag_redraw()
            return region.active_panel_category == tab

        yield from self.until(is_in_front, 20, f"the sidebar has a tab {tab}")
        yield SETTLE_S * 3

    def under_pointer(self) -> str:
        """The sidebar's button under the pointer: "bpy.ops.maquette.generate()" or a data path; else ""."""
        manager, ui = bpy.context.window_manager, cast("Any", bpy.ops.ui)  # the stubs know no poll()
        with bpy.context.temp_override(window=self.window, area=self.area(), region=self.region("UI")):
            manager.clipboard = ""
            if ui.copy_python_command_button.poll():
                ui.copy_python_command_button()
            elif ui.copy_data_path_button.poll():
                ui.copy_data_path_button(full_path=True)
            return manager.clipboard

    def buttons(self, wanted: str = "") -> Generator[float, None, dict[str, Place]]:
        """Passes the pointer over the sidebar; returns each button found and its place. Ends at `wanted`."""
        found: dict[str, Place] = {}
        region = self.region("UI")
        left, width, bottom, top = region.x, region.width, region.y, region.y + region.height
        for column in self.columns:
            x = left + int(width * column)
            for y in range(top - 5, bottom, -int(ROW_PX * self.scale * 0.7)):
                self.window.cursor_warp(x, y)
                yield HOVER_S
                name = self.under_pointer()
                if name:
                    found.setdefault(name, (x, y))
                if wanted and wanted in name:
                    return found
        return found

    def find(self, name: str, pages: int = 3) -> Generator[float, None, Place]:
        """Where the sidebar's button is whose operator or data path contains `name`; scrolls down to it."""
        start = time.monotonic()
        try:
            return (yield from self._find(name, pages))
        finally:
            self.sought_s += time.monotonic() - start

    def _find(self, name: str, pages: int) -> Generator[float, None, Place]:
        region, found = self.region("UI"), dict[str, Place]()
        middle = (region.x + region.width // 2, region.y + region.height // 2)
        for page in range(pages):
            if page:
                yield from self.move(
                    self.view_point()
                )  # off the button that it was on, which keeps the wheel
                yield from self.scroll(middle, 10)
                yield SETTLE_S * 2
            if name in self.known:
                yield from self.move(self.known[name])
                if name in self.under_pointer():
                    return self.known[name]
            found = yield from self.buttons(name)
            for button, place in found.items():
                if name in button:
                    self.known[name] = place
                    return place
        self.picture("not-found")
        raise ScenarioError(f"no button {name} in the sidebar, but {', '.join(found)}")

    def press(self, name: str) -> Steps:
        """Clicks the sidebar's button whose operator or data path contains `name`."""
        yield from self.click((yield from self.find(name)))


class Run:
    """One part of a scenario, from the timer's first tick to the result file."""

    def __init__(self, scenario: str, folder: Path, part: int) -> None:
        self.scenario, self.folder, self.part = scenario, folder, part
        self.window = Window(folder)
        module = __import__(scenario if scenario.startswith("bench_") else f"scenario_{scenario}")
        self.steps: Steps = getattr(module, "steps" if part == 1 else f"steps_{part}")(self.window)
        self.has_next = hasattr(module, f"steps_{part + 1}")
        self.start = time.monotonic()
        self.modules = 0

    def tick(self) -> float | None:
        """One step of the scenario; the last one ends Blender."""
        start = time.perf_counter()
        try:
            if len(sys.modules) != self.modules:  # the extension loads most of itself when it is needed
                self.modules = len(sys.modules)
                recorder.watch_extension(self.window.package)
            return next(self.steps)
        except StopIteration:
            self.end("")
        except BaseException as error:
            traceback.print_exc()
            if not isinstance(error, ScenarioError):
                self.window.picture("error")
            self.end("".join(traceback.format_exception_only(error)))
        finally:
            recorder.own_s += time.perf_counter() - start
        return None

    def end(self, error: str) -> None:
        """Writes the result and ends Blender."""
        result = {
            "scenario": self.scenario,
            "blender": bpy.app.version_string,
            "error": error,
            "next": self.part + 1 if self.has_next and not error else 0,
            "seconds": round(time.monotonic() - self.start, 1),
            "checks": self.window.checks,
            **recorder.report(),
        }
        file = self.folder / f"result-{self.part}.json"
        file.write_text(json.dumps(result, indent=1, ensure_ascii=False), encoding="utf-8")
        sys.stdout.flush()
        if self.window.quits and not error:
            bpy.ops.wm.quit_blender()
            return
        shutil.rmtree(bpy.app.tempdir, ignore_errors=True)
        sys.stderr.flush()
        os._exit(0)
