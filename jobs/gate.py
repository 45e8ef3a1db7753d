# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pipeline requires of a result: `faces<=5000, manifold, uv_overlap<2%`, judged by its report.

To judge costs nothing, and a result that is rejected is kept. What was not measured is rejected, too.
"""

import difflib
import operator
import os
import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import cast

from ..client import InputError
from .report import SHARES, Report

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    "<": operator.lt,
    ">=": operator.ge,
    ">": operator.gt,
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
}
_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d[\d_]*)(?:\.\d*)?"
_TERM = re.compile(rf"(?:(not)\s+)?([a-z]\w*)\s*(?:([<>=!]=?)\s*({_NUMBER})\s*(%?))?", re.ASCII)
_BETWEEN = re.compile(r",(?!\d)")  # terms: a comma before a digit is within a number, as in 5,000
_SIDES = ("width_m", "depth_m", "height_m")
_MEGABYTES = {"texture_mb": "texture_bytes", "texture_gpu_mb": "texture_gpu_bytes"}
_FLAGS: dict[str, Callable[[Report], bool | None]] = {
    "manifold": lambda report: report.is_closed,
    "unwrapped": lambda report: None if report.faces_without_uv is None else not report.faces_without_uv,
    "textured": lambda report: None if report.textures is None else bool(report.textures),
    "rigged": lambda report: None if report.bones is None else bool(report.bones),
}
_NUMBERS = (*(one.name for one in fields(Report) if one.default is None), "clips", *_SIDES, *_MEGABYTES)


@dataclass(frozen=True, slots=True)
class Requirement:
    """One term: a number that is compared with a `limit`, or something that is to be so, or not to be so."""

    name: str
    compare: str = ""  # empty: it is no number
    limit: float = 0.0
    is_wanted: bool = True
    text: str = ""  # as it was written

    def reason(self, report: Report | None) -> str:
        """In words why a result does not meet it; empty if it does."""
        if report is None:
            return f"{self.text}: not measured"
        if not self.compare:
            is_so = _FLAGS[self.name](report)
            if is_so is None:
                return f"{self.text}: not measured"
            return "" if is_so == self.is_wanted else f"{'not ' if self.is_wanted else ''}{self.name}"
        value = _value_of(self.name, report)
        if value is None:
            return f"{self.text}: not measured"
        if _COMPARE[self.compare](value, self.limit):
            return ""
        shown = f"{value * 100:.3g} %" if self.name in SHARES else f"{value:,.10g}"
        return f"{self.name} {shown}, required {self.text.removeprefix(self.name).strip()}"


def read_requirements(given: object) -> tuple[Requirement, ...]:
    """Of terms with commas between, a list of such, or a .toml file with a list. Raises InputError."""
    if isinstance(given, os.PathLike) or (isinstance(given, str) and given.strip().lower().endswith(".toml")):
        given = _terms_in(Path(os.fspath(cast("str | os.PathLike[str]", given)).strip()).expanduser())
    listed = [given] if isinstance(given, str) else given
    if not isinstance(listed, Sequence):
        raise InputError(f"give terms such as `faces<=5000, manifold`, not {given!r:.60}.")
    texts = cast("Sequence[object]", listed)
    found = [_read_term(term) for text in texts for term in _BETWEEN.split(str(text)) if term.strip()]
    if not found:
        raise InputError("give at least one term, such as `faces<=5000`.")
    return tuple(found)


def reasons(gate: Sequence[Requirement], report: Report | None) -> tuple[str, ...]:
    """Why a result is rejected; none: it is not."""
    return tuple(reason for each in gate if (reason := each.reason(report)))


def _terms_in(path: Path) -> object:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:  # TOMLDecodeError is a ValueError
        raise InputError(f"{path.name} cannot be read: {error}.") from None
    if table.keys() != {"require"}:
        raise InputError(
            f'{path.name}: give a list `require = ["faces<=5000", "manifold"]`, and nothing else.'
        )
    return table["require"]


def _read_term(text: str) -> Requirement:
    text = " ".join(text.split())
    match = _TERM.fullmatch(text.lower())
    if match is None:
        raise InputError(f"{text!r:.60}: write `NAME<=NUMBER`, `NAME`, or `not NAME`.")
    negation, name, compare, number, percent = match.groups()
    known = _NUMBERS if compare else tuple(_FLAGS)
    if name not in known:
        near = difflib.get_close_matches(name, [*_NUMBERS, *_FLAGS], 1)
        if name in _NUMBERS:
            advice = f"compare it with a number: `{name}<=1`."
        elif name in _FLAGS:
            advice = "it is no number."
        else:
            advice = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}."
        raise InputError(f"{text}: {advice}")
    if not compare:
        return Requirement(name, is_wanted=not negation, text=text)
    limit = float(number.replace(",", ""))
    if compare not in _COMPARE or negation:
        raise InputError(f"{text!r:.60}: write `NAME<=NUMBER`, `NAME`, or `not NAME`.")
    if bool(percent) != (name in SHARES) and (percent or limit > 1):
        raise InputError(f"{text}: {'it is no share' if percent else f'it is a share, write {number}%'}.")
    return Requirement(name, compare, limit / 100 if percent else limit, text=text)


def _value_of(name: str, report: Report) -> float | None:
    if name in _SIDES:
        return report.dimensions_m[_SIDES.index(name)] if report.dimensions_m else None
    if name == "clips":
        return len(report.clips)
    if name in _MEGABYTES:
        size = getattr(report, _MEGABYTES[name])
        return None if size is None else size / 1e6
    return getattr(report, name)
