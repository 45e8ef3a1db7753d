# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension as Blender installs it: what is in the zip, and that nothing is left behind."""

import importlib
import json
import os
import subprocess
import sys
import types
import zipfile
from collections.abc import Callable, Iterator

import addon_utils
import bpy
import pytest

PACKAGE = os.environ["MAQUETTE_PACKAGE"]
BLENDER = os.environ["MAQUETTE_BLENDER"]
PROPERTY_OWNERS = ("ID", "Object", "Mesh", "Material", "Image", "Collection", "Scene", "World",
                   "WindowManager", "Screen", "Text", "Bone", "Node")  # fmt: skip


def registration() -> types.ModuleType:
    return importlib.import_module(PACKAGE + ".registration")


def snapshot() -> dict[str, set[str]]:
    """Everything that an add-on can leave in Blender, by name."""
    kinds: dict[str, set[str]] = {"types": set(dir(bpy.types))}
    for kind in (
        "Operator",
        "Panel",
        "Menu",
        "UIList",
        "Header",
        "PropertyGroup",
        "AddonPreferences",
        "FileHandler",
    ):
        kinds[kind] = {f"{cls.__module__}.{cls.__name__}" for cls in getattr(bpy.types, kind).__subclasses__()
                       if cls.is_registered}  # fmt: skip
    for owner in PROPERTY_OWNERS:
        rna = getattr(bpy.types, owner).bl_rna
        kinds[f"properties of {owner}"] = set(rna.properties.keys())
    for name in dir(bpy.app.handlers):
        listeners = getattr(bpy.app.handlers, name)
        if isinstance(listeners, list):
            kinds[f"handlers {name}"] = {repr(listener) for listener in listeners}
    for menu in (
        *("TOPBAR_MT_file_import", "TOPBAR_MT_file_export", "VIEW3D_MT_add", "VIEW3D_MT_object"),
        *("VIEW3D_MT_object_context_menu", "IMAGE_MT_image", "FILEBROWSER_MT_context_menu"),
    ):
        entries = getattr(
            getattr(bpy.types, menu).draw, "_draw_funcs", []
        )  # there once anything was appended
        kinds[f"entries of {menu}"] = {repr(draw) for draw in entries if draw.__module__ != "bl_ui"}
    keyconfig = bpy.context.window_manager.keyconfigs.addon
    kinds["keymaps"] = {
        f"{keymap.name} {item.idname}"
        for keymap in (keyconfig.keymaps if keyconfig else ())
        for item in keymap.keymap_items
    }
    return kinds


