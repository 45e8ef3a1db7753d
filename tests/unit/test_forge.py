# SPDX-License-Identifier: GPL-3.0-or-later
"""What the forge and pre-commit run are tasks that exist, and the forge's files are what it reads."""

import re
from pathlib import Path
from typing import Any

import pytest
import task
import venvs

yaml = pytest.importorskip("yaml", reason="comes with openjd-cli")
ROOT = Path(__file__).resolve().parents[2]
FILES = sorted([*(ROOT / ".github").rglob("*.yml"), ROOT / ".pre-commit-config.yaml"])
FORMS = sorted(
    set((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")) - {ROOT / ".github/ISSUE_TEMPLATE/config.yml"}
)


def read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def commands() -> list[str]:
    workflow = read(ROOT / ".github" / "workflows" / "check.yml")
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    hooks = read(ROOT / ".pre-commit-config.yaml")["repos"][0]["hooks"]
    return [step["run"] for step in steps if "run" in step] + [hook["entry"] for hook in hooks]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_of_the_forge_is_yaml(path: Path) -> None:
    assert isinstance(read(path), dict)


def test_each_command_of_the_forge_is_a_task() -> None:
    named = [
        re.fullmatch(r"(?:make|python3? tools/task\.py) ([a-z-]+)(?: (tests/\S+))?", text)
        for text in commands()
    ]
    tasks = [found for found in named if found]
    assert len(tasks) == 7
    assert {found[1] for found in tasks} <= set(task.TASKS)
    assert all((ROOT / found[2]).exists() for found in tasks if found[2])


def test_the_forge_installs_the_libraries_that_blender_needs() -> None:
    (installs,) = [text for text in commands() if "apt-get install" in text]
    assert set(venvs.APT.split()) <= set(installs.split())


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_an_issue_form_has_what_a_form_needs(path: Path) -> None:
    form = read(path)
    assert {"name", "description", "body"} <= form.keys()
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in fields}) == len(fields)
    assert all(field["attributes"]["label"] for field in fields)
