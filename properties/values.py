# SPDX-License-Identifier: GPL-3.0-or-later
"""Inputs between Blender's properties and plain data: what was set, what is missing, what carries over."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import bpy

from ..client import Input, Model
from ..jobs import requires_mesh
from .groups import Field, edits, fields_of, inputs_of, note_change

ITEMS_MAX = 100  # where a list's table tells no end


@dataclass(frozen=True)
class Picture:
    """An image of the file, by name."""

    name: str


@dataclass(frozen=True)
class Meshes:
    """Objects of the file, by name; none stand for those selected when it is used."""

    names: tuple[str, ...] = ()


# By input: JSON, Picture, Meshes, Path, or lists of these; the items of an inputs_array as dicts.
Values: TypeAlias = dict[str, Any]


def values_of(settings: bpy.types.PropertyGroup, model: Model, own: Values | None = None) -> Values:
    """What was set, for this model, by the person: unset inputs and those that do not apply are left out.

    An object's `own` values stand before those of the settings.
    """
    group = inputs_of(settings, model.id)
    found = (_read_all(fields_of(model.id), group) if group else {}) | (own or {})
    shown = shown_values(model, found)
    irrelevant = {spec.name for spec in model.inputs if spec.name in found and not is_relevant(spec, shown)}
    return {name: found[name] for name in found if name not in irrelevant} if irrelevant else found


def relevant_fields(settings: bpy.types.PropertyGroup, model: Model) -> frozenset[Field]:
    """The fields that apply as the values are; for draws."""
    return _settled(settings, model)[1]


_memo: list[Any] = [None, None]  # what was settled, for what


def _settled(settings: bpy.types.PropertyGroup, model: Model) -> tuple[Values, frozenset[Field]]:
    """The values and the fields that apply, read anew only after a change: draws ask at each redraw."""
    fields = fields_of(model.id)
    key = (settings.as_pointer(), fields, edits.changed_at, len(bpy.data.images))
    if _memo[0] != key:
        values = values_of(settings, model)
        shown = shown_values(model, values)
        _memo[:] = key, (values, frozenset(f for f in fields if is_relevant(f.spec, shown)))
    return _memo[1]


def shown_values(model: Model, values: Values) -> Values:
    """The values with the defaults of what is unset."""
    return {spec.name: spec.default for spec in model.inputs if spec.default is not None} | values


def is_relevant(spec: Input, values: Mapping[str, object]) -> bool:
    """Whether an input applies, given the `shown_values` of the others."""
    rule = spec.required
    if rule.is_always or rule.if_not_defined:
        return True
    if rule.conditional:
        met = [values.get(name) in allowed for name, allowed in rule.conditional.values.items()]
        return any(met) if rule.conditional.is_any else all(met)
    return not rule.if_defined or any(values.get(name) for name in rule.if_defined)


def set_values(settings: bpy.types.PropertyGroup, model: Model, values: Mapping[str, Any]) -> None:
    """Put these values in, and everything else of the model back to its default."""
    group = inputs_of(settings, model.id)
    for field in fields_of(model.id) if group else ():
        for attribute in filter(None, (field.attribute, field.switch)):
            group.property_unset(attribute)
        if field.spec.name in values:
            _write(field, group, values[field.spec.name])
    note_change()


def carry_over(settings: bpy.types.PropertyGroup, old: Model, new: Model) -> None:
    """Pictures, objects and the prompt of the old model go to the new one, by name or else in order.

    A picture of what is to be made is none of what a mesh is to look like, whatever both are called.
    """
    group, values = inputs_of(settings, new.id), values_of(settings, old)
    roles = ("mesh", "text") if requires_mesh(new) != requires_mesh(old) else ("picture", "mesh", "text")
    for role in roles if group else ():
        given: list[tuple[str, Any]] = []
        for field in _sources(old, role):
            value = values.get(field.spec.name, [])
            given += [(field.spec.name, one) for one in (value if isinstance(value, list) else [value])]
        places = _sources(new, role)
        names = {field.spec.name for field in places}
        for field in places:
            is_guide = role == "picture" and not field.spec.is_primary  # what it looks like, not what it is
            free = [
                one for one in given if one[0] == field.spec.name or (one[0] not in names and not is_guide)
            ]
            if field.role != role and free:  # a list takes them all
                _write(field, group, [value for _, value in free])
            elif free:
                free = ([one for one in free if one[0] == field.spec.name] or free)[:1]
                _write(field, group, free[0][1])
            given = [one for one in given if one not in free]


def image_inputs(model: Model) -> list[Input]:
    return [spec for spec in model.inputs if spec.is_file and spec.kind.startswith("image")]


def set_picture(
    settings: bpy.types.PropertyGroup,
    model: Model,
    image: bpy.types.Image,
    input_name: str = "",
    *,
    can_replace: bool = True,
) -> str:
    """Put an image into this input, else into the first free one; its name, or "" if there is none.

    Where none is free it takes the place of the first, if it can. In an input that takes a list it fills an
    empty item or becomes one more.
    """
    group, places = inputs_of(settings, model.id), _sources(model, "picture")
    named = [f for f in places if f.spec.name == input_name]
    free = [f for f in places if _has_room(f, group)]
    for field in (named or free or (places if can_replace else []))[:1]:
        held = getattr(group, field.attribute)
        if field.role == "picture":
            setattr(group, field.attribute, image)
        elif _has_room(field, group):
            (next((item for item in held if not item.image), None) or held.add()).image = image
        else:
            continue
        return field.spec.name
    return ""


def _has_room(field: Field, group: Any) -> bool:
    held = getattr(group, field.attribute)
    if field.role == "picture":
        return not held
    return sum(bool(item.image) for item in held) < (field.spec.max_length or ITEMS_MAX)


def takes_selection(spec: Input) -> bool:
    """Whether the selected objects stand in where no object is named."""
    return spec.required.is_always or spec.is_parent


def named_mesh(settings: bpy.types.PropertyGroup, model: Model) -> bpy.types.Object | None:
    """The object that is named as what the model works on; None: the selected ones are."""
    group = inputs_of(settings, model.id)
    field = next((f for f in fields_of(model.id) if f.role == "mesh" and takes_selection(f.spec)), None)
    return getattr(group, field.attribute) if group and field else None


def missing(
    settings: bpy.types.PropertyGroup, model: Model, *, has_mesh: bool, own: Values | None = None
) -> str:
    """What the inputs lack, for a person, "" if nothing; `has_mesh` if an object with faces is selected.

    An object's `own` values stand before those of the settings.
    """
    fields = fields_of(model.id)
    values, relevant = _settled(settings, model)
    if own:
        values = values_of(settings, model, own)
        shown = shown_values(model, values)
        relevant = frozenset(f for f in fields if is_relevant(f.spec, shown))
    for field in fields:
        spec = field.spec
        rule = field.spec.required
        value = values.get(field.spec.name)
        if value == Meshes() and not has_mesh:
            return "Select a mesh object"
        if isinstance(value, list) and 0 < len(value) < (spec.min_length or 0):
            return f"{field.title} needs at least {spec.min_length}"
        if value is not None or spec.default is not None or field not in relevant:
            continue
        if rule.is_always or rule.conditional or rule.if_defined:
            return _advice(field)
        if rule.if_not_defined and not any(values.get(name) for name in rule.if_not_defined):
            return advice([field, *(f for f in fields if f.spec.name in rule.if_not_defined)])
    sources = [f for f in fields if f.spec.is_file or f.spec.is_prompt]
    return "" if not sources or any(values.get(f.spec.name) for f in sources) else advice(sources[:2])


def advice(fields: Sequence[Field]) -> str:
    """What to do about these, in one sentence: "Write a prompt or choose an image"."""
    first, *others = dict.fromkeys(map(_advice, fields))
    return " or ".join([first, *(text[0].lower() + text[1:] for text in others)])


def values_to_json(values: Any) -> Any:
    match values:
        case Picture(name):
            return {"$picture": name}
        case Meshes(names):
            return {"$meshes": list(names)}
        case Path():
            return {"$path": str(values)}
        case list():
            return [values_to_json(value) for value in values]
        case dict():
            return {name: values_to_json(value) for name, value in values.items()}
    return values


def values_from_json(content: Any) -> Any:
    match content:
        case {"$picture": str(name)}:
            return Picture(name)
        case {"$meshes": list(names)}:
            return Meshes(tuple(map(str, names)))
        case {"$path": str(path)}:
            return Path(path)
        case list():
            return [values_from_json(value) for value in content]
        case dict():
            return {name: values_from_json(value) for name, value in content.items()}
    return content


def _sources(model: Model, role: str) -> list[Field]:
    fields = [f for f in fields_of(model.id) if f.role.removesuffix("s") == role]
    if role == "text":
        fields = [f for f in fields if f.spec.is_prompt]
    return sorted(fields, key=lambda f: not f.spec.is_primary)


def _advice(field: Field) -> str:
    title = field.title
    match field.role:
        case "picture" | "pictures":
            return "Choose an image" if title in ("Image", "Images") else f"Choose the {title}"
        case "mesh":
            return "Select a mesh object"
        case "path" | "paths":
            return f"Choose a {field.spec.kind} file"
        case "text":
            return "Write a prompt" if field.spec.is_prompt else f"Fill in {title}"
    return f"Set {title}"


def _read_all(fields: Sequence[Field], group: Any) -> Values:
    return {f.spec.name: value for f in fields if (value := _read(f, group)) is not None}


def _read(field: Field, group: Any) -> Any:
    """The field's value; None while it is unset."""
    spec, held = field.spec, getattr(group, field.attribute)
    match field.role:
        case "picture":
            return Picture(held.name) if held else None
        case "pictures":
            return [Picture(item.image.name) for item in held if item.image] or None
        case "mesh" if held or takes_selection(spec):
            return Meshes((held.name,) if held else ())
        case "mesh":
            return None
        case "path":
            return Path(bpy.path.abspath(held)) if held else None
        case "paths":
            return [Path(bpy.path.abspath(item.path)) for item in held if item.path] or None
        case "items":
            return [_read_all(field.fields, item) for item in held] or None
    is_touched = getattr(group, field.switch) if field.switch else group.is_property_set(field.attribute)
    if not is_touched and (spec.default is not None or not spec.required.is_always):
        return None
    match field.role:
        case "float":
            return float(f"{held:.7g}")  # Blender's floats are single
        case "choice":
            return field.choices.get(held)
        case "choices":
            return [value for name, value in field.choices.items() if name in held] or None
        case "color":
            return "#" + "".join(f"{round(part * 255):02x}" for part in held)
        case "text":
            return held if held.strip() or spec.default else None
        case "list":
            words = [word.strip() for word in held.split(",") if word.strip()]
            return [_parsed(word) if spec.type == "number_array" else word for word in words] or None
        case "json":
            return _parsed(held) if held.strip() else None
    return held


