# SPDX-License-Identifier: GPL-3.0-or-later
"""The browser that shows the contact sheet to its tests: any Chromium, installed on Debian as root."""

from __future__ import annotations

import shutil

import steps
from steps import step

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def find_or_none() -> str | None:
    """The path of a Chromium."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def set_up() -> None:
    """Installs Chromium if there is none, or names what is missing."""
    if find_or_none():
        return
    if not steps.is_root_on_debian():
        raise steps.MissingError(
            "no Chromium for the tests of the contact sheet: sudo apt-get install chromium"
        )
    with step("Chromium, for the tests of the contact sheet"):
        steps.apt_install("chromium")
