# SPDX-License-Identifier: GPL-3.0-or-later
"""No test leaves this machine, and no child of ours stays behind.

pytest reads this file twice: outside Blender, where pytest-blender starts it, and inside.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from loopback import keep_to_loopback

keep_to_loopback()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--mutated", type=int, default=300, help="how many mutated files are tried")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Outside, before Blender starts: gives it the zip, unless tools/task.py did. Inside: looks for it."""
    if "bpy" not in sys.modules:
        blender = config.getoption("--blender-executable", None)
        if blender and "MAQUETTE_PACKAGE" not in os.environ:
            import blenders
            import task

            folder = blenders.BUILD / "tests" / "pytest-blender"
            os.environ.update(
                blenders.prepare(Path(blender), task.build_zip(folder / "dist"), folder / "run")
            )
        return
    import bpy

    package = os.environ.get("MAQUETTE_PACKAGE", "")
    if package not in bpy.context.preferences.addons:
        pytest.exit("The extension is not enabled in this Blender. See CONTRIBUTING.md", 4)
    os.environ["MAQUETTE_BLENDER"] = bpy.app.binary_path


def pytest_sessionfinish() -> None:
    if "bpy" in sys.modules:
        import background_tasks

        background_tasks.blenders.end()


@pytest.fixture
def empty_file() -> Iterator[None]:
    """The test begins in an empty scene of metres, without data, and leaves none."""
    import bpy

    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    yield
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """On a sandbox that its worker starts; the usual model's inputs are known."""
    import sandbox_scene

    yield from sandbox_scene.opened_backend(tmp_path_factory.mktemp("state"))


@pytest.fixture
def scene(backend: object) -> Any:
    """Empty, with the usual model chosen."""
    import sandbox_scene

    return sandbox_scene.empty_scene()


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Generate returns at once, as in a window."""
    import sandbox_scene

    monkeypatch.setattr(sandbox_scene.wait, "wait_for_jobs", lambda _jobs: None)
