# SPDX-License-Identifier: GPL-3.0-or-later
"""When to ask the service next: seldom before a job's likely end, densely around it, ever more seldom after.

The end is a mixture of guesses: from the job's own progress, from past runs, from what the service tells of
the model, and wide ones for when all of these are wrong. Their hazard h is the chance that the job ends in
the next second. Where a request is worth as much as d seconds of delay, a pause of sqrt(2 d / h) costs least.
A guess that time has proved wrong loses its share: after a miss the pauses grow.

Pure functions: clocks are passed in. `tools/task.py bench schedule` shows what the constants lead to.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

POLL_MIN_S = 0.5
POLL_MAX_S = 10.0
OVERLAP_S = 60.0  # how far lists reach back before the last one: updates may be listed late
PAGE = 100  # jobs on a page of the list
PAGE_SHARE = 0.4  # of a request: what each page after the first counts, for a long list is of many jobs
END_SHARE = 0.6  # of a request: what a list gives back that shows a job's end, as lists of a quick batch do
SILENT_S = 30.0  # a running job that no list has shown for so long gets a request of its own

# Requests that may be made: so many at once when jobs begin to run, so many more each second, and no more
# than so many are saved up. Of the goal, 0.6 of what a poll each 2 s asks, it is RATE that keeps it.
FIRST_SPARE = 4.0
RATE = 0.28
MOST_SPARE = 16.0
# The delay that a request is worth: with FIRST_SPARE requests to spare, and by how many fewer to spare it
# is worth e times as much, within bounds.
_DELAY_S = 0.1
_SPARE_FOLD = 4.0
_LEAST_DELAY_S = 0.02
_MOST_DELAY_S = 2.0

_STEP_S = 0.5  # between two looks at the hazard
_MOST_MARKS = 40
MOST_PAST = 20


class _Guess(NamedTuple):
    """A log-logistic distribution of the age at the end, whose standard deviation is about 1.8 times
    median / sharpness; `share` is its part of the mixture.
    """

    share: float
    log_median: float
    sharpness: float


_MOST = _Guess(1.0, math.log(45.0), 1.6)  # of most jobs
_FAILING = _Guess(0.1, math.log(3.0), 2.0)  # of those that fail soon
_TOLD = 3.0  # the share of what the service tells
_PAST = 3.0  # of each past run
_PROGRESS = (0.0, 0.5, 0.75, 0.9)  # of a progress that was seen to rise no times, once, …


class Mark(NamedTuple):
    """At this age of the job its progress (0..1) was first seen."""

    age_s: float
    progress: float


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known of a running job. Ages count from when the service began with it, or from its sending."""

    age_s: float
    marks: tuple[Mark, ...] = ()
    past_s: tuple[float, ...] = ()  # how long such jobs took
    told_s: tuple[float, float] | None = None  # the median and the upper quartile, as the service tells them


def with_mark(marks: Sequence[Mark], age_s: float, progress: float | None) -> tuple[Mark, ...]:
    """The marks with one more, if the progress has risen; where it or the age goes back, it begins anew."""
    if progress is None or not (0.0 < progress <= 1.0 and 0.0 <= age_s < math.inf):
        return tuple(marks)
    new = Mark(age_s, progress)
    if marks and progress == marks[-1].progress and age_s >= marks[-1].age_s:
        return tuple(marks)
    if marks and (progress < marks[-1].progress or age_s <= marks[-1].age_s):
        return (new,)
    return (*marks[-_MOST_MARKS + 1 :], new)


