# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the layers: which part may import which, where sockets, threads and bpy may be, what files have."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Part → the other parts of ours that it may import, at the top of a file or inside a function.
MAY_IMPORT = {
    "client": set[str](),
    "jobs": {"client"},
    "scene": set[str](),
    "session_state": {"jobs"},
    "preferences": {"jobs", "session_state"},
    "properties": {"client", "jobs", "preferences", "session_state"},
    "window": {"client", "jobs", "scene", "session_state", "preferences", "properties"},
    "operators": {"client", "jobs", "scene", "session_state", "preferences", "properties", "window"},
    "panels": {"client", "jobs", "scene", "session_state", "preferences", "properties", "window"},
    "batches": {"client", "jobs"},
    "headless": {"client", "jobs", "batches", "scene", "preferences"},
    "cli": {"client", "jobs", "batches", "scene", "preferences", "headless"},
    "sandbox": set[str](),
    "registration": {
        *(
            "client",
            "jobs",
            "scene",
            "preferences",
            "properties",
            "window",
            "operators",
            "panels",
            "batches",
            "cli",
        )
    },
    "__init__": {"registration", "headless"},
}
NO_BPY = {"client", "jobs", "batches"}
NETWORK = {"aiohttp", "ftplib", "http.client", "httpx", "requests", "socket", "urllib.request", "urllib3"}
THREADS = {"_thread", "asyncio", "concurrent", "multiprocessing", "threading"}
FILES = sorted(
    path
    for path in [*ROOT.glob("*.py"), *(p for part in MAY_IMPORT for p in (ROOT / part).rglob("*.py"))]
    if "__pycache__" not in path.parts
)
each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())


def part_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@cache
def imports(path: Path) -> list[tuple[str, str, int]]:
    """(part of ours, "", line) or ("", module from elsewhere, line) for each name that a file imports."""
    found = [(name.split(".")[0], "", line) for name, line in own_names(path)]
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found += [("", alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.append(("", node.module or "", node.lineno))
            found += [("", f"{node.module}.{alias.name}", node.lineno) for alias in node.names]
    return found


@cache
def own_names(path: Path) -> list[tuple[str, int]]:
    """What a file imports by relative imports, with its dotted name from the root on, and the line."""
    package = path.relative_to(ROOT).parts[:-1]
    found = []
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*package[: len(package) - node.level + 1], *(node.module or "").split(".")]
            found += [(".".join([*filter(None, base), alias.name]), node.lineno) for alias in node.names]
    return found


@cache
def exports_of(part: str) -> set[str]:
    """The names that a package offers to others: `__all__` of its `__init__`."""
    for node in ast.parse((ROOT / part / "__init__.py").read_bytes()).body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"]:
            return set(ast.literal_eval(node.value))
    return set()


def is_in(module: str, names: set[str]) -> bool:
    return any(module == name or module.startswith(name + ".") for name in names)


@each_file
def test_a_part_imports_only_the_parts_below_it(path: Path) -> None:
    own = part_of(path)
    assert own in MAY_IMPORT, f"{own} is in no layer: add it to the table"
    wrong = {part for part, _, _ in imports(path) if part and part != own} - MAY_IMPORT[own]
    assert not wrong


@each_file
def test_a_package_imports_from_another_only_what_that_one_exports(path: Path) -> None:
    """So whoever changes a module needs to know of its users in its own package, and of `__all__`."""
    own = part_of(path)
    wrong: list[str] = []
    for name, line in own_names(path):
        part, *inner = name.split(".")
        if part != own and inner and (ROOT / part).is_dir():
            is_offered = len(inner) == 1 and inner[0] in exports_of(part)
            wrong += [] if is_offered else [f"line {line}: {name}"]
    assert not wrong


@pytest.mark.parametrize("part", sorted(part for part in MAY_IMPORT if (ROOT / part).is_dir()))
def test_a_package_exports_only_what_something_outside_it_uses(part: str) -> None:
    """What is meant for people's scripts is named in their examples."""
    others = [path for path in FILES if part_of(path) != part]
    for folder in ("tests", "tools", "docs"):
        others += [path for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".md")]
    words = {word for path in others for word in re.findall(r"\w+", path.read_text(encoding="utf-8"))}
    assert exports_of(part) <= words


@each_file
def test_imports_of_ours_are_relative(path: Path) -> None:
    ours = {"maquette", "bl_ext"} | {part for part in MAY_IMPORT if part != "__init__"}
    # A script that Blender runs by its path has no package: it names its neighbours through sys.path.
    assert path.name == "convert.py" or not [module for _, module, _ in imports(path) if is_in(module, ours)]


@each_file
def test_the_plain_parts_need_no_blender(path: Path) -> None:
    if part_of(path) in NO_BPY:
        assert not [m for _, m, _ in imports(path) if is_in(m, {"bpy", "bmesh", "mathutils", "addon_utils"})]


def test_the_clients_transport_alone_opens_sockets() -> None:
    users = {path for path in FILES if any(is_in(module, NETWORK) for _, module, _ in imports(path))}
    ours = {f"{path.parent.name}/{path.name}" for path in users if part_of(path) != "sandbox"}
    assert ours == {"client/transport.py", "client/wire.py"}


@each_file
def test_a_thread_has_its_reason_beside_it(path: Path) -> None:
    """Python threads are not supported in Blender past a script's end; the sandbox is its own process."""
    lines = path.read_text(encoding="utf-8").splitlines()
    for _, module, line in imports(path):
        if is_in(module, THREADS) and part_of(path) != "sandbox":
            assert "#" in lines[line - 1] or lines[line - 2].startswith("#"), f"line {line}: {module}, why?"


@each_file
def test_a_file_says_what_it_is_for(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# SPDX-License-Identifier: GPL-3.0-or-later\n")
    docstring = ast.get_docstring(ast.parse(text))
    assert docstring
    assert len(docstring.splitlines()) <= 12
    assert text.count("\n") <= 400 or re.search(r"^# Long: \w", text, re.MULTILINE), (
        "`# Long: why`, or split it"
    )


@each_file
def test_what_a_module_exports_is_there(path: Path) -> None:
    """Ruff keeps the order (RUF022)."""
    tree = ast.parse(path.read_bytes())
    defined: set[str] = set()
    exported: list[str] = []
    for node in [*tree.body, *(each for part in tree.body if isinstance(part, ast.If) for each in part.body)]:
        if isinstance(node, ast.ImportFrom | ast.Import):
            defined |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            defined |= {target.id for target in targets if isinstance(target, ast.Name)}
            if node.value and any(isinstance(t, ast.Name) and t.id == "__all__" for t in targets):
                exported = list(ast.literal_eval(node.value))
    assert len(exported) == len(set(exported))
    assert set(exported) <= defined


@each_file
def test_an_assignment_gives_a_value_to_two_names_at_most(path: Path) -> None:
    """Three values that are packed into one line save lines, and hide what belongs together."""
    packed = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Tuple)
        and any(isinstance(target, ast.Tuple) and len(target.elts) > 2 for target in node.targets)
    ]
    assert not packed, f"lines {packed}: an assignment a line"
