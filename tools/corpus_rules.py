# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a converted file is compared with Blender's own import of it, and how it may differ: the rules.

docs/formats.md has the rules and the counts as tables, which are made here.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Facts = dict[str, Any]
Record = dict[str, Any]  # of one file: see corpus.py
TOLERANCE = 1e-4  # of the longest side
OUTCOMES = ("equal", "by rule", "different")


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same: what, in Blender's import, in Maquette's result."""

    what: str
    blender: Any
    maquette: Any

    def __str__(self) -> str:
        return f"{self.what} {_brief(self.maquette)}, Blender has {_brief(self.blender)}"


def _brief(value: Any) -> str:
    if isinstance(value, list):
        texts = [f"{each:.6g}" if isinstance(each, float) else str(each) for each in value]
        more = f" and {len(texts) - 6} more" if len(texts) > 6 else ""
        return f"({', '.join(texts[:6])}{more})"
    return str(value)


def shows_nothing(facts: Facts) -> bool:
    """Whether there is no face to be seen, or the file was refused."""
    return "error" in facts or not facts["faces"]


def differences(record: Record) -> list[Difference]:
    """What is not the same. A file of which neither shows anything is the same."""
    theirs = record["blender"]
    ours = record["maquette"]
    answer = record["answer"]
    if shows_nothing(theirs) and shows_nothing(ours):
        return []
    if shows_nothing(theirs) or shows_nothing(ours):
        return [Difference("shown", _shown(theirs), _shown(ours))]
    found = [
        Difference(what, theirs[what], ours[what])
        for what in ("faces", "objects", "coloured_faces", "materials", "textures", "actions")
        if theirs[what] != ours[what]
    ]
    length = max(high - low for low, high in zip(theirs["min"], theirs["max"], strict=True))
    far = max(map(abs, [*theirs["min"], *theirs["max"]]))
    near = length * TOLERANCE + far * 1e-6
    if not _is_near(_size(theirs), _size(ours), near):
        found.append(Difference("size", _size(theirs), _size(ours)))
    if not _is_near([*theirs["min"], *theirs["max"]], [*answer["min"], *answer["max"]], near):
        found.append(
            Difference("told bounds", [*theirs["min"], *theirs["max"]], [*answer["min"], *answer["max"]])
        )
    return found


def _shown(facts: Facts) -> str:
    return facts["error"] if "error" in facts else f"{facts['faces']} faces"


def _size(facts: Facts) -> list[float]:
    return [high - low for low, high in zip(facts["min"], facts["max"], strict=True)]


def _is_near(some: Sequence[float], others: Sequence[float], near: float) -> bool:
    return all(abs(one - other) <= near for one, other in zip(some, others, strict=True))


@dataclass(frozen=True)
class Rule:
    """A difference that is meant: which one, and why."""

    name: str
    applies: Callable[[Difference, Record], bool]
    reason: str


def _says(record: Record, pattern: str) -> bool:
    """Whether the converter told the person something like this."""
    answer = record["answer"]
    messages = [*answer.get("messages", []), *(each["why"] for each in answer.get("kept", []))]
    return any(re.search(pattern, each) for each in [*messages, str(record["maquette"].get("error", ""))])


def _has_all(difference: Difference) -> bool:
    """Whether the result has what Blender has, and more."""
    return not Counter(difference.blender) - Counter(difference.maquette)


def _blender_shows_nothing(difference: Difference, record: Record) -> bool:
    theirs, ours = record["blender"], record["maquette"]
    return shows_nothing(theirs) or not (any(_size(theirs)) or shows_nothing(ours))


def _is_all_hidden(difference: Difference, record: Record) -> bool:
    theirs = record["blender"]
    return (
        difference.what == "shown"
        and "error" not in theirs
        and "MESH" in theirs["types"]
        and _blender_shows_nothing(difference, record)
    )


def _is_found_elsewhere(difference: Difference, record: Record) -> bool:
    return difference.what == "textures" and bool(record["companions"]) and _has_all(difference)


def _is_beside(difference: Difference, record: Record) -> bool:
    theirs, ours = record["blender"], record["maquette"]
    is_new = not theirs.get("textures") and bool(ours.get("textures"))
    return difference.what == "materials" and is_new and bool(record["companions"]) and _has_all(difference)


def _has_no_size(difference: Difference, record: Record) -> bool:
    theirs = record["blender"]
    return difference.what == "shown" and not shows_nothing(theirs) and not any(_size(theirs))


def _is_without_backdrop(difference: Difference, record: Record) -> bool:
    return difference.what == "told bounds" and _says(record, "without its backdrop")


def _is_no_text(difference: Difference, record: Record) -> bool:
    is_obj = record["file"].lower().endswith(".obj")
    return difference.what == "shown" and is_obj and _says(record, "is no 3D file that Blender knows")


def _has_vertex_colours(difference: Difference, record: Record) -> bool:
    is_coloured = bool(record["maquette"].get("coloured_faces"))
    return difference.what == "materials" and is_coloured and _has_all(difference)


def _is_materialx(difference: Difference, record: Record) -> bool:
    return difference.what == "materials" and ".mtlx" in record["companions"]


def _is_joined(difference: Difference, record: Record) -> bool:
    return difference.what in ("objects", "coloured_faces") and _says(record, "joined into one mesh")


def _is_other_unit(difference: Difference, record: Record) -> bool:
    """Whether a USD is the same in another unit: all sides by one factor, here and in Blender's import."""
    is_usd = Path(record["file"]).suffix.lower().startswith(".usd")
    if not is_usd or difference.what not in ("size", "told bounds"):
        return False
    theirs, ours = _size(record["blender"]), _size(record["maquette"])
    factor = max(ours) / max(theirs)
    scaled = [value * factor for value in difference.blender]
    return factor != 1 and _is_near(scaled, difference.maquette, max(ours) * TOLERANCE)


