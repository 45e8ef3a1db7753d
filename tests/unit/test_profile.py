# SPDX-License-Identifier: GPL-3.0-or-later
"""Profiles of finishing: built-in ones, files of one's own, and what is refused in words."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maquette.client import InputError
from maquette.jobs.profile import (
    LABELS,
    PROFILES,
    Profile,
    as_json,
    from_json,
    override,
    profile_key,
    read_profile,
)


def written(folder: Path, text: str) -> Path:
    path = folder / "ours.toml"
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize("name", PROFILES)
def test_a_built_in_profile_is_found_by_its_name_and_by_its_label(name: str) -> None:
    assert read_profile(name) is read_profile(f" {LABELS[name].upper()} ") is PROFILES[name]
    assert PROFILES[name].label == LABELS[name]


def test_only_as_delivered_does_nothing() -> None:
    assert [name for name, each in PROFILES.items() if each.does_nothing] == ["as-delivered"]


def test_the_built_in_profiles_keep_to_what_is_allowed() -> None:
    for each in PROFILES.values():
        assert from_json(as_json(each)) == each


def test_a_file_has_what_is_not_as_in_its_base(tmp_path: Path) -> None:
    path = written(tmp_path, 'base = "game"\nfaces = 5000\nbake = 0\npivot = "keep"\nstrip = ["seed", "job"]')
    found = read_profile(path)
    assert found == override(
        PROFILES["game"], name="ours", faces=5000, bake=0, pivot="keep", strip=["job", "seed"]
    )
    assert (found.bake, found.pivot, found.strip) == (None, None, ("job", "seed"))
    assert found.label == "ours"


@pytest.mark.parametrize("value", ["0", "false", '"keep"'])
def test_a_thing_is_left_as_it_was_delivered_by_each_word_for_that(value: str, tmp_path: Path) -> None:
    own = ("object_name", "mesh_name", "material_name", "texture_name", "unit", "strip", "name")
    names = [one.name for one in fields(Profile) if one.name not in own]
    path = written(tmp_path, "\n".join(['base = "game"', *(f"{name} = {value}" for name in names)]))
    assert read_profile(path) == Profile(name="ours")


def test_a_file_without_a_base_is_as_delivered_but_for_its_fields(tmp_path: Path) -> None:
    path = written(tmp_path, '\ufeffname = "Café"\nobject_name = "SM_{name}_{number}"')
    assert read_profile(str(path)) == Profile(name="Café", object_name="SM_{name}_{number}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("facs = 5000", "ours.toml: 'facs' is no field of a profile; did you mean faces?"),
        ("zzz = 1", "known are base, name, loose, weld"),
        ("faces = true", "faces: give a whole number from 4 to 10,000,000, or 0 to leave it"),
        ("faces = 3", "faces: give a whole number from 4"),
        ("faces = 99.5", "faces: give a whole number"),
        ('faces = "5000"', "faces: give a whole number"),
        ("smooth_angle = nan", "smooth_angle: give a number from 1 to 180"),
        ("loose = 2", "loose: give a number from 0.001 to 0.5"),
        ('faces = "keeep"', "faces: give a whole number"),
        ("weld = 1", "weld: give true or false"),
        ("lods = 4", "lods: give a whole number from 0 to 3."),
        ('pivot = "bass"', "pivot: give 'base', 'centre' or 'keep'; did you mean base?"),
        ('unit = "keep"', "unit: give 'm', 'cm' or 'mm'."),
        ('base = "gam"', "base: give 'as-delivered', 'game', 'film' or 'print'; did you mean game?"),
        ("base = []", "base: give"),
        ('object_name = "{name.__class__}"', "may have {name}, {part} or {number} in it"),
        ('object_name = "{nme}"', "no other braces"),
        ('mesh_name = "../{name}"', "no slashes"),
        ('mesh_name = "a\\u0007"', "mesh_name: give a text of 100 characters at most"),
        ('strip = ["price"]', 'strip: give "all", or a list of job, model, parameters'),
        ('strip = ["modal"]', "did you mean model?"),
        ("strip = [[]]", 'strip: give "all"'),
        ('name = "a\\u0000"', "name: give a text"),
        ("faces", "ours.toml cannot be read"),
        ("[faces]", "faces: give a whole number"),
        ("a" * 70_000, "over 65,536 bytes"),
    ],
)
def test_what_is_wrong_in_a_file_is_told(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_profile(written(tmp_path, text))
    assert words in str(caught.value)


def test_what_is_no_profile_is_told_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did you mean game"):
        read_profile("gmae")
    with pytest.raises(InputError, match=r"none\.toml cannot be read: No such file"):
        read_profile(tmp_path / "none.toml")
    path = tmp_path / "latin.toml"
    path.write_bytes(b"name = '\xe9'")
    with pytest.raises(InputError, match="cannot be read"):
        read_profile(path)


def test_what_is_not_given_is_not_overridden() -> None:
    game = PROFILES["game"]
    assert override(game, faces=None, bake=None) == game
    assert override(game, faces=0).faces is None
    with pytest.raises(InputError, match="faces: give a whole number"):
        override(game, faces=-1)
    with pytest.raises(InputError, match="no field of a profile"):
        override(game, cost=1)


def test_the_key_tells_apart_what_makes_another_result() -> None:
    game = PROFILES["game"]
    assert profile_key(override(game, name="Mine", strip="all")) == profile_key(game)
    others = {profile_key(each) for each in PROFILES.values()}
    others |= {profile_key(override(game, **{name: value})) for name, value in DIFFERENT.items()}
    assert len(others) == len(PROFILES) + len(DIFFERENT)
    assert set(DIFFERENT) == {one.name for one in fields(Profile)} - {"name", "strip"}


DIFFERENT: dict[str, Any] = {
    "weld": False, "loose": 0.1, "normals": False, "watertight": True, "quads": True, "faces": 4,
    "smooth_angle": 1.0, "bake": 64, "texture_px": 16, "texture_format": "jpeg", "merge": False, "lods": 1,
    "hulls": 1, "apply_scale": False, "pivot": "centre", "front": "x", "object_name": "a", "mesh_name": "a",
    "material_name": "a", "texture_name": "a", "unit": "cm",
}  # fmt: skip


def test_the_key_does_not_change_by_itself() -> None:
    """Finished results on a disk are found by it."""
    assert profile_key(Profile(name="x", faces=5000)) == KEY


KEY = "b5dfcd87a977"


@given(
    st.sampled_from(sorted(DIFFERENT)),
    st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=4),
)
def test_whatever_a_field_is_given_is_taken_or_refused_in_words(name: str, value: Any) -> None:
    try:
        made = from_json({name: value})
    except InputError as error:
        text = str(error)
    else:
        assert from_json(as_json(made)) == made
        text = f"{name}: "
    assert text.startswith(f"{name}: ")
