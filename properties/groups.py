# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns a model's table of inputs into a group of Blender properties, registered while Blender runs.

So ranges, choices, tooltips and "Reset to Default" are Blender's own. The table is the service's and may hold
anything: what Blender cannot take is shortened, clamped or left out here, never an error.
"""

import json
import keyword
import math
import re
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)  # fmt: skip

from ..client import Input, Model
from ..session_state import state
from .labels import choice_label, notes_of, tip_of, title_of, words_for

INT_MAX, FLOAT_MAX = 2**31 - 1, 3.0e38
CHOICES_MAX = 31  # bits of a set of choices
DEPTH_MAX = 3
TEXT_MAX = 10_000
UNSET = "(unset)"
LISTS = ("pictures", "paths", "items")  # roles that are collections
MESH_TYPES = ("MESH", "CURVE", "SURFACE", "META", "FONT")
_FILES = {"image": "picture", "image-hdr": "picture", "3d": "mesh"}
_NAME = re.compile(r"(?!.*__)[A-Za-z][A-Za-z0-9_]{0,50}")
_TAKEN = {*dir(bpy.types.PropertyGroup), *keyword.kwlist, "name", "rna_type"}
_COUNTED = re.compile(
    "face|count|poly|vert|seed|step|num|limit|token|point|part|resolution|size|width|depth|height$|fps|id$|max",
    re.IGNORECASE,
)


@dataclass
class Edits:
    """When an input was last changed (time.monotonic()): the timer asks the price a little later.

    Where the change `is_complete`, as what was typed into a dialog, it asks at once.
    `reloaded` counts undone and redone steps, and opened files: other objects may be there since.
    """

    changed_at: float = 0.0
    is_complete: bool = False
    reloaded: int = 0


@dataclass(frozen=True, eq=False)
class Field:
    """How an input is held: `role` says what `attribute` of the group is.

    picture(s), mesh, path(s), text, color, list, json, boolean, integer, float, choice(s), items.
    """

    spec: Input
    attribute: str
    role: str
    title: str
    tip: str
    switch: str  # the checkbox that says whether a number without default is set, or ""
    choices: Mapping[str, Any]  # enum identifier → value on the wire
    longest: str  # label among the choices
    fields: tuple["Field", ...]  # of an item, for role items


@dataclass
class _Registered:
    model_id: str
    specs: tuple[Input, ...]
    fields: tuple[Field, ...] = ()
    classes: list[type] = field(default_factory=list[type])


edits = Edits()
_registered: dict[str, _Registered] = {}  # by the attribute of the settings
_owner: list[Any] = []  # the settings' class, while it is registered


def note_change(_self: object = None, _context: object = None) -> None:
    """Something that goes into the model was changed: the prices that were told no longer hold."""
    edits.changed_at = time.monotonic()
    edits.is_complete = False
    state.price_keys.clear()


class MaquetteFile(bpy.types.PropertyGroup):
    """One item of a list of files."""

    image: PointerProperty(name="Image", type=bpy.types.Image, update=note_change)
    path: StringProperty(name="File", subtype="FILE_PATH", update=note_change)


def set_owner(settings: type | None) -> None:
    """The class that the groups are attached to; None takes all of them away."""
    for attribute in list(_registered) if settings is None else ():
        _forget(attribute)
    _owner[:] = [settings] if settings else []


def ensure_inputs(model: Model) -> None:
    """Make the group of this model's inputs, or make it anew if its table has changed. Not in a draw."""
    attribute = _attribute_of(model.id)
    known = _registered.get(attribute)
    if known and known.model_id == model.id and (known.specs == model.inputs or not model.inputs):
        return
    if known:
        _forget(attribute)
    made = _registered[attribute] = _Registered(model.id, model.inputs)
    try:
        group, made.fields = _make_group(attribute, model.inputs, made.classes)
        setattr(_owner[0], attribute, PointerProperty(type=group))
    except BaseException:  # whatever it was, nothing half registered stays; raised again
        _forget(attribute)
        raise
    drop_stale_choices()
    note_change()


def inputs_of(settings: bpy.types.PropertyGroup, model_id: str) -> Any:
    """The group with the model's inputs in these settings; None until `ensure_inputs`."""
    return getattr(settings, _attribute_of(model_id)) if fields_of(model_id) else None