def requests_for(jobs: int) -> float:
    """What a list of so many jobs counts."""
    return 1.0 + PAGE_SHARE * (jobs // PAGE)


def spare_after(spare: float, elapsed_s: float, requests: float) -> float:
    """What is to spare of requests after a while without one, and then so many."""
    earned = RATE * elapsed_s if 0.0 < elapsed_s < math.inf else 0.0
    return min(MOST_SPARE, spare + earned) - requests


def next_poll_s(jobs: Iterable[Outlook], spare: float) -> float:
    """How long not to ask: until the most urgent of `jobs` is worth a request, and until one may be made."""
    spare = 0.0 if math.isnan(spare) else min(MOST_SPARE, max(-1e6, spare))
    delay_s = _DELAY_S * math.exp(min(50.0, (FIRST_SPARE - spare) / _SPARE_FOLD))
    delay_s = min(_MOST_DELAY_S, max(_LEAST_DELAY_S, delay_s))
    soonest = POLL_MAX_S
    for job in jobs:
        soonest = min(soonest, _pause_s(job, delay_s, soonest))
    return max(soonest, -spare / RATE)


def chance_of_result(job: Outlook, within_s: float) -> float:
    """How likely it is, 0..1, that a job that has not ended yet makes its result within so many seconds."""
    guesses = _guesses(job, [_MOST])
    age = _sane(job.age_s)
    now, then = (sum(g.share * _left(g, math.log(at)) for g in guesses) for at in (age, age + within_s))
    return (now - then) / now if now > 0.0 else 0.0


def _pause_s(job: Outlook, delay_s: float, most_s: float) -> float:
    """The time in which the pauses that are best at each moment, which change, add up to one."""
    guesses = _guesses(job, [_MOST, _FAILING])
    age = _sane(job.age_s)
    waited = share = 0.0
    while waited < most_s:
        hazard = _hazard(guesses, age + waited)
        best = math.sqrt(2.0 * delay_s / hazard) if hazard > 0.0 else POLL_MAX_S
        best = min(POLL_MAX_S, max(POLL_MIN_S, best))
        step = min(_STEP_S, (1.0 - share) * best)
        waited += step
        share += step / best
        if share > 1.0 - 1e-6:
            break
    return min(most_s, max(POLL_MIN_S, waited))


def _sane(age_s: float) -> float:
    return min(age_s, 1e9) if age_s > 0.1 else 0.1  # also of what is no number


def _hazard(guesses: Sequence[_Guess], age_s: float) -> float:
    """The chance that the job ends in the next second, if it has not ended at this age."""
    log_age = math.log(age_s)
    left = ending = 0.0
    for guess in guesses:
        outlasting = _left(guess, log_age)
        left += guess.share * outlasting
        ending += guess.share * guess.sharpness * outlasting * (1.0 - outlasting)
    return ending / (left * age_s)


def _left(guess: _Guess, log_age: float) -> float:
    """The chance that the job gets older."""
    return 1.0 / (1.0 + math.exp(min(300.0, guess.sharpness * (log_age - guess.log_median))))


def _guesses(job: Outlook, of_any: list[_Guess]) -> list[_Guess]:
    """What is guessed of any job, and what of this one."""
    found = [*of_any, *_of_told(job), *_of_past(job.past_s)]
    own = _of_progress(job)
    if own is None:
        return found
    # What the others have to say is what they say from the last mark on.
    log_age = math.log(_sane(job.marks[-1].age_s))
    scale = (1.0 - own.share) / sum(guess.share * _left(guess, log_age) for guess in found)
    others = [guess._replace(share=guess.share * scale) for guess in found]
    return [*others, own._replace(share=own.share / _left(own, log_age))]


def _peak(share: float, at_s: float, width_s: float) -> _Guess:
    at_s = min(1e9, max(0.1, at_s))
    return _Guess(share, math.log(at_s), at_s / max(width_s, 0.01))


def _of_told(job: Outlook) -> Iterator[_Guess]:
    if job.told_s is not None:
        median, upper = job.told_s
        if 0.1 <= median <= upper < 1e9:
            sharpness = math.log(3.0) / math.log(max(upper / median, 1.12))
            yield _Guess(_TOLD, math.log(median), sharpness)


def _of_past(past_s: Sequence[float]) -> Iterator[_Guess]:
    """A peak at each run, as wide as others are far: narrow where some took the same time."""
    past = [one for one in past_s if 0.1 <= one < 1e9][:MOST_PAST]
    nth = math.ceil(math.sqrt(len(past)))
    for one in past:
        near = sorted(abs(one - other) for other in past)
        width = near[min(nth, len(past) - 1)] / 2.0
        yield _peak(_PAST, one, max(width, 0.25, one / min(10.0 * len(past), 100.0)))


def _grain(marks: Sequence[Mark]) -> float:
    """The steps in which the progress is told."""
    for grain in (0.1, 0.05, 0.01):
        if all(abs(mark.progress / grain - round(mark.progress / grain)) < 1e-6 for mark in marks):
            return grain
    return 0.0


def _of_progress(job: Outlook) -> _Guess | None:
    """Where the progress gets to 1 if it goes on as it did from the first mark to the last."""
    if not job.marks:
        return None
    first, last = job.marks[0], job.marks[-1]
    if len(job.marks) > 1:
        rate = (last.progress - first.progress) / (last.age_s - first.age_s)
        step_s = _grain(job.marks) / rate
        left_s = (1.0 - last.progress) / rate
    else:
        left_s = (1.0 - last.progress) * _sane(last.age_s) / last.progress
        step_s = left_s / 2.0
    if left_s > 1.5 * step_s:  # with more to come than the last step, a progress that rests puts the end off
        left_s += max(0.0, min(job.age_s, 1e9) - last.age_s - step_s)
    share = _PROGRESS[min(len(job.marks), len(_PROGRESS) - 1)]
    return _peak(share, last.age_s + left_s + step_s / 4.0, max(0.3, step_s / 4.0, left_s / 10.0))
