# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user can do: one action a file, named after it. They say what; jobs and scene know how."""

import importlib
import pkgutil

import bpy

_KINDS = (bpy.types.Operator, bpy.types.FileHandler, bpy.types.Menu)
_registered: list[type] = []


def register() -> None:
    try:
        for file in pkgutil.iter_modules(__path__):
            module = importlib.import_module(f".{file.name}", __package__)
            for value in vars(module).values():
                is_own = isinstance(value, type) and value.__module__ == module.__name__
                if is_own and issubclass(value, _KINDS):
                    bpy.utils.register_class(value)
                    _registered.append(value)
        bpy.types.VIEW3D_MT_object.append(_draw_menu)
        bpy.types.VIEW3D_MT_object_context_menu.append(_draw_select_model)
    except BaseException:  # whatever it was: leave nothing half-registered, and pass it on
        _unregister_classes()
        raise


def unregister() -> None:
    from ..window import confirm

    confirm.unregister()
    bpy.types.VIEW3D_MT_object_context_menu.remove(_draw_select_model)
    bpy.types.VIEW3D_MT_object.remove(_draw_menu)
    _unregister_classes()


def _draw_menu(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    menu.layout.separator()
    menu.layout.menu("MAQUETTE_MT_menu")


def _draw_select_model(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    """Offered where it makes a difference: on a 3D model of ours with several parts."""
    from ..window import placeholders

    item = context.active_object
    root = placeholders.root_of(item) if item else None
    if root and (root != item or root.type == "EMPTY"):
        menu.layout.separator()
        menu.layout.operator("maquette.select_model", icon="OUTLINER")


def _unregister_classes() -> None:
    while _registered:
        bpy.utils.unregister_class(_registered.pop())
