# SPDX-License-Identifier: GPL-3.0-or-later
"""What the package offers to scripts, without anything being loaded before it is asked for."""

import ast
import subprocess
import sys
from pathlib import Path

import maquette
import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_importing_the_package_imports_none_of_its_parts() -> None:
    code = (
        "import importlib.util as u, sys; spec = u.spec_from_file_location('maquette', sys.argv[1],"
        " submodule_search_locations=[]); m = sys.modules['maquette'] = u.module_from_spec(spec);"
        " spec.loader.exec_module(m); print([n for n in sys.modules if n.startswith('maquette.')])"
    )
    command = [sys.executable, "-c", code, str(ROOT / "__init__.py")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_what_it_offers_is_what_scripts_get_and_no_part_of_it_has_such_a_name() -> None:
    offered = set(maquette.__all__)
    tree = ast.parse((ROOT / "headless" / "__init__.py").read_text("utf-8"))
    (names,) = (node.value for node in tree.body if isinstance(node, ast.Assign))
    assert offered <= set(ast.literal_eval(names))
    # Once imported, a part is an attribute of the package, and would hide what is offered under its name.
    assert not offered & {path.stem for path in ROOT.iterdir()}


def test_a_name_that_it_does_not_have_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'bl_info'"):
        _ = maquette.bl_info
    assert not hasattr(maquette, "__time__")
