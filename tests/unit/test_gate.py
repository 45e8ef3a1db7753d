# SPDX-License-Identifier: GPL-3.0-or-later
"""What `--require` says is understood or refused in words, and what a report does not meet is told."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maquette.client import InputError
from maquette.jobs import Report, read_report, read_requirements, reasons

MADE: dict[str, Any] = {
    "faces": 4000, "triangles": 4000, "quads": 0, "ngons": 0, "boundary_edges": 0, "non_manifold_edges": 0,
    "faces_without_uv": 0, "uv_layers": 1, "uv_overlap": 0.018, "uv_coverage": 0.61, "textures": 2,
    "texture_bytes": 3_500_000, "bones": 0, "clips": ["Walk"], "dimensions_m": [0.5, 1.0, 2.0],
}  # fmt: skip


def report(**changes: Any) -> Report:
    found = read_report(MADE | changes)
    assert found
    return found


@pytest.mark.parametrize(
    "terms",
    [
        "faces<=5000, manifold, uv_overlap<2%",
        "faces <= 5_000 , Manifold,UV_Overlap < 2 %,",
        ["faces<5000", "unwrapped, textured", "not rigged"],
        "ngons=0, triangles==4000, quads!=1, clips>=1, height_m<=2.0, texture_mb<4, uv_coverage>0.6",
        "uv_overlap<=0.02",
    ],
)
def test_a_result_that_meets_all_terms_passes(terms: object) -> None:
    assert reasons(read_requirements(terms), report()) == ()


@pytest.mark.parametrize(
    ("term", "changes", "reason"),
    [
        ("faces<=5000", {"faces": 48210}, "faces 48,210, required <=5000"),
        ("faces < 4000", {}, "faces 4,000, required < 4000"),
        ("uv_overlap<2%", {"uv_overlap": 0.034}, "uv_overlap 3.4 %, required <2%"),
        ("manifold", {"boundary_edges": 1}, "not manifold"),
        ("manifold", {"non_manifold_edges": 1}, "not manifold"),
        ("not manifold", {}, "manifold"),
        ("unwrapped", {"faces_without_uv": 3}, "not unwrapped"),
        ("rigged", {}, "not rigged"),
        ("textured", {"textures": 0}, "not textured"),
        ("clips>=2", {}, "clips 1, required >=2"),
        ("texture_mb<=3", {}, "texture_mb 3.5, required <=3"),
        ("height_m=1", {}, "height_m 2, required =1"),
        ("doubles=0", {}, "doubles=0: not measured"),
        ("width_m<=1", {"dimensions_m": []}, "width_m<=1: not measured"),
        ("manifold", {"boundary_edges": None}, "manifold: not measured"),
        ("manifold", {"faces": 0}, "manifold: not measured"),
    ],
)
def test_what_a_result_does_not_meet_is_told(term: str, changes: dict[str, Any], reason: str) -> None:
    assert reasons(read_requirements(term), report(**changes)) == (reason,)


def test_each_term_that_is_not_met_is_told() -> None:
    found = reasons(read_requirements("faces<=100, rigged, manifold"), report())
    assert found == ("faces 4,000, required <=100", "not rigged")


def test_numbers_are_read_as_they_are_told() -> None:
    gate = read_requirements("faces<=1,005,000,manifold, vertices<3,000.5")
    assert [(each.name, each.limit) for each in gate] == [
        ("faces", 1_005_000),
        ("manifold", 0.0),
        ("vertices", 3000.5),
    ]
    assert reasons(read_requirements("faces<=3,000"), report()) == ("faces 4,000, required <=3,000",)


def test_a_result_from_before_there_were_reports_is_rejected() -> None:
    assert reasons(read_requirements("faces<=5000"), None) == ("faces<=5000: not measured",)
    assert reasons((), None) == ()


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ("", "at least one term"),
        (" , ", "at least one term"),
        ("facs<=5000", "did you mean faces[?]$"),
        ("faces", "compare it with a number: `faces<=1`[.]$"),
        ("faces<=5,00", "'faces<=5,00': write `NAME<=NUMBER`"),
        ("faces<=50000,000", "'faces<=50000,000': write `NAME<=NUMBER`"),
        ("uv_overlap<2,5%", "'uv_overlap<2,5%': write `NAME<=NUMBER`"),
        ("manifld", "did you mean manifold"),
        ("faces", "compare it with a number"),
        ("manifold<=1", "it is no number"),
        ("faces<=", "write `NAME<=NUMBER`"),
        ("faces=<5", "write `NAME<=NUMBER`"),
        ("faces<=many", "write `NAME<=NUMBER`"),
        ("faces<=5%", "it is no share"),
        ("uv_overlap<2", "it is a share, write 2%"),
        ("not faces<5", "write `NAME<=NUMBER`"),
        ("faces!5", "write `NAME<=NUMBER`"),
        ("dimensions_m<1", "known are|did you mean"),
        ("no.toml", "no.toml cannot be read"),
        (5, "give terms such as"),
    ],
)
def test_a_term_that_makes_no_sense_is_refused_with_what_to_write(terms: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_requirements(terms)


@given(st.text(alphabet="faces<=!>5%_. ,not\u0660é", max_size=30))
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        gate = read_requirements(text)
    except InputError:
        return
    assert all(isinstance(reason, str) for reason in reasons(gate, report()))


def test_a_team_shares_its_terms_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "game.toml"
    path.write_text('# props\nrequire = ["faces<=100", "manifold"]\n', encoding="utf-8")
    assert reasons(read_requirements(str(path)), report()) == ("faces 4,000, required <=100",)
    assert read_requirements(path) == read_requirements("faces<=100, manifold")
    path.write_text('require = "faces<=100, manifold"', encoding="utf-8")
    assert read_requirements(path) == read_requirements("faces<=100, manifold")
    for wrong in ("faces = 5", "require = 5", "require = [", 'require = ["facs<5"]', "\xff"):
        path.write_bytes(wrong.encode("latin-1"))
        with pytest.raises(InputError):
            read_requirements(path)