def fields_of(model_id: str) -> tuple[Field, ...]:
    known = _registered.get(_attribute_of(model_id))
    return known.fields if known and known.model_id == model_id else ()


def drop_stale_choices() -> None:
    """Choices that a model no longer has go back to the default; Blender would complain at each look."""
    for scene in bpy.data.scenes:
        for attribute, known in _registered.items():
            group = getattr(scene.maquette, attribute)  # type: ignore[attr-defined]
            for one in known.fields:
                is_set = one.role == "choice" and group.is_property_set(one.attribute)
                if is_set and not getattr(group, one.attribute):
                    group.property_unset(one.attribute)


@lru_cache
def _attribute_of(model_id: str) -> str:
    return f"inputs_{_crc(model_id):08x}"


def _crc(text: str) -> int:
    return zlib.crc32(text.encode("utf-8", "replace"))


def _forget(attribute: str) -> None:
    known = _registered.pop(attribute)
    if hasattr(_owner[0], attribute):
        delattr(_owner[0], attribute)
    for made in reversed(known.classes):
        bpy.utils.unregister_class(made)


def _make_group(
    name: str, specs: Sequence[Input], made: list[type], depth: int = 0
) -> tuple[type, tuple[Field, ...]]:
    """Register the group `MAQUETTE_PG_name` and those within it, adding them to `made`."""
    properties: dict[str, object] = {}
    fields: list[Field] = []
    words = words_for(specs)
    for spec in specs:
        is_safe = _NAME.fullmatch(spec.name) and spec.name not in _TAKEN
        attribute = spec.name if is_safe else f"input_{_crc(spec.name):08x}"
        if attribute in properties:  # listed twice: it can be sent only once
            continue
        role = _role(spec, depth)
        item = MaquetteFile
        inner = ()
        if role == "items":
            item, inner = _make_group(f"{name}_{len(made)}", spec.inputs, made, depth + 1)
        has_switch = role in ("integer", "float") and spec.default is None and not spec.required.is_always
        switch = f"{attribute}__set" if has_switch else ""
        choices = _choices(spec)
        longest = max((_label(spec, value) for value in choices.values()), key=len, default="")
        title = _shown(title_of(spec, role), 60) or "Input"
        tip = _shown(tip_of(spec, words, role), 600)
        fields.append(Field(spec, attribute, role, title, tip, switch, choices, longest, inner))
        properties[attribute] = _property(fields[-1], item)
        if switch:
            properties[switch] = BoolProperty(
                name="Set", description="Off leaves it to the model", update=note_change
            )
    group = type(f"MAQUETTE_PG_{name}", (bpy.types.PropertyGroup,), {"__annotations__": properties})
    bpy.utils.register_class(group)
    made.append(group)
    return group, tuple(fields)


def _role(spec: Input, depth: int) -> str:
    match spec.type:
        case "file" | "file_array":
            role = _FILES.get(spec.kind, "path")
            return role if spec.type == "file" or role == "mesh" else f"{role}s"
        case "number" | "string" if spec.allowed_values:
            return "choice"
        case "boolean":
            return "boolean"
        case "number":
            return "integer" if _is_count(spec) else "float"
        case "string" | "model":
            return "color" if spec.is_color else "text"
        case "string_array" | "number_array" | "model_array":
            return "choices" if 0 < len(spec.allowed_values) <= CHOICES_MAX else "list"
        case "inputs_array" if depth < DEPTH_MAX and spec.inputs:
            return "items"
    return "json"


def _is_count(spec: Input) -> bool:
    given = [value for value in (spec.default, spec.min, spec.max, spec.step) if _is_number(value)]
    is_large = any(abs(value) >= 1000 for value in given)
    return all(float(value).is_integer() for value in given) and bool(is_large or _COUNTED.search(spec.name))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < FLOAT_MAX


def _is_same(one: Any, other: Any) -> bool:
    """JSON equality: 1 is 1.0, but not true."""
    return one == other and isinstance(one, bool) is isinstance(other, bool)


def _choices(spec: Input) -> dict[str, Any]:
    """Values by an identifier that Blender takes: none empty, none twice."""
    found: dict[str, Any] = {}
    for value in spec.allowed_values:
        name = _shown(value if isinstance(value, str) else json.dumps(value), 200) or "(none)"
        if not any(_is_same(value, known) for known in found.values()):
            found[f"{name} ({len(found)})" if name in (*found, UNSET) else name] = value
    return found


