# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws what goes into a model: first what it works from, then its parameters, the rare ones folded away."""

import re
from functools import lru_cache
from typing import Any

import bpy

from .. import properties
from ..jobs import Model
from ..properties import Field
from .text import Ruler, draw_text
from .thumbnails import icon_of_image

FEW = 5  # so many parameters are shown without folding any away
_RARE = re.compile("seed|negative|pose|origin|align|sampl|guidance|rescale|token", re.IGNORECASE)
_TELLING = re.compile("face|poly|decimat", re.IGNORECASE)
_BLOCKS = ("picture", "pictures", "mesh", "path", "paths", "items")  # roles that are more than a line
Layout = bpy.types.UILayout


@lru_cache(maxsize=8)
def arranged(fields: tuple[Field, ...]) -> tuple[list[Field], list[Field], list[Field]]:
    """What the result is made from, the parameters to be seen, and those to fold away."""
    given = [f for f in fields if f.role in _BLOCKS[:-1] or f.spec.is_prompt]
    primary = [f for f in given if properties.is_primary(f.spec)]
    sources = primary if any(f.role != "mesh" for f in primary) else given
    others = [f for f in fields if f not in sources]
    rules = [f.spec.required.conditional for f in fields if f.spec.required.conditional]
    switches = {name for rule in rules for name in rule.values}

    def rank(f: Field) -> int:
        name, rule = f.spec.name, f.spec.required
        if rule.conditional or rule.is_always or name in switches:
            return 0
        return 3 if _RARE.search(name) else 1 if f.spec.has_cost_impact or _TELLING.search(name) else 2

    first = sorted(others, key=rank)
    count = next((n for n, f in enumerate(first) if n >= FEW or rank(f) == 3), len(first))
    seen = others if len(others) <= FEW else [f for f in others if f in first[:count]]
    return sources, seen, [f for f in others if f not in seen]


def draw_inputs(layout: Layout, ruler: Ruler, settings: properties.MaquetteSettings, model: Model) -> None:
    group = properties.inputs_of(settings, model.id)
    shown = properties.shown_values(model, properties.values_of(settings, model))
    sources, seen, folded = (
        [f for f in part if properties.is_relevant(f.spec, shown)]
        for part in arranged(properties.fields_of(model.id))
    )
    views = [f for f in sources if f.role == "picture"]
    for field in sources:
        if field.role == "picture" and len(views) == 1:
            _draw_picture(layout, field, group)
        else:
            _draw_field(layout, ruler, field, group)
    _draw_grouped(layout.column(), ruler, seen, group)
    if folded:
        header, body = layout.panel("maquette_more_options", default_closed=True)
        header.label(text="More Options")
        if body:
            _draw_grouped(body.column(), ruler, folded, group)


def _draw_grouped(layout: Layout, ruler: Ruler, fields: list[Field], group: Any) -> None:
    heading = ""
    for field in fields:
        if field.spec.group != heading and (heading := field.spec.group):
            layout.label(text=heading)
        _draw_field(layout, ruler, field, group)


def _draw_picture(layout: Layout, field: Field, group: Any) -> None:
    """The one picture that it all starts from, large."""
    column = layout.column(align=True)
    _draw_capture(_draw_title(column, field), field)
    if held := getattr(group, field.attribute):
        column.box().template_icon(icon_value=icon_of_image(layout, held), scale=6.0)
    column.template_ID(group, field.attribute, open="image.open")


def _draw_field(layout: Layout, ruler: Ruler, field: Field, group: Any) -> None:
    spec, attribute = field.spec, field.attribute
    held = getattr(group, attribute)
    column = layout.column(align=True)
    if field.role == "picture":
        row = column.row(align=True)
        split = row.split(factor=0.36)
        split.label(text=field.title.removesuffix(" Image"))
        _draw_slot(split, group, attribute)
        _draw_capture(row, field)
    elif field.role in ("pictures", "paths", "items"):
        _draw_list(column, ruler, field, held)
    elif field.role in ("mesh", "path") or spec.is_prompt:
        _draw_title(column, field)
        hint = spec.placeholder or spec.description
        if field.role == "mesh":
            hint = "Selected Objects" if properties.takes_selection(spec) else "None"
        column.prop(group, attribute, text="", placeholder=hint)
        if spec.is_prompt and not ruler.fits(held, 1.0, -1.0):
            draw_text(column.box(), ruler, held, inset=0.8)
    elif field.role == "boolean":
        column.prop(group, attribute, text=field.title)
    else:
        _draw_value(column, ruler, field, group)


def _draw_value(column: Layout, ruler: Ruler, field: Field, group: Any) -> None:
    """A line, or two where the label or the longest choice would be cut off."""
    title = field.title
    if (
        field.role not in ("choices", "list", "json")
        and ruler.fits(field.title, 0.4, -0.6)
        and ruler.fits(field.longest, 0.6, -1.8)
    ):
        column.use_property_split = True
    else:
        column.label(text=title)
        title = ""
    if not field.switch:
        column.prop(group, field.attribute, text=title)
        return
    row = column.row(heading=title, align=True)
    row.prop(group, field.switch, text="")
    row = row.row(align=True)
    row.active = getattr(group, field.switch)
    row.prop(group, field.attribute, text="")


def _draw_list(column: Layout, ruler: Ruler, field: Field, items: Any) -> None:
    row = _draw_title(column, field)
    if field.role == "pictures":
        _draw_capture(row, field)
    for number, item in enumerate(items):
        row = column.row(align=True)
        if field.role == "items":
            _draw_grouped(row.box().column(), ruler, list(field.fields), item)
        elif field.role == "paths":
            row.prop(item, "path", text="")
        else:
            _draw_slot(row, item, "image")
        removed = row.operator("maquette.remove_item", text="", icon="X")
        removed.input_name, removed.index = field.spec.name, number
    if len(items) < (field.spec.max_length or 100):
        column.operator("maquette.add_item", text="Add", icon="ADD").input_name = field.spec.name


def _draw_slot(row: Layout, owner: Any, attribute: str) -> None:
    """A place for an image, on one line: with its thumbnail, or with the ways to choose one."""
    if held := getattr(owner, attribute):
        row.prop(owner, attribute, text="", icon_value=icon_of_image(row, held))
    else:
        row.template_ID(owner, attribute, open="image.open")


def _draw_capture(row: Layout, field: Field) -> None:
    icon = "RESTRICT_RENDER_OFF"
    chosen = row.operator_menu_enum("maquette.capture_image", "source", text="", icon=icon)
    chosen.input_name = field.spec.name


def _draw_title(column: Layout, field: Field) -> Layout:
    row = column.row(align=True)
    row.label(text=field.title)
    return row
