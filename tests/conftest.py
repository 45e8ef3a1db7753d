"""Makes the repository importable as the package `maquette`, unless the tests run inside Blender.

Inside Blender (MAQUETTE_PACKAGE is set) they test the installed zip, `bl_ext.user_default.maquette`.
Hypothesis tries the same examples each time, and takes as long as it takes: no run is red by chance.
"""

import importlib.util
import os
import sys
from pathlib import Path

pytest_plugins = ["leftovers"]
ROOT = Path(__file__).resolve().parent.parent

if importlib.util.find_spec("hypothesis"):  # a Blender with its own Python has none
    from hypothesis import settings

    settings.register_profile("steady", derandomize=True, deadline=None)
    settings.load_profile("steady")

if "MAQUETTE_PACKAGE" not in os.environ and "maquette" not in sys.modules:
    spec = importlib.util.spec_from_file_location(
        "maquette", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["maquette"] = module
    spec.loader.exec_module(module)