def _is_copy(difference: Difference, record: Record) -> bool:
    if difference.what != "materials" or not Path(record["file"]).suffix.lower().startswith(".usd"):
        return False
    both = (difference.blender, difference.maquette)
    theirs, ours = ({re.sub(r"\.\d{3,}$", "", name) for name in names} for names in both)
    return theirs == ours and _has_all(difference)


RULES: tuple[Rule, ...] = (
    Rule(
        "all is hidden",
        _is_all_hidden,
        "Where a file hides all that it holds, all of it is shown: somebody paid for it.",
    ),
    Rule(
        "read where Blender reads nothing",
        _blender_shows_nothing,
        "Blender alone stops at what costs no shape: a byte order mark, another alphabet, a missing file.",
    ),
    Rule(
        "another place of the delivery",
        _is_found_elsewhere,
        "A texture that is missing where the model names it is taken from where one of its name lies.",
    ),
    Rule(
        "a picture beside the model",
        _is_beside,
        "A picture that came with a model that names none is its base colour, if there is no doubt which.",
    ),
    Rule(
        "no size",
        _has_no_size,
        "A shape of which all is in one point can't be seen or given a size; it is refused in words.",
    ),
    Rule(
        "zeros in a text",
        _is_no_text,
        "An OBJ with more than 16 zero bytes is damaged; Blender makes a shape of what is left of it.",
    ),
    Rule(
        "a backdrop does not set the size",
        _is_without_backdrop,
        "The ground that a model stands on is not what is to be 1 m high. It comes, and a message says so.",
    ),
    Rule(
        "a material for vertex colours",
        _has_vertex_colours,
        "Blender's importers bring the colours and no material that shows them; Maquette adds one.",
    ),
    Rule(
        "MaterialX",
        _is_materialx,
        "Blender makes no more of such a document than an empty material of its name, so it is not read.",
    ),
    Rule(
        "a USD's unit",
        _is_other_unit,
        "Before 4.5 Blender takes a USD's unit for the metre; Maquette reads which it is.",
    ),
    Rule(
        "copies of a material",
        _is_copy,
        "Instances of a USD are made real, so that all is one model; each brings its material anew.",
    ),
    Rule(
        "more than 500 objects are one",
        _is_joined,
        "Appending takes a time that grows with the square of their number; what is seen is the same.",
    ),
)


def assessed(record: Record) -> tuple[str, list[Difference], list[Rule]]:
    """The outcome of a file, what differs (without a rule, if anything does), and the rules that apply."""
    found = differences(record)
    applied: list[Rule] = []
    left: list[Difference] = []
    for difference in found:
        rule = next((rule for rule in RULES if rule.applies(difference, record)), None)
        if rule is None:
            left.append(difference)
        elif rule not in applied:
            applied.append(rule)
    if left:
        return "different", left, applied
    return ("by rule" if applied else "equal"), found, applied


def line(record: Record) -> str:
    """One line for a file that is not equal, else an empty text."""
    outcome, found, applied = assessed(record)
    if outcome == "equal":
        return ""
    text = f"{outcome:9}  {record['file']}: {'; '.join(map(str, found))}"
    names = ", ".join(rule.name for rule in applied)
    return f"{text} [{names}]" if outcome == "by rule" else text


def rules_table() -> str:
    """The rules with their reasons, as Markdown."""
    lines = ["| rule | why |", "|---|---|"]
    return "\n".join([*lines, *(f"| {rule.name} | {rule.reason} |" for rule in RULES)])


def counts_table(groups: Iterable[tuple[str, Iterable[Record]]], heading: str) -> str:
    """How many files of each group were tried, and with what outcome, as Markdown; the sum last."""
    lines = [f"| {heading} | tried | {' | '.join(OUTCOMES)} |", f"|---|{'--:|' * (1 + len(OUTCOMES))}"]
    total: Counter[str] = Counter()
    for name, records in groups:
        counts = Counter(assessed(record)[0] for record in records)
        total += counts
        lines.append(_row(name, counts))
    return "\n".join([*lines, _row("all", total)])


def _row(name: str, counts: Counter[str]) -> str:
    numbers = [sum(counts.values()), *(counts[outcome] for outcome in OUTCOMES)]
    return f"| {name} | {' | '.join(f'{number:,}' for number in numbers)} |"


def formats_table(groups: Sequence[tuple[str, Sequence[Record]]]) -> str:
    """For each format and each Blender's records: how many were equal, differ by rule, and are different."""
    endings = sorted({Path(record["file"]).suffix.lower() for _, records in groups for record in records})
    lines = [f"| format | {' | '.join(name for name, _ in groups)} |", f"|---|{'--:|' * len(groups)}"]
    for ending in endings:
        cells: list[str] = []
        for _, records in groups:
            found = [assessed(each)[0] for each in records if each["file"].lower().endswith(ending)]
            cells.append(" · ".join(str(found.count(outcome)) for outcome in OUTCOMES) if found else "")
        lines.append(f"| {ending} | {' | '.join(cells)} |")
    return "\n".join(lines)


def by_format(records: Iterable[Record]) -> list[tuple[str, list[Record]]]:
    """The records by their files' endings."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(Path(record["file"]).suffix.lower(), []).append(record)
    return sorted(groups.items())
