# SPDX-License-Identifier: GPL-3.0-or-later
"""Registers the parts of the extension in order; a part that fails takes back those before it."""

import importlib

PARTS = (
    "cli.command",  # first: what it starts has some time until it is needed
    "preferences",
    "properties",
    "properties.own_inputs",
    "operators",
    "panels.sidebar",
    "panels.overlay",
    "window.timer",
)
_registered: list[str] = []


def register() -> None:
    for part in PARTS:
        try:
            importlib.import_module(f".{part}", __package__).register()
        except BaseException:  # whatever it was: leave nothing half-registered, and pass it on
            unregister()
            raise
        _registered.append(part)


def unregister() -> None:
    while _registered:
        importlib.import_module(f".{_registered.pop()}", __package__).unregister()
