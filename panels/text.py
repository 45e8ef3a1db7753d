# SPDX-License-Identifier: GPL-3.0-or-later
"""Text as it fits: Blender cuts off what is too wide, so lines are broken here; numbers are kept short."""

from functools import lru_cache
from typing import NamedTuple

import blf
import bpy

# In heights of a button:
MARGIN = 2.7  # what the sidebar's edges and tabs take
ICON = 1.4  # what an icon takes before a text
_TEXT_MAX = 2000  # characters: a file from elsewhere may say anything
_TITLES = 0.4  # the share of the width that titles of facts have


class Ruler(NamedTuple):
    """How wide things are in the region being drawn, in pixels."""

    width: float  # of a panel's content
    unit: float  # a button's height, at this interface scale
    font_size: float

    @classmethod
    def of(cls, context: bpy.types.Context) -> "Ruler":
        preferences = context.preferences
        scale = preferences.system.ui_scale
        points = preferences.ui_styles[0].widget.points
        return cls(context.region.width - MARGIN * 20 * scale, 20 * scale, points * scale)

    def part(self, share: float) -> "Ruler":
        """Of a column that has this share of the width."""
        return self._replace(width=self.width * share)

    def fits(self, text: str, share: float = 1.0, *, taken: float) -> bool:
        """Whether text fits into a share of the width, less `taken` button heights."""
        return _width(text, self.font_size) <= self.width * share - self.unit * taken

    def share(self, text: str, units: float) -> float:
        """The share of the width that text and so many units beside it take."""
        return (_width(text, self.font_size) + self.unit * units) / self.width


def draw_text(
    layout: bpy.types.UILayout, ruler: Ruler, text: str, icon: str = "NONE", inset: float = 0.0
) -> None:
    """Paragraphs in as many lines as they need; `inset` is what a box takes, in units.

    Blender translates no line: one may be a name.
    """
    width = ruler.width - (inset + (ICON if icon != "NONE" else 0.0)) * ruler.unit
    column = layout.column(align=True)
    column.scale_y = 0.8
    for number, line in enumerate(_lines(text, width, ruler.font_size)):
        if icon == "NONE":
            column.label(text=line, translate=False)
        else:
            column.label(text=line, translate=False, icon="BLANK1" if number else icon)


def draw_fact(layout: bpy.types.UILayout, ruler: Ruler, title: str, text: str) -> None:
    """A title, and what there is to say under it."""
    split = layout.split(factor=_TITLES)
    left = split.column()
    left.alignment = "RIGHT"
    left.label(text=title)
    values = ruler._replace(width=ruler.width * (1 - _TITLES))
    if values.fits(text, taken=0.4):
        split.label(text=text, translate=False)
    else:
        draw_text(split, values, text, inset=0.4)


def time_text(seconds: float) -> str:
    minutes, rest = divmod(int(max(0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@lru_cache(maxsize=4096)
def _width(text: str, size: float) -> float:
    blf.size(0, size)
    return blf.dimensions(0, text)[0]


@lru_cache(maxsize=256)
def _lines(text: str, width: float, size: float) -> list[str]:
    lines: list[str] = []
    shown = text if len(text) <= _TEXT_MAX else f"{text[:_TEXT_MAX]}…"
    for paragraph in shown.splitlines() or [""]:
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}".strip()
            if _width(longer, size) <= width:
                line = longer
                continue
            lines += [line] if line else []
            while len(word) > 4 and (wide := _width(word, size)) > width:  # a path or an id: broken anywhere
                part = max(4, int(len(word) * width / wide))
                while part > 4 and _width(word[:part], size) > width:
                    part -= 1
                lines.append(word[:part])
                word = word[part:]
            line = word
        lines.append(line)
    return lines
