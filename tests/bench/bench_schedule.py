# SPDX-License-Identifier: GPL-3.0-or-later
"""How soon the schedule of polling sees the end of a job, and with how many requests: a simulation.

    python tests/bench/bench_schedule.py [--jobs 300] [--tune]

Seeded jobs of many kinds, cold (nothing is known of the model) and warm (20 past runs), beside polling at a
fixed pace. An answer takes no time here. The goals: 0.6 of the requests of polling each 2 s for jobs of a
minute and more, no more than those at 20 s, and independent of the number of jobs. `--tune` shows what other
constants of jobs/poll_schedule.py lead to.
"""

import argparse
import heapq
import importlib.util
import itertools
import math
import statistics
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location(
    "maquette", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
)
assert spec is not None
sys.modules["maquette"] = importlib.util.module_from_spec(spec)

from maquette.jobs import poll_schedule as schedule  # noqa: E402

Duration = Callable[[Random], float]
Progress = Callable[[float], float]  # what is told when a share of the time has gone by
MOST_AFTER_60, MOST_AT_20 = 0.6, 1.0


def constant(median_s: float) -> Duration:
    return lambda random: median_s * random.uniform(0.99, 1.01)


def log_normal(median_s: float, spread: float) -> Duration:
    return lambda random: median_s * math.exp(random.gauss(0.0, spread))


def bimodal(median_s: float) -> Duration:
    """Half of the jobs take a third as long as the others."""
    return lambda random: random.choice((0.5, 1.5)) * median_s * math.exp(random.gauss(0.0, 0.05))


def silent(_: Random) -> Progress:
    return lambda _share: 0.0


def tenths(_: Random) -> Progress:
    """As the sandbox tells it: after a quarter of the time, in steps of 0.1, up to 0.9."""
    return lambda share: round(min(max(share - 0.25, 0.0) / 0.75, 0.9), 1)


def percent(random: Random) -> Progress:
    begins = random.uniform(0.02, 0.2)
    return lambda share: math.floor(100 * max(0.0, share - begins) / (1.0 - begins)) / 100


def curved(random: Random) -> Progress:
    power = random.choice((0.6, 1.6))
    return lambda share: math.floor(100 * share**power) / 100


def pausing(random: Random) -> Progress:
    """It rests for a while somewhere in the middle."""
    at, rest = random.uniform(0.2, 0.6), random.uniform(0.1, 0.3)

    def told(share: float) -> float:
        if share > at + rest:
            share = at + (share - at - rest) * (1.0 - at) / (1.0 - at - rest)
        elif share > at:
            share = at
        return math.floor(100 * share) / 100

    return told


def stalling(random: Random) -> Progress:
    """It gets to 0.9 soon, and stays there to the end."""
    at = random.uniform(0.5, 0.8)
    return lambda share: min(0.9, math.floor(90 * share / at) / 100)


def stuck(_: Random) -> Progress:
    """It is 0.1 to the end."""
    return lambda share: 0.1 if share > 0.05 else 0.0


KINDS: list[tuple[str, Callable[[float], Duration], str, Callable[[Random], Progress]]] = [
    ("constant", constant, "none", silent),
    ("constant", constant, "tenths", tenths),
    ("log-normal 0.15", lambda median: log_normal(median, 0.15), "none", silent),
    ("log-normal 0.3", lambda median: log_normal(median, 0.3), "none", silent),
    ("log-normal 0.3", lambda median: log_normal(median, 0.3), "tenths", tenths),
    ("log-normal 0.3", lambda median: log_normal(median, 0.3), "percent", percent),
    ("log-normal 0.3", lambda median: log_normal(median, 0.3), "curved", curved),
    ("log-normal 0.3", lambda median: log_normal(median, 0.3), "pausing", pausing),
    ("log-normal 0.3", lambda median: log_normal(median, 0.3), "stalling", stalling),
    ("log-normal 0.3", lambda median: log_normal(median, 0.3), "stuck at 0.1", stuck),
    ("bimodal", bimodal, "none", silent),
    ("bimodal", bimodal, "percent", percent),
]


