# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws what goes into a model: first what it works from, then its parameters, the rare ones folded away."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

import bpy

from .. import properties
from ..client import Model
from ..jobs import view_in
from ..properties import Field
from ..window import pictures
from .text import Ruler, draw_text
from .thumbnails import icon_of_image

FEW = 5  # so many parameters are shown without folding any away
LABELS, LABELS_MAX = 0.4, 0.54  # what labels take of the width: as everywhere in Blender, and at most
VIEW_LABELS = 0.36  # beside images, which need more room
_RARE = re.compile("seed|negative|pose|origin|align|sampl|guidance|rescale|token", re.IGNORECASE)
_TELLING = re.compile("face|poly|decimat", re.IGNORECASE)
_BLOCKS = ("picture", "pictures", "mesh", "path", "paths", "items")  # roles that are more than a line
Layout = bpy.types.UILayout


@lru_cache(maxsize=8)
def arranged(fields: tuple[Field, ...]) -> tuple[list[Field], list[Field], list[Field]]:
    """What the result is made from, the parameters to be seen, and those to fold away."""
    given = [f for f in fields if f.role in _BLOCKS[:-1] or f.spec.is_prompt]
    primary = [f for f in given if f.spec.is_primary]
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
    fields = properties.fields_of(model.id)
    relevant = properties.relevant_fields(settings, model)
    sources, seen, folded = ([f for f in part if f in relevant] for part in arranged(fields))
    columns = columns_of(fields, ruler)
    is_only_one = sum(field.role == "picture" for field in sources) == 1
    for field in sources:
        if field.role == "picture" and is_only_one:
            _draw_picture(layout, ruler, field, group)
        else:
            _draw_block(layout, ruler, field, group)
    _draw_lines(layout, ruler, columns, seen, group)
    if folded:
        header, body = layout.panel("maquette_more_options", default_closed=True)
        header.label(text="More Options")
        if body:
            _draw_lines(body, ruler, columns, folded, group)


class Columns(NamedTuple):
    """How a model's labels and values stand side by side, the same for all of them."""

    labels: float  # share of the width
    has_switches: bool  # whether checkboxes stand with the values, or take the whole width


@lru_cache(maxsize=16)
def columns_of(fields: tuple[Field, ...], ruler: Ruler) -> Columns:
    """Room for as many labels as can be."""
    shares = [ruler.share(f.title, 0.7) for f in fields if f.role not in _BLOCKS and f.role != "boolean"]
    labels = max([LABELS, *(share for share in shares if share <= LABELS_MAX)])
    return Columns(
        labels, all(ruler.fits(f.title, 1 - labels, taken=1.4) for f in fields if f.role == "boolean")
    )


@lru_cache(maxsize=256)
def is_beside(field: Field, columns: Columns, ruler: Ruler) -> bool:
    """Whether the label and the value, however long, fit side by side."""
    if field.role == "boolean":
        return columns.has_switches
    if field.role in ("choices", "list", "json", *_BLOCKS) or field.spec.is_prompt:
        return False
    is_title_short = ruler.fits(field.title, columns.labels, taken=0.5)
    return is_title_short and ruler.fits(field.longest, 1 - columns.labels, taken=2.0)


def _draw_lines(
    layout: Layout,
    ruler: Ruler,
    columns: Columns,
    fields: Iterable[Field],
    group: Any,
    *,
    is_item: bool = False,
) -> None:
    """Labels in one column, values in the other; what does not fit so takes the whole width."""
    heading = ""
    left = None
    right = None
    for field in fields:
        if field.spec.group != heading and (heading := field.spec.group):
            layout.label(text=heading)
            left = right = None
        if not is_beside(field, columns, ruler):
            left = right = None
            _draw_block(layout, ruler, field, group, is_item=is_item)
            continue
        if left is None:
            split = layout.split(factor=columns.labels)
            left, right = split.column(), split.column()
            left.alignment = "RIGHT"
        assert right
        if field.role == "boolean":
            left.label()
            right.prop(group, field.attribute, text=field.title)
        else:
            left.label(text=field.title)
            _draw_value(right, field, group)


def _draw_value(layout: Layout, field: Field, group: Any, text: str = "") -> None:
    if field.switch:
        row = layout.row(align=True)
        row.prop(group, field.switch, text="")
        layout = row.row(align=True)
        layout.active = getattr(group, field.switch)
    layout.prop(group, field.attribute, text=text)


def _draw_picture(layout: Layout, ruler: Ruler, field: Field, group: Any) -> None:
    """The one picture that it all starts from, large."""
    column = layout.column(align=True)
    _draw_capture(_draw_title(column, ruler, field), field)
    held = getattr(group, field.attribute)
    if held:
        if pictures.problem_of(held):  # its preview would be read for ever; why stands below Generate
            column.box().label(text="Cannot Be Read", icon="ERROR")
        else:
            column.box().template_icon(icon_value=icon_of_image(layout, held), scale=6.0)
        _draw_image(column.row(align=True), field, group, field.attribute, held)
    else:
        column.template_ID(group, field.attribute, open="image.open")


