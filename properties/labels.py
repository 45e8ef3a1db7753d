# SPDX-License-Identifier: GPL-3.0-or-later
"""Words for people where a model's table has only names for programs: titles, units, choices, tooltips.

What the service words itself (a label) is never touched.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..client import Input

# Within a title that was made from a name; in this order.
_TITLE = (
    (r"\b(Face|Point|Part)s? (Num|Count)$", r"\1s"),
    (r"^Face$", "Faces"),
    (r"^(Max |Min )?Num(ber of)? ", r"\1"),
    (r"\b(Shape|Tex) Slat\b", r"\1"),
    (r"\bSlat\b", "Detail"),
    (r"^Ss\b", "Structure"),
    (r"\bTex\b", "Texture"),
    (r"\bRescale T$", "Noise Schedule"),
    (r"\bCFG\b", "Guidance"),
    (r"\bCompress Gs\b", "Compressed"),
    (r"\bGs\b", "Splat"),
    (r"\bNav\b", "Navigation"),
    (r"\bTraj\b", "Paths"),
    (r"\bRecon\b", "Reconstruction"),
    (r"\bPano\b", "Panorama"),
    (r"^Ta Pose$", "T/A Pose"),
    (r"^(Generate|Request) Type$", "Output"),
    (r"\bOriginal UV$", "Original UVs"),
    (r" at$", ""),
)
_SWITCH = re.compile("^(Should|Enable|Use|Is|Apply) ")
_UNITS = {  # as a description tells them
    "m": re.compile(r"(^|\bin )met(re|er)s\b", re.IGNORECASE),
    "s": re.compile(r"(^|\bin )seconds\b", re.IGNORECASE),
    "px": re.compile(r"(^|\bin )(px|pixels)\b", re.IGNORECASE),
}
_UNIT_WORD = re.compile(" (Met(re|er)s|Seconds|Pixels|Px)$")
_NOTE = re.compile(r"(?<![\w-])([\w-]+) = ([^,;()]+)")
_WIRE = re.compile(r"\b[a-z]+(?:[A-Z0-9]|_[a-z])\w*\b|\b[A-Z][a-z]+[A-Z]\w*\b")
_RUN_TOGETHER = re.compile(r"(?<=\d)(?=[a-z]{3})|(?<=[A-Z]{3})(?=\d)")


def title_of(spec: Input, role: str) -> str:
    """The input's title: the service's, else its name without what only programmers need."""
    title = spec.title
    if spec.label:
        return title
    if role == "mesh":
        return "Object" if re.fullmatch("Model|Mesh|File ?3D", title) else title.removesuffix(" File")
    if role == "pictures" and title.endswith("Image"):
        return f"{title}s"
    if role == "boolean":
        title = _SWITCH.sub("", title)
    for pattern, words in _TITLE:
        title = re.sub(pattern, words, title)
    if role in ("integer", "float"):
        units = [unit for unit, pattern in _UNITS.items() if pattern.search(spec.description)]
        title = f"{_UNIT_WORD.sub('', title)} ({units[0]})" if units else title
    return title


def choice_label(spec: Input, value: Any) -> str:
    """What a choice is called: the service's word, a number's description, else its name made readable."""
    if value == "":
        return "None"
    if f"'{value}' keeps the default" in spec.description:
        return "Default"
    if isinstance(value, str) and value not in spec.choice_labels:
        return spec.choice_label(_RUN_TOGETHER.sub(" ", value))
    note = "" if str(value) in spec.choice_labels else notes_of(spec).get(str(value), "")
    return note.title() or spec.choice_label(value)


def notes_of(spec: Input) -> dict[str, str]:
    """What a description such as "1 = mesh only, 3 = mesh + texture" tells about each choice."""
    choices = {str(value) for value in spec.allowed_values}
    return {name: note.strip() for name, note in _NOTE.findall(spec.description) if name in choices}


def words_for(specs: Sequence[Input]) -> dict[str, str]:
    """Names on the wire of inputs and choices, and what they are called."""
    words: dict[str, str] = {}
    for spec in specs:
        choices = [value for value in spec.allowed_values if isinstance(value, str)]
        words |= {value: choice_label(spec, value) for value in choices}
        words[spec.name] = title_of(spec, "boolean" if spec.type == "boolean" else "")
    return words


def tip_of(spec: Input, words: Mapping[str, str], role: str = "") -> str:
    """The tooltip: a sentence without a full stop, other inputs by the titles that they have beside it."""
    if role == "mesh":  # the service's words are of files, which an artist doesn't see
        return "The object whose shape is sent; if none is chosen here, what is selected"
    description = spec.description
    if all(isinstance(value, int | float) for value in spec.allowed_values):  # their labels say it
        for number, note in notes_of(spec).items():
            description = description.replace(f"{number} = {note}", "")
    text = ". ".join(part for each in (description, spec.hint) if (part := each.strip(" .,;")))
    text = _WIRE.sub(lambda found: words.get(found[0], found[0]), text)
    return text[:1].upper() + text[1:]
