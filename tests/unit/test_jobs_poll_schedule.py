# SPDX-License-Identifier: GPL-3.0-or-later
"""When the service is asked next: pure functions, whatever they are told."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from maquette.jobs.poll_schedule import (
    FIRST_SPARE,
    MOST_SPARE,
    POLL_MAX_S,
    POLL_MIN_S,
    RATE,
    Mark,
    Outlook,
    next_poll_s,
    requests_for,
    spare_after,
    with_mark,
)

ANY = st.floats(allow_nan=True, allow_infinity=True)
SECONDS = st.floats(0.2, 7200.0)
WITHIN = st.floats(0.01, 1.0)
SPARE = st.floats(-20.0, 20.0)
OUTLOOKS = st.builds(
    Outlook,
    SECONDS,
    st.lists(st.tuples(SECONDS, WITHIN), max_size=5).map(lambda told: marks_of(*told)),
    st.lists(SECONDS, max_size=25).map(tuple),
    st.none() | st.tuples(SECONDS, SECONDS),
)


def marks_of(*told: tuple[float, float | None]) -> tuple[Mark, ...]:
    marks: tuple[Mark, ...] = ()
    for age_s, progress in told:
        marks = with_mark(marks, age_s, progress)
    return marks


def pause_of(job: Outlook, spare: float = FIRST_SPARE) -> float:
    return next_poll_s([job], spare)


@given(
    st.lists(
        st.builds(
            Outlook,
            ANY,
            st.lists(st.tuples(ANY, st.none() | ANY), max_size=6).map(lambda told: marks_of(*told)),
            st.lists(ANY, max_size=30).map(tuple),
            st.none() | st.tuples(ANY, ANY),
        ),
        max_size=4,
    ),
    st.floats(min_value=-2.0) | st.just(math.nan),
)
def test_whatever_the_service_and_the_clocks_say_a_pause_has_its_bounds(
    jobs: list[Outlook], spare: float
) -> None:
    assert POLL_MIN_S <= next_poll_s(jobs, spare) <= POLL_MAX_S


@given(st.lists(OUTLOOKS, max_size=3), st.floats(-200.0, -0.1))
def test_what_was_asked_too_often_is_made_up_for(jobs: list[Outlook], spare: float) -> None:
    assert spare_after(spare, next_poll_s(jobs, spare), 0) >= -1e-6


@given(st.lists(OUTLOOKS, min_size=1, max_size=5), SPARE)
def test_many_jobs_are_asked_about_as_often_as_the_most_urgent_of_them(
    jobs: list[Outlook], spare: float
) -> None:
    assert next_poll_s(jobs, spare) == pytest.approx(min(next_poll_s([job], spare) for job in jobs))


@given(OUTLOOKS, SPARE, SPARE)
def test_the_more_requests_are_to_spare_the_sooner_one_is_made(
    job: Outlook, one: float, other: float
) -> None:
    assert pause_of(job, max(one, other)) <= pause_of(job, min(one, other)) + 1e-6


@given(st.lists(st.floats(1.0, 600.0), max_size=10), st.floats(1.0, 5.0), st.floats(1.0, 5.0), SPARE)
def test_once_it_lasts_longer_than_all_guesses_a_job_is_asked_about_ever_more_seldom(
    past: list[float], one: float, other: float, spare: float
) -> None:
    late_s = 1.4 * max([45.0, *past])
    job = Outlook(0.0, past_s=tuple(past))
    early = replace(job, age_s=late_s * min(one, other))
    late = replace(job, age_s=late_s * max(one, other))
    assert pause_of(early, spare) <= pause_of(late, spare) + 1e-6


def test_a_job_is_asked_about_seldom_before_its_likely_end_and_densely_around_it() -> None:
    past = tuple(60.0 + 0.2 * number for number in range(-5, 5))
    pauses = {age_s: pause_of(Outlook(age_s, past_s=past)) for age_s in (10.0, 60.0, 80.0, 200.0)}
    assert pauses[10.0] == pytest.approx(POLL_MAX_S)
    assert pauses[60.0] < 0.6
    assert POLL_MIN_S < pauses[80.0] < pauses[200.0]
    assert pause_of(Outlook(53.0, past_s=past)) <= 60.5 - 53.0  # it does not sleep past the end


def test_of_two_usual_durations_both_are_waited_for() -> None:
    past = (40.0, 100.0, 40.5, 100.4, 39.8, 99.7, 40.2, 100.1)
    assert pause_of(Outlook(40.0, past_s=past)) < 1.0
    assert pause_of(Outlook(60.0, past_s=past)) > 5.0
    assert pause_of(Outlook(100.0, past_s=past)) < 1.0


def test_what_the_service_tells_of_its_model_counts_until_there_are_runs() -> None:
    assert pause_of(Outlook(5.0, told_s=(120.0, 130.0))) > pause_of(Outlook(5.0, told_s=(8.0, 9.0)))
    assert pause_of(Outlook(5.0, told_s=(8.0, 9.0))) > pause_of(Outlook(5.0, past_s=(5.0,) * 9))


def test_progress_tells_the_end_where_nothing_else_does() -> None:
    marks = marks_of(*((age_s, age_s / 100) for age_s in range(10, 90, 10)))
    assert pause_of(Outlook(80.0, marks)) > 4.0
    assert pause_of(Outlook(99.0, marks_of(*marks, (99.0, 0.99)))) < 1.5


def test_progress_that_rests_puts_the_end_off() -> None:
    marks = marks_of(*((age_s, age_s / 100) for age_s in range(10, 60, 10)))  # half of it is done
    assert pause_of(Outlook(100.0, marks)) > pause_of(Outlook(100.0, marks_of(*marks, (98.0, 0.98))))


@given(st.lists(st.tuples(ANY, st.none() | ANY), max_size=90))
def test_marks_rise_whatever_is_told(told: list[tuple[float, float | None]]) -> None:
    marks = marks_of(*told)
    assert len(marks) <= 40
    for before, after in pairwise(marks):
        assert before.age_s < after.age_s
        assert before.progress < after.progress
    assert all(math.isfinite(mark.age_s) and 0 < mark.progress <= 1 for mark in marks)


def test_progress_that_goes_backward_and_a_clock_that_jumps_begin_anew() -> None:
    marks = marks_of((10.0, 0.5), (20.0, 0.6))
    assert with_mark(marks, 30.0, 0.1) == (Mark(30.0, 0.1),)
    assert with_mark(marks, 5.0, 0.7) == (Mark(5.0, 0.7),)
    assert with_mark(marks, 25.0, 0.6) == marks
    for progress in (None, math.nan, 0.0, -1.0, 2.0, math.inf):
        assert with_mark(marks, 25.0, progress) == marks


@given(SPARE, ANY, st.integers(0, 50))
def test_requests_are_saved_up_within_bounds(spare: float, elapsed_s: float, requests: int) -> None:
    after = spare_after(spare, elapsed_s, requests)
    assert math.isfinite(after)
    assert after <= MOST_SPARE - requests
    if math.isfinite(elapsed_s):
        assert after <= spare + RATE * max(0.0, elapsed_s) - requests + 1e-9


@given(st.lists(OUTLOOKS, min_size=1, max_size=3), st.integers(0, 800))
@settings(max_examples=30, deadline=None)
def test_however_urgent_the_jobs_are_requests_stay_within_bounds(jobs: list[Outlook], listed: int) -> None:
    each = requests_for(listed)
    spare, elapsed_s, requests = FIRST_SPARE, 0.0, 0.0
    while elapsed_s < 200.0:
        pause = next_poll_s(jobs, spare)  # as if each of these ages were always now
        spare = spare_after(spare, pause, each)
        elapsed_s += pause
        requests += each
    assert requests <= FIRST_SPARE + RATE * elapsed_s + each + 1e-6
