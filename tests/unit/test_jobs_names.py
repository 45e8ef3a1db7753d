# SPDX-License-Identifier: GPL-3.0-or-later
"""What a job, and so its object, is called."""

import pytest
from maquette.client import Model
from maquette.jobs import name_of

MODEL = Model.from_json({"id": "m", "name": "The Model"})


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("horse.png", "horse"),
        ("An ornate brass telescope on a tripod", "ornate brass telescope"),
        ("a red chair", "red chair"),
        ("The old oak table with three legs", "old oak table"),
        ("a small house, snow on the roof", "small house"),
        ("chair_front.view.jpg", "chair_front"),
        ("on", "on"),
        ("the", "the"),
        ("witch's hat", "witch's hat"),
        ("", "The Model"),
        ("!!!", "The Model"),
        ("x" * 90, "x" * 40),
    ],
)
def test_a_name_is_short_and_ends_on_a_word_that_says_something(source: str, name: str) -> None:
    assert name_of(source, MODEL) == name
