# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documents name is there: files, what links lead to, tasks; and shell blocks are ones.

The blocks are run in `tests/blender/test_examples.py`.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import task
from document_blocks import DOCUMENTS, ROOT, SHELL, Block

each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
each_shell_block = pytest.mark.parametrize("block", SHELL, ids=lambda block: block.name)


@each_document
def test_each_file_of_the_repository_that_a_document_names_is_there(path: Path) -> None:
    named = re.findall(r"`([a-z_]+(?:/[a-z_0-9]+)+\.(?:py|md|sh|toml|json))`", path.read_text("utf-8"))
    # What the tasks make, and a user's own, is none of the repository's.
    missing = [
        name for name in named if not (ROOT / name).exists() and not name.startswith(("out/", "build/"))
    ]
    assert not missing


@each_document
def test_each_link_to_a_file_leads_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", path.read_text("utf-8"))
    assert not [target for target in targets if not (path.parent / target).exists()]


@each_document
def test_each_task_that_a_document_names_is_one(path: Path) -> None:
    text = path.read_text("utf-8")
    named = re.findall(r"`make ((?:[a-z-]+ ?)+)", text) + re.findall(r"tools/task\.py ([a-z-]+)", text)
    words = [word for words in named for word in words.split()]
    assert not set(words) - set(task.TASKS)


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
@each_shell_block
def test_a_shell_block_is_one(block: Block) -> None:
    checked = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True, timeout=30)
    assert (checked.returncode, checked.stderr) == (0, "")


@each_shell_block
def test_a_shell_block_names_tasks_and_files_that_are_there(block: Block) -> None:
    for command in block.commands:
        program, *words = command.split()
        if program == "make":
            assert not set(words) - set(task.TASKS)
        files = [word for word in words if word.startswith(("docs/", "tools/", "tests/"))]
        assert not [file for file in files if not (ROOT / file).exists()]
