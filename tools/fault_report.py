# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of faults and what comes of them, made of what the tests have recorded in their reports.

`task.py faults` prints it, and writes it into docs/reliability.md between two marks.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path
from typing import Any, Dict, Sequence

Facts = Dict[str, Any]
START, END = "<!-- make faults: begin -->", "<!-- make faults: end -->"


def read_records(reports: Sequence[Path]) -> dict[str, list[Any]]:
    """What the tests recorded, by the record's name; also the names of the tests that failed."""
    found: dict[str, list[Any]] = {}
    for report in reports:
        for case in ElementTree.parse(str(report)).getroot().iter("testcase"):
            is_open = case.find("skipped") is not None  # a hole that is known: xfail
            if case.find("failure") is not None or case.find("error") is not None:
                found.setdefault("failed", []).append(case.get("name", ""))
            for item in case.iter("property"):
                value = json.loads(item.get("value", "null"))
                if isinstance(value, dict):
                    value["is_open"] = is_open
                found.setdefault(item.get("name", ""), []).append(value)
    return found


def make_table(records: dict[str, list[Any]]) -> str:
    """Markdown: faults by steps, kills, hostile files, and the sums."""
    cells: list[Facts] = records.get("cell", [])
    steps = list(dict.fromkeys(cell["step"] for cell in cells))
    steps.sort(key=lambda step: step != "price")
    by_place = {(cell["fault"], cell["step"]): cell for cell in cells}
    lines = [f"| fault | {' | '.join(steps)} |", f"|---|{'---|' * len(steps)}"]
    for fault in dict.fromkeys(cell["fault"] for cell in cells):
        words = [_word(by_place.get((fault, step))) for step in steps]
        lines.append(f"| {fault} | {' | '.join(words)} |")
    kills = [kill for kill in records.get("kill", []) if isinstance(kill, list)]
    lines += ["", "| what is killed, full, forbidden or wrong | when | the job | paid |", "|---|---|---|---|"]
    lines += [f"| {what} | {when} | {state} | {paid} |" for what, when, state, paid in kills]
    files = Counter()
    for counts in records.get("files", []):
        files.update({name: count for name, count in counts.items() if name != "is_open"})
    if files:
        sums = ", ".join(f"{count:,} {name}" for name, count in files.most_common())
        lines += ["", f"{sum(files.values()):,} mutated files: {sums}."]
    return "\n".join([*lines, "", _sums(cells, kills)])


def _word(cell: Facts | None) -> str:
    if cell is None:
        return ""
    return f"{cell['outcome']} (open)" if cell["is_open"] else str(cell["outcome"])


def _sums(cells: list[Facts], kills: list[Any]) -> str:
    jobs = [cell for cell in cells if cell["step"] != "price"]
    lost = sum(cell["state"] != "ready" for cell in jobs)
    twice = sum(cell["paid"] > 1 for cell in cells) + sum(kill[3] > 1 for kill in kills)
    left = sum(bool(cell["left"]) for cell in cells)
    tried = f"{len(cells)} cells and {len(kills)} kills were tried"
    return f"{tried}: {lost} lost, {twice} paid twice, {left} left something behind."
