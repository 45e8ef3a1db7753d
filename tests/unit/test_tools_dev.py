# SPDX-License-Identifier: GPL-3.0-or-later
"""`task.py dev` links the working tree into Blender, and neither takes a place nor follows its link."""

from pathlib import Path

import dev_blender
import pytest
import steps


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "__init__.py").touch()
    return tree


def test_the_tree_is_the_extension_while_blender_runs_and_is_whole_afterwards(
    tree: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "extensions" / "user_default"
    with dev_blender.linked(folder, tree) as link:
        assert (link / "__init__.py").exists()
    assert not list(folder.iterdir())
    assert (tree / "__init__.py").exists()


def test_a_link_that_was_left_behind_is_taken_over(tree: Path, tmp_path: Path) -> None:
    steps.link(tmp_path / "maquette", tree)
    with dev_blender.linked(tmp_path, tree):
        pass
    assert not (tmp_path / "maquette").exists()


def test_an_installed_extension_stays_as_it_is(tree: Path, tmp_path: Path) -> None:
    installed = tmp_path / "maquette" / "__init__.py"
    installed.parent.mkdir()
    installed.write_text("installed", encoding="utf-8")
    with (
        pytest.raises(steps.TaskError, match=r"is there already\. Uninstall"),
        dev_blender.linked(tmp_path, tree),
    ):
        pass
    assert installed.read_text(encoding="utf-8") == "installed"
