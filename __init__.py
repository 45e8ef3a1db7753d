# SPDX-License-Identifier: GPL-3.0-or-later
"""Maquette: images, text and geometry in, 3D models placed in the scene, through the Scenario API.

Scripts import `generate`, `batch`, `place` and `export` from here: see docs/python.md. Nothing is imported
before it is asked for, so that Blender starts quickly and the plain parts (client, jobs) load without it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .headless import (
        BatchResult,
        BatchRow,
        MaquetteError,
        Problem,
        Progress,
        Result,
        batch,
        export,
        generate,
        place,
    )

__all__ = [
    "BatchResult", "BatchRow", "MaquetteError", "Problem", "Progress", "Result",
    "batch", "export", "generate", "place",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import headless

    return getattr(headless, name)


def register() -> None:
    from . import registration

    registration.register()


def unregister() -> None:
    from . import registration

    registration.unregister()
