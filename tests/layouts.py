# SPDX-License-Identifier: GPL-3.0-or-later
"""A layout that only listens, for draw functions in a Blender without a window."""

from types import SimpleNamespace
from typing import Any, ClassVar

import blf
import bpy

UNIT, ICON = 20, 1.3  # a button's height in pixels; what an icon takes before a text
CONTENT = 226  # of a panel in a sidebar of the usual width, as seen in screenshots of 4.2 and 5.2
FUNCTIONS: Any = bpy.types.UILayout.bl_rna.functions  # pyright: ignore[reportAttributeAccessIssue]
LABEL = FUNCTIONS["label"]
ICONS = {item.identifier for item in LABEL.parameters["icon"].enum_items}


def drawing_context(selected: tuple = ()) -> SimpleNamespace:
    """What a draw function asks the context for, in a sidebar of the usual width."""
    return SimpleNamespace(
        region=SimpleNamespace(width=280),
        preferences=SimpleNamespace(
            system=SimpleNamespace(ui_scale=1.0),  # 0 without a window
            ui_styles=bpy.context.preferences.ui_styles,
        ),
        scene=bpy.context.scene,
        window_manager=bpy.context.window_manager,
        selected_objects=list(selected),
        selected_editable_objects=list(selected),
    )


class Layout:
    """Stands in for a UILayout: keeps the words, refuses icons and operators that there are not.

    It knows its width in pixels where columns and splits tell it, and none within rows. `cut`
    has the words that would not fit, `translated` what Blender would look up in its language's dictionary.
    """

    translated: ClassVar[list[str]] = []

    def __init__(self, said: list[str], cut: list[str] | None = None, width: float | None = None) -> None:
        self.said, self.cut, self.width = said, [] if cut is None else cut, width
        self.factor: float | None = None  # of a split: what its next part gets
        self.entries = 0

    def __getattr__(self, name: str):
        parameters = FUNCTIONS[name].parameters.keys()

        def call(*arguments: Any, **options):
            assert options.keys() <= {*parameters, "heading", "text", "icon"}
            assert options.get("icon", "NONE") in ICONS
            self.said.append(str(options.get("text", "")))
            if options.get("translate", True):
                self.translated.append(str(options.get("text", "")))
            if name in ("prop", "template_ID"):
                assert arguments[1] in arguments[0].bl_rna.properties
            width = self.part()
            if width is not None and name in ("label", "prop", "operator"):
                self.measure(name, arguments, options, width)
            if name.startswith("operator"):
                kind = "MAQUETTE_OT_" + str(arguments[0]).split(".")[1]
                assert hasattr(bpy.types, kind), kind
                self.said.append(str(arguments[0]))
                return SimpleNamespace()
            if name == "panel":
                return self, self
            if name in ("column", "box", "split"):
                inner = Layout(self.said, self.cut, width and width - (UNIT * 0.8 if name == "box" else 0))
                inner.factor = options.get("factor") if name == "split" else None
                return inner
            return 1 if name == "icon" else Layout(self.said, self.cut)

        return call

    def part(self) -> float | None:
        """The width of the next thing in here."""
        if self.factor is None or self.width is None:
            return self.width
        self.entries += 1
        return self.width * (self.factor if self.entries == 1 else 1 - self.factor)

    def measure(self, kind: str, arguments: tuple, options: dict, width: float) -> None:
        """Notes what Blender would cut off."""
        text, taken = str(options.get("text", "")), ICON if options.get("icon", "NONE") != "NONE" else 0.0
        if kind == "prop":
            known = arguments[0].bl_rna.properties[arguments[1]]
            taken = {"BOOLEAN": 1.2, "ENUM": 1.6, "INT": 1.6, "FLOAT": 1.6}.get(known.type, 0.0)
            if known.type == "ENUM" and not known.is_enum_flag and known.enum_items:
                text = text or max((item.name for item in known.enum_items), key=len)
            elif known.type in ("INT", "FLOAT"):
                text += f" {getattr(*arguments):.6g}"
            elif known.type != "BOOLEAN":
                return
        blf.size(0, bpy.context.preferences.ui_styles[0].widget.points)
        if blf.dimensions(0, text)[0] > width - taken * UNIT:
            self.cut.append(text)