@dataclass
class Figures:
    """What came of many jobs: how late each end was seen, and the requests."""

    delays: list[float] = field(default_factory=list[float])
    requests: int = 0
    seconds: float = 0.0

    @property
    def ratio(self) -> float:
        """Of the requests that a poll each 2 s makes."""
        return self.requests / (self.seconds / 2.0)

    def text(self) -> str:
        ordered = sorted(self.delays)
        late = ordered[int(0.95 * len(ordered))]
        return f"{statistics.median(ordered):.2f} / {late:.2f} / {ordered[-1]:.2f} | {self.ratio:.2f}"


def simulate(lasts_s: float, told: Progress, past: tuple[float, ...]) -> tuple[float, int]:
    """(seconds from the end of one job until it is seen, requests)"""
    age, spare, marks = 0.0, schedule.FIRST_SPARE, tuple[schedule.Mark, ...]()
    for requests in itertools.count(1):
        pause = schedule.next_poll_s([schedule.Outlook(age, marks, past)], spare)
        age += pause
        if age >= lasts_s:
            return age - lasts_s, requests
        spare = schedule.spare_after(spare, pause, 1)
        marks = schedule.with_mark(marks, age, told(age / lasts_s))
    raise AssertionError


def measure(duration: Duration, kind: Callable[[Random], Progress], jobs: int, *, is_warm: bool) -> Figures:
    random, figures = Random(16), Figures()
    past = deque([duration(random) for _ in range(schedule.MOST_PAST)] if is_warm else [], schedule.MOST_PAST)
    for _ in range(jobs):
        lasts_s = duration(random)
        delay, requests = simulate(lasts_s, kind(random), tuple(past))
        figures.delays.append(delay)
        figures.requests += requests
        figures.seconds += 2 * math.ceil(lasts_s / 2)
        if is_warm:
            past.appendleft(lasts_s)
    return figures


def measure_fixed(pace_s: float, jobs: int) -> Figures:
    random, figures = Random(16), Figures()
    duration = log_normal(60.0, 0.3)
    for _ in range(jobs):
        lasts_s = duration(random)
        count = math.ceil(lasts_s / pace_s)
        figures.delays.append(count * pace_s - lasts_s)
        figures.requests += count
        figures.seconds += 2 * math.ceil(lasts_s / 2)
    return figures


def measure_many(at_once: int, jobs: int) -> Figures:
    """So many jobs at once for a long time, each of them followed by another; one list shows all."""
    random, figures = Random(16), Figures()
    duration = log_normal(60.0, 0.3)
    past = deque([duration(random) for _ in range(schedule.MOST_PAST)], schedule.MOST_PAST)
    now, spare, number = 0.0, schedule.FIRST_SPARE, itertools.count()

    def begun() -> tuple[float, int, float, float, Progress]:
        lasts_s = duration(random)
        return now + lasts_s, next(number), now, lasts_s, percent(random)

    running = [begun() for _ in range(at_once)]
    heapq.heapify(running)
    marks: dict[int, tuple[schedule.Mark, ...]] = {}
    while len(figures.delays) < jobs:
        known = tuple(past)
        outlooks = [
            schedule.Outlook(now - since, marks.get(each, ()), known) for _, each, since, *_ in running
        ]
        pause = schedule.next_poll_s(outlooks, spare)
        now += pause
        has_ended = running[0][0] <= now
        spare = schedule.spare_after(spare, pause, 1 - schedule.END_SHARE * has_ended)
        figures.requests += 1
        while running[0][0] <= now:
            ended_at, each, _, lasts_s, _ = heapq.heapreplace(running, begun())
            marks.pop(each, None)
            past.appendleft(lasts_s)
            figures.delays.append(now - ended_at)
        for _, each, since, lasts_s, told in running:
            marks[each] = schedule.with_mark(marks.get(each, ()), now - since, told((now - since) / lasts_s))
    figures.seconds = now
    return figures