def _write(field: Field, group: Any, value: Any) -> None:
    """Put a value in as far as it fits; what came from elsewhere, or from an older table, may not."""
    choices = field.choices.items()
    match field.role, value:
        case (("pictures" | "paths" | "items"), list()):
            _write_items(field, getattr(group, field.attribute), value)
            return
        case "picture", Picture(name):
            value = bpy.data.images.get(name)
        case "mesh", Meshes(names):
            value = bpy.data.objects.get(names[0]) if names else None
        case "choice", _:
            value = next((name for name, known in choices if known == value), None)
        case "choices", list():
            value = {name for name, known in choices if known in value}
        case "color", str() if len(value) == 7:
            value = [int(value[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        case "list", list():
            value = ", ".join(map(str, value))
        case "json", _:
            value = json.dumps(value)
        case "path", Path():
            value = str(value)
    try:
        setattr(group, field.attribute, value)
        if field.switch:
            setattr(group, field.switch, True)
    except (TypeError, ValueError, OverflowError):
        group.property_unset(field.attribute)


def _write_items(field: Field, items: Any, values: list[Any]) -> None:
    items.clear()
    for value in values:
        item = items.add()
        if isinstance(value, Picture):
            item.image = bpy.data.images.get(value.name)
        elif isinstance(value, Path):
            item.path = str(value)
        elif isinstance(value, dict):
            for inner in field.fields:
                if inner.spec.name in value:
                    _write(inner, item, value[inner.spec.name])


def _parsed(word: str) -> Any:
    """JSON, or the text as it is: the check before sending says what is wrong with it."""
    try:
        return json.loads(word)
    except (ValueError, RecursionError):
        return word
