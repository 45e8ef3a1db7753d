# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulation of batches on many machines: how long they take, and what keeps them from being done sooner.

    python tests/bench/bench_farm.py [--service 120] [--blender 13] [--result 20] [--line 125]

Given are an item's seconds at the service and of Blender's, the MB of its result, and the MB/s of the line
that all machines share. A machine takes its next row when one of its places at the service is free, as
`maquette batch` does. Beside it stand the formulas of docs/scale.md, which know no beginning and no end.
"""

import argparse
import heapq
import random
from typing import NamedTuple

SUBMIT_S = 0.5  # a machine submits one job at a time
REQUESTS = 3.0  # for a row, lists apart
LIST_S = 1.4  # between two lists of a machine with many jobs, where a list has one page
PAGE_S = 1.4  # more for each further page
OVERLAP_S = 60.0  # how far a list reaches back
PAGE = 100  # jobs on a page


class Farm(NamedTuple):
    items: int
    machines: int
    cores: int  # of each machine
    places: int  # jobs that the account may have at a time


FARMS = [Farm(500, 1, 2, 4), Farm(500, 1, 8, 20), Farm(10_000, 10, 8, 50), Farm(10_000, 10, 8, 200)]
FARMS += [Farm(100_000, 5, 8, 200), Farm(100_000, 50, 8, 50), Farm(100_000, 50, 8, 200)]
FARMS += [Farm(100_000, 50, 8, 1000), Farm(100_000, 50, 2, 1000)]


def pages_of(farm: Farm, service_s: float) -> float:
    """Of a list of all jobs of the project that run or ended in the last minute."""
    return 1 + farm.places * (1 + OVERLAP_S / service_s) // PAGE


def list_s(farm: Farm, service_s: float) -> float:
    """The time between two lists."""
    return LIST_S + PAGE_S * (pages_of(farm, service_s) - 1)


def seen_s(farm: Farm, service_s: float) -> float:
    """How late a machine sees on average that a job has ended."""
    return 0.5 + list_s(farm, service_s) / 2


def formulas(farm: Farm, it: argparse.Namespace) -> dict[str, float]:
    """The hours that each resource is busy in all; the longest is the limit."""
    return {
        "account": farm.items * (it.service + seen_s(farm, it.service)) / farm.places / 3600,
        "line": farm.items * it.result / it.line / 3600,
        "Blender": farm.items * it.blender / (farm.machines * farm.cores) / 3600,
        "submitting": farm.items * SUBMIT_S / farm.machines / 3600,
    }


def simulate(farm: Farm, it: argparse.Namespace, dice: random.Random) -> float:
    """Hours until the last item is written; half of the times at the service are 0.67 to 1.23 of the mean."""
    places = [(0.0, number % farm.machines) for number in range(farm.places)]  # from when on whose is free
    submitting = [0.0] * farm.machines
    cores = [[0.0] * farm.cores for _ in range(farm.machines)]
    made, late_s = list[tuple[float, int]](), 2 * seen_s(farm, it.service)
    heapq.heapify(places)
    for _ in range(farm.items):
        now, machine = heapq.heappop(places)
        submitting[machine] = max(now, submitting[machine]) + SUBMIT_S
        seen = submitting[machine] + it.service * dice.lognormvariate(-0.1, 0.45) + dice.uniform(0, late_s)
        heapq.heappush(places, (seen, machine))
        made.append((seen, machine))
    line = end = 0.0
    for seen, machine in sorted(made):
        line = max(line, seen) + it.result / it.line
        written = max(line, heapq.heappop(cores[machine])) + it.blender
        heapq.heappush(cores[machine], written)
        end = max(end, written)
    return end / 3600


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, usual in (("service", 120.0), ("blender", 13.0), ("result", 20.0), ("line", 125.0)):
        parser.add_argument(f"--{name}", type=float, default=usual)
    it, _ = parser.parse_known_args()
    names = ("items", "machines", "cores", "places", "hours", "formula", "requests/s", "limit")
    print("{:>8} {:>9} {:>6} {:>7} {:>7} {:>8} {:>11}  {}".format(*names))
    for farm in FARMS:
        hours, told = simulate(farm, it, random.Random(1)), formulas(farm, it)
        limit = max(told, key=lambda name: told[name])
        shares = ", ".join(f"{name} {value / hours:.0%}" for name, value in told.items())
        lists = farm.machines * pages_of(farm, it.service) / list_s(farm, it.service)
        rate = farm.items * REQUESTS / hours / 3600 + lists
        row = (*farm, hours, told[limit], rate, f"{limit} ({shares})")
        print("{:>8,} {:>9} {:>6} {:>7} {:>7.1f} {:>8.1f} {:>11.1f}  {}".format(*row), flush=True)


if __name__ == "__main__":
    main()
