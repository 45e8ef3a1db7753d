# SPDX-License-Identifier: GPL-3.0-or-later
"""What a view has drawn becomes an image of the file: the right way up, with its transparency."""

import importlib
import os

import bpy
import numpy as np
import pytest

capture = importlib.import_module(f"{os.environ['MAQUETTE_PACKAGE']}.operators.capture_image")


def test_drawn_bytes_become_an_image_with_its_own_alpha() -> None:
    straight = np.zeros((3, 2, 4), np.uint8)  # lines from the bottom up
    straight[0, 0] = 255, 0, 0, 255
    straight[0, 1] = 200, 100, 50, 128
    straight[2, 1] = 10, 20, 30, 255
    drawn = straight.copy()
    drawn[..., :3] = np.round(straight[..., :3] * (straight[..., 3:] / 255))
    image = capture._image_of("View", capture._png_of(drawn))
    assert (tuple(image.size), image.source, bool(image.packed_file)) == ((2, 3), "FILE", True)
    pixels = np.array(image.pixels).reshape(3, 2, 4) * 255
    assert pixels == pytest.approx(straight, abs=2)
    assert image.file_format == "PNG"


def test_why_nothing_can_be_pasted_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture.sys, "platform", "linux")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert "X11" in capture._why_no_paste()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert "clipboard" in capture._why_no_paste()


def test_a_render_that_is_not_there_is_told() -> None:
    bpy.ops.wm.read_homefile(use_empty=True)
    with pytest.raises(capture.RequestError, match="Render"):
        capture._render(bpy.context)