def _property(one: Field, item: type) -> object:
    default = one.spec.default
    base: dict[str, Any] = {"name": one.title, "description": one.tip}
    if one.role in LISTS:
        return CollectionProperty(type=item, **base)
    base["update"] = note_change
    match one.role:
        case "picture":
            return PointerProperty(type=bpy.types.Image, **base)
        case "mesh":
            poll = lambda _self, candidate: candidate.type in MESH_TYPES  # noqa: E731 (Blender keeps it)
            return PointerProperty(type=bpy.types.Object, poll=poll, **base)
        case "boolean":
            return BoolProperty(default=default is True, **base)
        case "integer" | "float":
            return _number(one, base)
        case "choice" | "choices":
            return _enum(one, base)
        case "color":
            code = (
                default[1:]
                if isinstance(default, str) and re.fullmatch("#[0-9a-fA-F]{6}", default)
                else "ffffff"
            )
            rgb = [part / 255 for part in bytes.fromhex(code)]
            return FloatVectorProperty(subtype="COLOR_GAMMA", size=3, min=0.0, max=1.0, default=rgb, **base)
        case "list":
            default = ", ".join(map(str, default)) if isinstance(default, list) else ""
        case "json":
            default = "" if default is None else json.dumps(default)
    text = _shown(default, TEXT_MAX) if isinstance(default, str) else ""
    return StringProperty(default=text, subtype="FILE_PATH" if one.role == "path" else "NONE", **base)


def _number(one: Field, base: dict[str, Any]) -> object:
    spec, is_whole = one.spec, one.role == "integer"
    most = INT_MAX if is_whole else FLOAT_MAX
    low = -most if spec.min is None else max(-most, min(most, spec.min))
    high = most if spec.max is None else max(-most, min(most, spec.max))
    if low > high:
        low, high = -most, most
    default: Any = spec.default if _is_number(spec.default) else 0
    default = max(low, min(high, default))
    span = high - low
    step = min(spec.step or 0, 10_000)
    if is_whole:
        jump = 10 ** int(math.log10(span)) // 100 if 0 < span < most else 0  # a hundredth or so of the range
        step = max(1, int(step), jump)
        return IntProperty(min=int(low), max=int(high), default=int(default), step=step, **base)
    base |= {"subtype": "FACTOR", "precision": 3} if low >= 0 and high <= 1 else {"precision": 2}
    return FloatProperty(min=low, max=high, default=default, step=max(1, int(step * 100)), **base)


def _enum(one: Field, base: dict[str, Any]) -> object:
    """Numbers of a single choice follow from the value, so that files keep it when the list changes."""
    spec, default = one.spec, one.spec.default
    notes = notes_of(spec)
    items: list[tuple[str, str, str, int]] = []
    for name, value in one.choices.items():
        number = _crc(name) >> 1 or 1
        while number in (item[3] for item in items):
            number += 1
        number = 1 << len(items) if one.role == "choices" else number
        note = _shown(notes.get(str(value), "") if isinstance(value, str) else "", 200)
        items.append((name, _label(spec, value), note[:1].upper() + note[1:], number))
    if one.role == "choices":
        usual = {
            name for name, value in one.choices.items() if isinstance(default, list) and value in default
        }
        return EnumProperty(items=items, default=usual, options={"ENUM_FLAG"}, **base)
    wanted = "" if default is None else default
    usual = next((name for name, value in one.choices.items() if _is_same(value, wanted)), "")
    if not usual and not spec.required.is_always:
        usual = UNSET
        items.insert(0, (UNSET, "Automatic", "Left to the model", 0))
    return EnumProperty(items=items, default=usual or items[0][0], **base)


def _label(spec: Input, value: Any) -> str:
    return _shown(choice_label(spec, value), 60) or "…"


def _shown(text: str, most: int) -> str:
    """Text that Blender takes: on one line, no half characters, not longer than `most`."""
    clean = " ".join(text.encode("utf-8", "replace").decode().replace("\0", " ").split())
    return clean if len(clean) <= most else clean[: most - 1] + "…"
