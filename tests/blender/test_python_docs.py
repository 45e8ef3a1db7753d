# SPDX-License-Identifier: GPL-3.0-or-later
"""Each example of docs/python.md as a user runs it: a script in a Blender without a window, on a sandbox."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy
import pytest
from commands import EXAMPLES, Sandbox, run_script, running_sandbox

pytestmark = pytest.mark.skipif(
    bpy.app.version[:2] not in ((5, 2), (4, 3)), reason="the processes are the same in every Blender: two do"
)
PAGE = EXAMPLES.parent / "docs" / "python.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("docs"), "--delay", "0") as running:
        yield running


@pytest.fixture(autouse=True)
def _no_file_stays_open() -> Iterator[None]:
    yield
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)


class Example:
    """A folder with what the page's examples find in theirs."""

    def __init__(self, folder: Path, sandbox: Sandbox, code: str) -> None:
        self.folder, self.sandbox = folder, sandbox
        (folder / "pictures").mkdir()
        for picture in ("horse.png", "cat.png", "coffee.png"):
            shutil.copyfile(EXAMPLES / picture, folder / picture)
            shutil.copyfile(EXAMPLES / picture, folder / "pictures" / picture)
        (folder / "props.csv").write_text("id,image\nhorse,horse.png\ndog,dog.png\n", encoding="utf-8")
        (folder / "script.py").write_text(code, encoding="utf-8")
        self.paid_before = self.stats()

    def stats(self) -> int:
        return int(self.sandbox.stats()["paidJobs"])

    @property
    def paid(self) -> int:
        return self.stats() - self.paid_before

    def run(self, **changes: str) -> "subprocess.CompletedProcess[str]":
        env = {**self.sandbox.env, "MAQUETTE_STATE": str(self.folder / "state"), **changes}
        return run_script(self.folder / "script.py", folder=self.folder, env=env)

    def roots(self, name: str) -> dict[str, Any]:
        """The results in a .blend that was saved."""
        bpy.ops.wm.open_mainfile(filepath=str(self.folder / name))
        return {each.name: each for each in bpy.data.objects if "maquette_min" in each}


def check_render(example: Example) -> None:
    done = example.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert example.paid == 1
    told = re.search(r"(\d+) faces, ([\d.]+) CU, \(([\d.]+), ([\d.]+), ([\d.]+)\) metres", done.stdout)
    assert told, done.stdout
    assert 500 < int(told[1]) <= 4000
    assert float(told[2]) > 0
    assert max(map(float, told.groups()[2:])) == pytest.approx(2.4)
    image = bpy.data.images.load(str(example.folder / "render.png"))
    assert tuple(image.size) == (320, 240)
    pixels = list(image.pixels)
    assert max(pixels[0::4]) - min(pixels[0::4]) > 0.2  # there is something in it
    bpy.data.images.remove(image)


def check_sandbox(example: Example) -> None:
    keys = dict.fromkeys(("SCENARIO_SDK_API_KEY", "SCENARIO_SDK_API_SECRET", "MAQUETTE_API_URL"), "")
    done = example.run(**keys)
    assert done.returncode == 0, done.stdout + done.stderr
    assert example.paid == 0  # another sandbox was asked
    assert "Progress(state='running'" in done.stdout or "Progress(state='queued'" in done.stdout
    assert [*example.roots("word.blend")] == ["Maquette"]


def check_grid(example: Example) -> None:
    done = example.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert example.paid == 4
    again = example.run()
    assert again.returncode == 0, again.stdout + again.stderr
    assert example.paid == 4
    assert "cup done" in again.stdout
    roots = example.roots("grid.blend")
    assert {name: tuple(root.location[:2]) for name, root in roots.items()} == {
        "cat": (0, 0),
        "coffee": (2, 0),
        "horse": (0, 2),
        "cup": (2, 2),
    }
    assert roots["horse"]["maquette_key"] == "horse"
    sides = [
        high - low
        for low, high in zip(roots["cup"]["maquette_min"], roots["cup"]["maquette_max"], strict=True)
    ]
    assert max(sides) * roots["cup"].scale.x == pytest.approx(0.5, rel=1e-4)
    assert sorted(path.name for path in (example.folder / "out").glob("*.glb")) == [
        f"{name}.glb" for name in ("cat", "coffee", "cup", "horse")
    ]
    assert (example.folder / "out" / "index.html").exists()


def check_plan(example: Example) -> None:
    done = example.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"1 rows, [\d.]+ CU", done.stdout)
    assert "row 2 (dog, line 3): dog.png: no such file" in done.stdout
    assert example.paid == 0


def check_key(example: Example) -> None:
    for _ in range(2):
        done = example.run()
        assert done.returncode == 0, done.stdout + done.stderr
        assert example.paid == 2


def check_error(example: Example) -> None:
    done = example.run()
    assert done.returncode == 4, done.stdout + done.stderr
    assert "and it may cost 1 CU at most" in done.stdout
    assert "0.0 CU were spent" in done.stdout
    assert example.paid == 0


CHECKS: list[Callable[[Example], None]] = [
    check_render, check_sandbox, check_grid, check_plan, check_key, check_error,
]  # fmt: skip


def test_each_example_has_its_check() -> None:
    assert len(BLOCKS) == len(CHECKS)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_an_example_of_the_page_does_what_it_says(
    check: Callable[[Example], None], sandbox: Sandbox, tmp_path: Path
) -> None:
    check(Example(tmp_path, sandbox, BLOCKS[CHECKS.index(check)]))
