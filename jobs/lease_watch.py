# SPDX-License-Identifier: GPL-3.0-or-later
"""Which sessions have a worker that may be alive.

A lease is dated by the computer's clock. After the computer was suspended, or its clock was set, all look old
until their workers come to renew them; so whoever finds a gap in its own time gives them LEASE_S for that.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

LEASE_S = 8.0  # a lease older than this is dead; the worker renews it every quarter of that
GAP_S = LEASE_S / 2  # two looks that are further apart, by either clock, have a gap between them


class LeaseWatch:
    """`alive` is asked again and again; `clock` dates the leases, `elapsed` is for intervals."""

    def __init__(
        self, database: "sqlite3.Connection", clock: Callable[[], float], elapsed: Callable[[], float]
    ) -> None:
        self._db = database
        self._clock, self._elapsed = clock, elapsed
        self._looked_at = clock(), elapsed()
        self._watched_s = 0.0  # while this process looked on: of a gap, GAP_S counts
        # Old leases that were first seen so after a gap, and how long had been watched then.
        self._doubts: dict[tuple[str, str, float], float] = {}

    def alive(self, service: str) -> dict[str, float]:
        """The sessions whose worker may be alive, and when each has renewed its lease."""
        now, elapsed = self._clock(), self._elapsed()
        last_now, last_elapsed = self._looked_at
        self._looked_at = now, elapsed
        step = max(0.0, elapsed - last_elapsed)
        has_gap = max(step, abs(now - last_now - step)) > GAP_S
        self._watched_s += min(step, GAP_S)
        leases = self._db.execute("SELECT service, session, renewed_at FROM lease").fetchall()
        old = {tuple(lease) for lease in leases if abs(now - lease[2]) > LEASE_S}
        if has_gap:
            self._doubts |= dict.fromkeys(old - self._doubts.keys(), self._watched_s)
        self._doubts = {lease: since for lease, since in self._doubts.items() if lease in old}
        dead = {lease for lease in old if self._watched_s - self._doubts.get(lease, -LEASE_S) >= LEASE_S}
        return {lease[1]: lease[2] for lease in leases if lease[0] == service and tuple(lease) not in dead}