def _draw_block(layout: Layout, ruler: Ruler, field: Field, group: Any, *, is_item: bool = False) -> None:
    """An input that takes the whole width, or more than one line."""
    spec = field.spec
    attribute = field.attribute
    column = layout.column(align=True)
    held = getattr(group, attribute)
    if field.role == "picture":
        _draw_view(column, ruler, field, group, is_item=is_item)
    elif field.role in ("pictures", "paths", "items"):
        _draw_list(column, ruler, field, held)
    elif field.role in ("mesh", "path") or spec.is_prompt:
        _draw_title(column, ruler, field)
        column.prop(group, attribute, text="", placeholder=hint_of(field, ruler))
        if spec.is_prompt and not ruler.fits(held, taken=1.0):
            draw_text(column.box(), ruler, held, inset=0.8)
    elif field.role == "boolean":
        column.prop(group, attribute, text=field.title)
    elif field.role == "choices":  # with a text, its buttons lose theirs
        _draw_title(column, ruler, field)
        column.prop(group, attribute)
    elif field.role in ("integer", "float") and ruler.fits(f"{field.title} {held:.7g}", taken=2.5):
        _draw_value(column, field, group, field.title)
    else:
        _draw_title(column, ruler, field)
        _draw_value(column, field, group)


@lru_cache(maxsize=64)
def hint_of(field: Field, ruler: Ruler) -> str:
    """What an empty field says."""
    spec = field.spec
    if field.role == "mesh":
        return "Selected Objects" if properties.takes_selection(spec) else "None"
    if field.role == "path":
        return f"{spec.kind.capitalize()} File"
    short = re.split("[;(.]", spec.description)[0].strip()
    return next((hint for hint in (spec.placeholder, short) if hint and ruler.fits(hint, taken=1.0)), "")


def _draw_view(column: Layout, ruler: Ruler, field: Field, group: Any, *, is_item: bool) -> None:
    """One picture of several, on one line if its title lets it."""
    title, share = _view_title(field, ruler)
    row = column.row(align=True)
    if share:
        slot = row.split(factor=share)
        slot.label(text=title)
    else:
        row.label(text=title)
        slot = row = column.row(align=True)
    if is_item:  # an operator finds no input within an item
        slot.template_ID(group, field.attribute, open="image.open")
    else:
        _draw_image(slot.row(align=True), field, group, field.attribute, getattr(group, field.attribute))
        _draw_capture(row, field)


@lru_cache(maxsize=64)
def _view_title(field: Field, ruler: Ruler) -> tuple[str, float]:
    """What stands beside a picture, and its share of the width; 0 if it needs a line of its own."""
    title = field.title.removesuffix(" Image") if view_in(field.spec.name) else field.title
    return title, VIEW_LABELS if ruler.fits(title, VIEW_LABELS, taken=0.5) else 0.0


def _draw_list(column: Layout, ruler: Ruler, field: Field, items: Any) -> None:
    spec, title = field.spec, _draw_title(column, ruler, field)
    for number, item in enumerate(items):
        row = column.row(align=True)
        if field.role == "items":
            inner = ruler._replace(width=ruler.width - 2.2 * ruler.unit)
            box = row.box().column()
            _draw_lines(box, inner, columns_of(field.fields, inner), field.fields, item, is_item=True)
        elif field.role == "paths":
            row.prop(item, "path", text="")
        else:
            held = item.image
            row.prop(item, "image", text="", icon_value=icon_of_image(row, held) if held else 0)
            if held:  # its own X empties it first
                continue
        removed = row.operator("maquette.remove_item", text="", icon="X")
        removed.input_name, removed.index = spec.name, number
    row = column.row(align=True)
    row.enabled = len(items) < (spec.max_length or properties.ITEMS_MAX)
    if field.role == "pictures":
        _draw_capture(title, field)
        row.operator("maquette.open_images", text="Add Images", icon="FILE_FOLDER").input_name = spec.name
        row.operator("maquette.add_item", text="", icon="ADD").input_name = spec.name
    else:
        row.operator("maquette.add_item", text="Add", icon="ADD").input_name = spec.name


def _draw_image(row: Layout, field: Field, owner: Any, attribute: str, held: bpy.types.Image | None) -> None:
    """A place for an image: its thumbnail and name, or a choice of those in the file; and a file's button."""
    if held:
        if pictures.problem_of(held):
            row.prop(owner, attribute, text="", icon="ERROR")
        else:
            row.prop(owner, attribute, text="", icon_value=icon_of_image(row, held))
    else:
        row.prop(owner, attribute, text="")
    row.operator("maquette.open_images", text="", icon="FILE_FOLDER").input_name = field.spec.name


def _draw_capture(row: Layout, field: Field) -> None:
    icon = "RESTRICT_RENDER_OFF"
    chosen = row.operator_menu_enum("maquette.capture_image", "source", text="", icon=icon)
    chosen.input_name = field.spec.name


def _draw_title(column: Layout, ruler: Ruler, field: Field) -> Layout:
    row = column.row(align=True)
    if ruler.fits(field.title, taken=1.0):
        row.label(text=field.title)
    else:
        draw_text(row, ruler, field.title, inset=1.0)
    return row
