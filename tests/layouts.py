# SPDX-License-Identifier: GPL-3.0-or-later
"""A layout that only listens, for draw functions in a Blender without a window."""

from types import SimpleNamespace
from typing import Any

import bpy

FUNCTIONS: Any = bpy.types.UILayout.bl_rna.functions  # pyright: ignore[reportAttributeAccessIssue]
LABEL = FUNCTIONS["label"]
ICONS = {item.identifier for item in LABEL.parameters["icon"].enum_items}


def drawing_context(selected: tuple = ()) -> SimpleNamespace:
    """What a draw function asks the context for, in a sidebar of the usual width."""
    return SimpleNamespace(
        region=SimpleNamespace(width=280),
        preferences=bpy.context.preferences,
        scene=bpy.context.scene,
        window_manager=bpy.context.window_manager,
        selected_objects=list(selected),
        selected_editable_objects=list(selected),
    )


class Layout:
    """Stands in for a UILayout: keeps the words, refuses icons and operators that there are not."""

    def __init__(self, said: list[str]) -> None:
        self.said = said

    def __getattr__(self, name: str):
        parameters = FUNCTIONS[name].parameters.keys()

        def call(*arguments: Any, **options):
            assert options.keys() <= {*parameters, "heading", "text", "icon"}
            assert options.get("icon", "NONE") in ICONS
            self.said.append(str(options.get("text", "")))
            if name in ("prop", "template_ID"):
                assert arguments[1] in arguments[0].bl_rna.properties
            if name.startswith("operator"):
                kind = "MAQUETTE_OT_" + str(arguments[0]).split(".")[1]
                assert hasattr(bpy.types, kind), kind
                self.said.append(str(arguments[0]))
                return SimpleNamespace()
            if name == "panel":
                return self, self
            return 1 if name == "icon" else self

        return call
