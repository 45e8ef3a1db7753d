# SPDX-License-Identifier: GPL-3.0-or-later
"""The service's clock, from the `Date` of its answers, of which one may be wrong: a host's, or a proxy's.

A date near this computer's clock or near the service's so far is believed at once; one that differs, once it
has been confirmed (CONFIRM_S later where the service's clock was known); one more than a day off, never. No
step of this computer's clock moves it.
"""

import math
from contextlib import suppress
from email.utils import parsedate_to_datetime

from .elapsed import Timing

AGREES_S = 60.0  # two clocks are the same
ABSURD_S = 86400.0  # from this computer's clock, with which no secure connection comes to be either
# For so long another time has to be told before it is believed once the clock is known: longer than a lost
# submission is looked for, so that no jump shortens that.
CONFIRM_S = 300.0


class ServiceClock:
    """In Unix seconds; until the service has told any, this computer's."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._offset_s = timing.now() - timing.elapsed_s()
        self._other: tuple[float, float] | None = None  # an offset that was told, and since when
        self.last_answer_at: float | None = None  # in whole seconds; None while none was believed

    def now(self) -> float:
        return self._timing.elapsed_s() + self._offset_s

    def hear(self, date: str) -> None:
        """Take in the `Date` of an answer that has just come."""
        with suppress(ValueError, TypeError, IndexError, OverflowError):  # no date, no news
            told_at = parsedate_to_datetime(date).timestamp() + 0.5  # it has whole seconds
            if self._weigh(told_at):
                self._offset_s = told_at - self._timing.elapsed_s()
                self.last_answer_at = told_at - 0.5
                return
        if self.last_answer_at is not None:
            self.last_answer_at = math.floor(self.now())

    def _weigh(self, told_at: float) -> bool:
        """Whether to believe it; what is to be confirmed first is noted."""
        ours = self._timing.now()
        if not abs(told_at - ours) <= ABSURD_S:
            return False
        elapsed_s = self._timing.elapsed_s()
        offset_s = told_at - elapsed_s
        is_known = self.last_answer_at is not None
        if abs(told_at - ours) <= AGREES_S or (is_known and abs(offset_s - self._offset_s) <= AGREES_S):
            self._other = None
            return True
        if self._other is None or abs(offset_s - self._other[0]) > AGREES_S:
            self._other = (offset_s, elapsed_s)
            return False
        return not is_known or elapsed_s - self._other[1] >= CONFIRM_S
