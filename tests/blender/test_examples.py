# SPDX-License-Identifier: GPL-3.0-or-later
"""Each example of the documents as a user runs it, on a sandbox: shell blocks, docs/python.md's scripts."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy
import pytest
from commands import EXAMPLES, TIMEOUT_S, Sandbox, run, run_script, running_sandbox
from document_blocks import ROOT, SHELL, Block, blocks_of

pytestmark = pytest.mark.skipif(
    bpy.app.version[:2] not in ((5, 2), (4, 3)), reason="the processes are the same in every Blender: two do"
)
BLOCKS = [block.text for block in blocks_of(ROOT / "docs" / "python.md", "python")]


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


def check_finish(example: Example) -> None:
    done = example.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert example.paid == 1
    assert re.search(r"Game: [\d,]+ → [\d,]+ faces", done.stdout), done.stdout


def check_sandbox(example: Example) -> None:
    keys = dict.fromkeys(("SCENARIO_SDK_API_KEY", "SCENARIO_SDK_API_SECRET", "MAQUETTE_API_URL"), "")
    done = example.run(**keys)
    assert done.returncode == 0, done.stdout + done.stderr
    assert example.paid == 0  # another sandbox was asked
    told = re.findall(r"Progress\(state='(\w+)'", done.stdout)
    assert told[-1] == "ready"
    assert len({*told}) > 1  # which others is chance: it is looked five times a second
    assert [*example.roots("word.blend")] == ["Maquette"]


def check_export(example: Example) -> None:
    done = example.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert example.paid == 1
    for name in ("cat.fbx", "cat.gltf", "cat.bin", "cat_textures", "cat.stl"):
        assert (example.folder / name).exists()
    assert str(example.folder / "cat.stl") in done.stdout
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.wm.stl_import(filepath=str(example.folder / "cat.stl"))
    assert max(bpy.context.object.dimensions) == pytest.approx(300, abs=0.1)


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
    check_render, check_finish, check_sandbox, check_export, check_grid, check_plan, check_key, check_error,
]  # fmt: skip


def test_each_example_has_its_check() -> None:
    assert len(BLOCKS) == len(CHECKS)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_an_example_of_the_page_does_what_it_says(
    check: Callable[[Example], None], sandbox: Sandbox, tmp_path: Path
) -> None:
    check(Example(tmp_path, sandbox, BLOCKS[CHECKS.index(check)]))


class Folder:
    """A folder as the documents' shell blocks expect theirs to be, and what they have on the PATH."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self.folder = folder
        shutil.copytree(EXAMPLES, folder / "examples")
        shutil.copyfile(ROOT / "docs" / "demo.jpg", folder / "chair.jpg")
        (folder / "props.csv").write_text("id,image\nhorse,examples/horse.png\n", encoding="utf-8")
        (folder / "finished.csv").write_text("id,file,faces\nhorse,examples/horse.png,800\n", "utf-8")
        (folder / "mail-me.sh").write_text('echo "$BATCH_EXIT_CODE" > mail\n', encoding="utf-8")
        (folder / "script.py").write_text("open('script ran', 'w').close()\n", encoding="utf-8")
        (folder / "dist").mkdir()
        shutil.copyfile(os.environ["MAQUETTE_ZIP"], folder / "dist" / "maquette-1.2.3.zip")
        self.write_program(".venv/bin/blender", f'exec "{os.environ["MAQUETTE_BLENDER"]}" "$@"')
        self.write_program("bin/blender", f'exec "{os.environ["MAQUETTE_BLENDER"]}" "$@"')
        self.write_program("bin/make", 'echo "$@" > made')  # what the test was given is made
        self.env = {
            **sandbox.env,
            "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "MAQUETTE_STATE": str(folder / "state"),
        }

    def write_program(self, name: str, line: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
        path.chmod(0o755)

    def run(self, block: Block) -> None:
        env = dict(self.env)
        if "install-file" in block.text:  # into preferences of its own, where nothing is installed yet
            (self.folder / "user").mkdir()
            env["BLENDER_USER_RESOURCES"] = str(self.folder / "user")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block.text],
            cwd=self.folder, env=env, text=True, timeout=TIMEOUT_S,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout


# Each shell block that runs, and what it leaves.
LEAVES = {
    "README.md 2": ["out/horse.glb"],
    "README.md 3": ["chair.blend", "chair.png", "teapot.glb"],
    "README.md 4": ["out/game.glb"],
    "docs/batch.md 1": ["made", "out/batch/index.html", "out/batch/horse.glb", "out/batch/sheet"],
    "docs/batch.md 2": ["out/horse.glb", "out/index.html"],
    "docs/batch.md 3": ["out/horse.glb", "out/results.csv"],
    "docs/batch.md 4": ["out/horse.glb", "mail"],
    "docs/export.md 1": ["horse.glb", "horse.fbx", "horse.stl", "out/horse.obj", "out/horse_textures"],
    "docs/library.md 1": ["out/library/blender_assets.cats.txt", "out/library/maquette-library.toml"],
    "docs/library.md 2": ["out/library"],
    "docs/python.md 1": ["script ran"],
}


def test_each_shell_block_is_run_or_says_why_not() -> None:
    assert [block.name for block in SHELL if not block.not_run] == [*LEAVES]


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
@pytest.mark.parametrize(
    "block", [block for block in SHELL if not block.not_run], ids=lambda block: block.name
)
def test_a_shell_block_of_the_documents_does_what_it_says(
    block: Block, sandbox: Sandbox, tmp_path: Path
) -> None:
    Folder(tmp_path, sandbox).run(block)
    assert not [name for name in LEAVES[block.name] if not (tmp_path / name).exists()]


def options_of(command: str) -> set[str]:
    """Of `library`, those of all that it does."""
    found: set[str] = set()
    for action in ("add", "set", "publish") if command == "library" else ("",):
        done = run(command, *filter(None, [action]), "--help")
        assert done.returncode == 0, done.stderr
        found |= set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", done.stdout))
    return found


def test_the_options_that_the_documents_give_a_command_are_its_own() -> None:
    given: dict[str, set[str]] = {}
    for block in SHELL:
        for line in block.commands:
            if found := re.search(r"--command maquette ([a-z]+) (.*)", line):
                words = {word for word in found[2].split() if re.fullmatch(r"--?[a-z][a-z-]*", word)}
                given.setdefault(found[1], set()).update(words)
    table = (ROOT / "README.md").read_text("utf-8").partition("| `maquette …` | does |")[2]
    for command, words in re.findall(r"^\| `([a-z]+)[^`]*` \|(.*)\|$", table, re.MULTILINE):
        given.setdefault(command, set()).update(re.findall(r"`(--?[a-z][a-z-]*)", words))
    wrong = {command: words - options_of(command) for command, words in given.items()}
    assert not {command: words for command, words in wrong.items() if words}
    told_once = {"-h", "--help", "-p", "--output", "--sandbox", "--api-url", "--state", "--json"}
    rest = options_of("generate") - told_once
    assert not rest - given["generate"], "the README's table leaves options of generate out"
    pages = [(ROOT / page).read_text("utf-8") for page in ("README.md", "docs/batch.md", "docs/farm.md")]
    told = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", "".join(pages)))
    assert not options_of("batch") - told - told_once, "no page tells of these options of batch"
