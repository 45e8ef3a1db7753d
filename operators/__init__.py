# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user can do: one action a file, named after it. They say what; jobs and scene know how."""

import importlib
import pkgutil

import bpy

_KINDS = (bpy.types.Operator, bpy.types.FileHandler, bpy.types.Menu)
_registered: list[type] = []


def register() -> None:
    from . import entries  # loads what operators need

    try:
        for file in pkgutil.iter_modules(__path__):
            module = importlib.import_module(f".{file.name}", __package__)
            for value in vars(module).values():
                is_own = isinstance(value, type) and value.__module__ == module.__name__
                if is_own and issubclass(value, _KINDS):
                    bpy.utils.register_class(value)
                    _registered.append(value)
        entries.append()
    except BaseException:  # whatever it was: leave nothing half-registered, and pass it on
        _unregister_classes()
        raise


def unregister() -> None:
    from ..window import confirm, dialog, when_ready
    from . import entries

    confirm.unregister()
    dialog.closed()
    when_ready.unregister()
    entries.remove()
    _unregister_classes()


def _unregister_classes() -> None:
    while _registered:
        bpy.utils.unregister_class(_registered.pop())
