# SPDX-License-Identifier: GPL-3.0-or-later
"""What finishing has made of a result, in numbers and in words: for details, tables and `--json`."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, cast

from ..client import JsonValue, without_controls
from .profile import LABELS
from .report import Report, number_or_none

_MAX_TEXT = 500
_MAX_LODS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """The names are those of `--json`. A number is None where it was not measured.

    The deviation is how far the finished surface is from the delivered one, as a share of the longest side.
    """

    profile: str = ""
    error: str = ""  # why it came as delivered
    faces_before: int | None = None
    faces_after: int | None = None
    deviation_mean_share: float | None = None
    deviation_max_share: float | None = None
    texture_difference: float | None = None  # of the base colour, 0 to 1
    seconds: float | None = None
    hulls: int | None = None
    lods: tuple[int, ...] = ()  # the faces of each

    def deviation_mm(self, report: Report | None) -> tuple[float | None, float | None]:
        """Mean and maximum in millimetres, at the size that the report is of."""
        longest_m = max(report.dimensions_m, default=0.0) if report else 0.0
        shares = (self.deviation_mean_share, self.deviation_max_share)
        mean_mm, most_mm = (
            share * longest_m * 1000 if share is not None and longest_m else None for share in shares
        )
        return mean_mm, most_mm


def finish_of(result: Mapping[str, JsonValue]) -> Finish | None:
    """What a job's `result` says of its finishing; None: it was not to be finished."""
    return read_finish(result.get("finish"))


def read_finish(value: object) -> Finish | None:
    """What is understood of what was written down; None if it is none."""
    if not isinstance(value, dict):
        return None
    table = cast("dict[str, object]", value)
    values: dict[str, Any] = {}
    for one in fields(Finish):
        found = table.get(one.name)
        if one.default == "":
            values[one.name] = without_controls(found)[:_MAX_TEXT] if isinstance(found, str) else ""
        elif one.name == "lods":
            listed = cast("list[object]", found)[:_MAX_LODS] if isinstance(found, list) else []
            numbers = map(number_or_none, listed)
            values[one.name] = tuple(int(each) for each in numbers if each is not None)
        else:
            number = number_or_none(found)
            is_whole = number is not None and one.name in ("faces_before", "faces_after", "hulls")
            values[one.name] = int(number) if is_whole and number is not None else number
    return Finish(**values)


def finish_json(finish: Finish | None, report: Report | None) -> dict[str, JsonValue] | None:
    """All that is known of it, and its sentence."""
    if finish is None:
        return None
    values: dict[str, JsonValue] = {"sentence": finish_sentence(finish, report)}
    for one in fields(finish):
        value = getattr(finish, one.name)
        if value not in (None, "", ()):
            values[one.name] = [*value] if isinstance(value, tuple) else value
    mean, most = finish.deviation_mm(report)
    known = {"deviation_mean_mm": mean, "deviation_max_mm": most}
    return values | {name: value for name, value in known.items() if value is not None}


FINISH_COLUMNS = ("profile", "faces_before", "faces_after", "deviation_mean_mm", "deviation_max_mm")


def finish_cells(finish: Finish | None, report: Report | None) -> list[object]:
    """The values of FINISH_COLUMNS, in their order."""
    if finish is None or finish.error:
        return [""] * len(FINISH_COLUMNS)
    return [finish.profile, finish.faces_before, finish.faces_after, *finish.deviation_mm(report)]


def finish_sentence(finish: Finish, report: Report | None) -> str:
    """`Game: 512,340 → 20,000 faces, at most 1.2 mm from the original`."""
    label = LABELS.get(finish.profile, finish.profile)
    if finish.error:
        return f"{label}: not finished. {finish.error}"
    words = list[str]()
    if finish.faces_before is not None and finish.faces_after is not None:
        words.append(f"{finish.faces_before:,} → {finish.faces_after:,} faces")
    most_mm = finish.deviation_mm(report)[1]
    if most_mm is not None:
        words.append(f"at most {_length(most_mm)} from the original")
    return f"{label}: {', '.join(words) or 'finished'}"


def _length(mm: float) -> str:
    if mm >= 1000:
        return f"{mm / 1000:,.3g} m"
    return f"{max(mm, 0.01):.2g} mm" if 0 < mm < 10 else f"{mm:.0f} mm"