def print_tables(jobs: int) -> None:
    head = "delay s: median / p95 / worst | requests"
    print(f"| median s | durations | progress told | cold: {head} | warm: {head} |")
    print("|--:|---|---|--:|--:|--:|--:|")
    missed: list[str] = []
    for median in (20.0, 60.0, 180.0, 600.0):
        for name, duration, told, kind in KINDS:
            row = [measure(duration(median), kind, jobs, is_warm=is_warm) for is_warm in (False, True)]
            print(f"| {median:.0f} | {name} | {told} | {row[0].text()} | {row[1].text()} |")
            most = MOST_AT_20 if median == 20.0 else MOST_AFTER_60
            missed += [f"{median:.0f} s, {name}, {told}: {one.ratio:.2f}" for one in row if one.ratio > most]
    print(f"\nGoals for requests: {MOST_AT_20} at 20 s, {MOST_AFTER_60} from 60 s on.")
    print(f"Missed: {'; '.join(missed) or 'none'}.\n")
    print(f"| polling at a fixed pace | {head} |\n|---|--:|--:|")
    for pace in (2.0, 3.0, 5.0):
        print(f"| each {pace:.0f} s | {measure_fixed(pace, jobs).text()} |")
    print(f"\n| jobs at once (log-normal 0.3 round 60 s, percent, warm) | {head} of one list each 2 s |")
    print("|---|--:|--:|")
    for at_once in (1, 5, 20, 100):
        print(f"| {at_once} | {measure_many(at_once, jobs).text()} |")


def tune(jobs: int) -> None:
    """Means over all kinds at 20, 60 and 180 s with other constants, one at a time."""
    trials: dict[str, tuple[Any, ...]] = {
        "_DELAY_S": (0.05, 0.1, 0.2),
        "_SPARE_FOLD": (2.0, 4.0, 8.0),
        "FIRST_SPARE": (2.0, 4.0, 8.0),
        "MOST_SPARE": (8.0, 16.0, 32.0),
        "RATE": (0.24, 0.28, 0.32),
        "_PROGRESS": ((0.0, 0.2, 0.4, 0.6), (0.0, 0.5, 0.75, 0.9), (0.0, 0.7, 0.9, 0.97)),
    }
    heads = (
        "mean delay s at 20, 60, 180 s: cold; warm",
        "requests: cold; warm",
        "most requests from 60 s on",
    )
    print(f"| constant | value | {' | '.join(heads)} |")
    print("|---|--:|--:|--:|--:|")
    for name, values in trials.items():
        usual = getattr(schedule, name)
        for value in values:
            setattr(schedule, name, value)
            delays, ratios, worst = [""] * 2, [""] * 2, [0.0]
            for is_warm in (False, True):
                all_kinds = [
                    [measure(duration(median), kind, jobs, is_warm=is_warm) for _, duration, _, kind in KINDS]
                    for median in (20.0, 60.0, 180.0)
                ]
                means = [
                    statistics.mean(delay for one in kinds for delay in one.delays) for kinds in all_kinds
                ]
                delays[is_warm] = " ".join(f"{mean:.2f}" for mean in means)
                ratios[is_warm] = " ".join(
                    f"{statistics.mean(one.ratio for one in kinds):.2f}" for kinds in all_kinds
                )
                worst += [one.ratio for kinds in all_kinds[1:] for one in kinds]
            shown = f"{value} (chosen)" if value == usual else value
            print(f"| {name} | {shown} | {'; '.join(delays)} | {'; '.join(ratios)} | {max(worst):.2f} |")
        setattr(schedule, name, usual)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=300, help="of each kind")
    parser.add_argument("--tune", action="store_true", help="show what other constants lead to")
    options, _ = parser.parse_known_args()
    (tune if options.tune else print_tables)(options.jobs)


if __name__ == "__main__":
    main()