@pytest.fixture
def cli_commands(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The commands registered and not yet unregistered; Blender has no list of its own."""
    handles: list[object] = []
    register, unregister = bpy.utils.register_cli_command, bpy.utils.unregister_cli_command

    def register_cli_command(name: str, call: Callable[[list[str]], int]) -> object:
        handles.append(register(name, call))
        return handles[-1]

    def unregister_cli_command(handle: object) -> None:
        unregister(handle)
        handles.remove(handle)

    monkeypatch.setattr(bpy.utils, "register_cli_command", register_cli_command)
    monkeypatch.setattr(bpy.utils, "unregister_cli_command", unregister_cli_command)
    return handles


@pytest.fixture
def disabled() -> Iterator[None]:
    """The extension disabled; enabled again at the end."""
    addon_utils.disable(PACKAGE)
    assert PACKAGE not in bpy.context.preferences.addons or not sys.modules[PACKAGE].__addon_enabled__
    yield
    addon_utils.enable(PACKAGE)


def test_enabling_and_disabling_leaves_nothing_behind(disabled: None, cli_commands: list[object]) -> None:
    before = snapshot()
    for _ in range(3):
        assert addon_utils.enable(PACKAGE)
        assert cli_commands
        assert snapshot() != before
        addon_utils.disable(PACKAGE)
        assert snapshot() == before
        assert cli_commands == []


def test_a_part_that_fails_takes_back_those_before_it(
    disabled: None, cli_commands: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = registration()
    before = snapshot()
    for part in parts.PARTS:
        module = importlib.import_module(f"{PACKAGE}.{part}")

        def stumble() -> None:
            raise ZeroDivisionError

        with monkeypatch.context() as patch:
            patch.setattr(module, "register", stumble)
            with pytest.raises(ZeroDivisionError):
                parts.register()
        assert snapshot() == before, part
        assert cli_commands == []
    parts.register()
    assert snapshot() != before
    parts.unregister()
    assert snapshot() == before


def test_no_timer_is_left(disabled: None) -> None:
    """Timers have no list to compare: each function of ours is asked for by itself."""
    functions = {
        value
        for name, module in list(sys.modules.items())
        if name.startswith(PACKAGE)
        for value in vars(module).values()
        if callable(value) and getattr(value, "__module__", "").startswith(PACKAGE)
    }
    assert functions
    assert not [function for function in functions if bpy.app.timers.is_registered(function)]


# What Blender itself has loaded is taken away first: loaded again it would be the extension's doing.
MEASURE = f"""
import importlib, json, sys, time
import addon_utils
HEAVY = ("requests", "urllib3", "sqlite3")
sys.dont_write_bytecode = False  # as for a person: compiled once
addon_utils.disable({PACKAGE!r})
times = []
for _ in range(5):
    for name in list(sys.modules):
        if name.startswith({PACKAGE!r}) or name.split(".")[0] in HEAVY:
            del sys.modules[name]
    start = time.perf_counter()
    package = importlib.import_module({PACKAGE!r})
    package.register()
    times.append(time.perf_counter() - start)
    loaded = [name for name in sys.modules if name.startswith({PACKAGE!r}) or name.split(".")[0] in HEAVY]
    package.unregister()
print("MEASURED", json.dumps({{"times": times, "loaded": loaded}}), flush=True)
"""


def in_a_fresh_blender(code: str) -> str:
    """Runs code in a Blender of its own with the extension installed; returns what it printed."""
    command = [BLENDER, "--background", "--python-exit-code", "3", "--python-expr", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_registering_loads_neither_requests_nor_sqlite() -> None:
    measured = json.loads(in_a_fresh_blender(MEASURE).split("MEASURED ", 1)[1].splitlines()[0])
    print(f"register(): {[round(seconds * 1000, 1) for seconds in measured['times']]} ms")
    assert f"{PACKAGE}.registration" in measured["loaded"]
    assert not {"requests", "urllib3", "sqlite3"} & {name.split(".")[0] for name in measured["loaded"]}


def test_the_manifest_is_valid_to_this_blender() -> None:
    command = [BLENDER, "--command", "extension", "validate", os.environ["MAQUETTE_ZIP"]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_zip_holds_the_extension_and_nothing_else() -> None:
    with zipfile.ZipFile(os.environ["MAQUETTE_ZIP"]) as file:
        names = file.namelist()
        size = sum(info.compress_size for info in file.infolist())
    assert {"__init__.py", "blender_manifest.toml", "registration.py", "LICENSE"} <= set(names)
    top = {name.split("/")[0] for name in names}
    assert not top & {
        "tests",
        "tools",
        "docs",
        "examples",
        "out",
        "build",
        "dist",
        "Makefile",
        "pyproject.toml",
    }
    assert not [name for name in names if name.startswith(".") or "/." in name or "__pycache__" in name]
    endings = {name.rsplit(".", 1)[-1] for name in names if "." in name}
    assert endings <= {"py", "toml", "json", "txt", "png", "html"}
    assert size < 1_000_000


def test_what_runs_is_the_installed_zip() -> None:
    package = importlib.import_module(PACKAGE)
    assert package.__file__
    assert os.path.realpath(package.__file__).startswith(
        os.path.realpath(os.environ["BLENDER_USER_RESOURCES"])
    )
