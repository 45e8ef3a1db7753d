# SPDX-License-Identifier: GPL-3.0-or-later
"""What a view has drawn becomes an image of the file: the right way up, with its transparency."""

import importlib
import os
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from rendered import rendered

PACKAGE = os.environ["MAQUETTE_PACKAGE"]
capture = importlib.import_module(f"{PACKAGE}.window.capture")
collect_inputs = importlib.import_module(f"{PACKAGE}.window.collect_inputs")


def test_drawn_bytes_become_an_image_with_its_own_alpha() -> None:
    straight = np.zeros((3, 2, 4), np.uint8)  # lines from the bottom up
    straight[0, 0] = 255, 0, 0, 255
    straight[0, 1] = 200, 100, 50, 128
    straight[2, 1] = 10, 20, 30, 255
    drawn = straight.copy()
    drawn[..., :3] = np.round(straight[..., :3] * (straight[..., 3:] / 255))
    image = capture.packed_image("View", capture.png_of_drawn(drawn))
    assert (tuple(image.size), image.source, bool(image.packed_file)) == ((2, 3), "FILE", True)
    pixels = np.array(image.pixels).reshape(3, 2, 4) * 255
    assert pixels == pytest.approx(straight, abs=2)
    assert image.file_format == "PNG"


def test_why_nothing_can_be_pasted_is_told() -> None:
    assert "X11" in capture.why_no_paste("linux", {})
    assert "clipboard" in capture.why_no_paste("linux", {"WAYLAND_DISPLAY": "wayland-0"})
    assert "clipboard" in capture.why_no_paste("win32", {})


def test_a_render_that_is_not_there_is_told() -> None:
    bpy.ops.wm.read_homefile(use_empty=True)
    with pytest.raises(collect_inputs.RequestError, match="Render"):
        capture.capture_render(bpy.context)


def colour_of(path: Path) -> list[float]:
    image = bpy.data.images.load(str(path), check_existing=False)
    image.colorspace_settings.is_data = True
    try:
        return list(image.pixels)[:3]
    finally:
        bpy.data.images.remove(image)


def test_a_render_is_saved_in_srgb_whatever_screen_the_scene_is_for(tmp_path: Path) -> None:
    """A service reads a PNG so: made for a screen of high dynamic range it would be pale."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    image, scene = rendered(), bpy.context.scene
    displays: Any = scene.display_settings
    view: Any = scene.view_settings
    collect_inputs.save_image(image, tmp_path / "usual.png")
    for device in ("Rec.2100-PQ", "Rec.2020", "Display P3"):
        try:
            displays.display_device = device
        except TypeError:  # this Blender has none
            continue
        was = view.view_transform
        collect_inputs.save_image(image, tmp_path / "other.png")
        usual, other = (colour_of(tmp_path / f"{name}.png") for name in ("usual", "other"))
        assert other == pytest.approx(usual, abs=0.01), device
        assert (displays.display_device, view.view_transform) == (device, was)
        displays.display_device = "sRGB"
        view.view_transform = "AgX"


def test_saving_a_render_leaves_the_artists_output_as_it_is(tmp_path: Path) -> None:
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    image = rendered()
    settings: Any = bpy.context.scene.render.image_settings
    for name, value in (("media_type", "IMAGE"), ("file_format", "OPEN_EXR"), ("color_depth", "32")):
        if hasattr(settings, name):
            setattr(settings, name, value)
    settings.color_mode = "RGB"
    settings.color_management = "OVERRIDE"
    names = ("file_format", "color_depth", "color_mode", "compression", "color_management")
    before = {name: getattr(settings, name) for name in names}
    collect_inputs.save_image(image, tmp_path / "out.png")
    assert {name: getattr(settings, name) for name in names} == before
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")
