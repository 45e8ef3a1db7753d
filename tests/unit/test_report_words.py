# SPDX-License-Identifier: GPL-3.0-or-later
"""A report in words: the sentence says what is wrong, the light how bad it is; odd numbers break neither."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maquette.jobs import (
    REPORT_COLUMNS,
    Light,
    Report,
    details_of,
    light_of,
    read_report,
    report_cells,
    report_json,
    report_of,
    sentence_of,
)

# A closed mesh of triangles that covers half of its texture.
SOUND: dict[str, Any] = {
    "faces": 48210, "triangles": 48210, "quads": 0, "ngons": 0, "tris": 48210, "vertices": 24107,
    "points": 0, "objects": 1, "parts": 1, "boundary_edges": 0, "non_manifold_edges": 0, "split_edges": 0,
    "loose_edges": 0, "flipped_faces": 0, "one_sided_faces": 0, "degenerate_faces": 0, "doubles": 0,
    "invalid_vertices": 0, "uv_layers": 1, "faces_without_uv": 0, "textured_faces_without_uv": 0,
    "uv_coverage": 0.5, "uv_overlap": 0.0, "uv_outside_faces": 0, "uv_invalid_faces": 0, "materials": 1,
    "duplicate_materials": 0, "textures": 2, "duplicate_textures": 0, "texture_pixels": 8388608,
    "largest_texture_px": 2048, "texture_bytes": 5_000_000, "texture_gpu_bytes": 44_739_243, "bones": 0,
    "shape_keys": 0, "dimensions_m": [0.5, 1.0, 2.0], "clips": [], "not_measured": [],
}  # fmt: skip


def report(**changes: Any) -> Report:
    found = read_report(SOUND | changes)
    assert found
    return found


def test_a_report_has_every_number_that_there_is() -> None:
    assert {one.name for one in dataclasses.fields(Report)} == SOUND.keys()


def test_a_sound_mesh_is_green() -> None:
    assert sentence_of(report()) == "48,210 triangles, closed"
    assert light_of(report()) is Light.GREEN


def test_the_sentence_says_what_is_open_and_what_overlaps() -> None:
    found = report(boundary_edges=14, uv_overlap=0.031)
    assert sentence_of(found) == "48,210 triangles, not closed: 14 open edges; UVs overlap by 3 %"
    assert light_of(found) is Light.YELLOW


@pytest.mark.parametrize(
    ("changes", "light", "words"),
    [
        ({"boundary_edges": 1}, "yellow", "not closed: 1 open edge"),
        ({"non_manifold_edges": 2}, "yellow", "not closed: 2 non-manifold edges"),
        ({"flipped_faces": 482}, "yellow", "482 faces flipped"),
        ({"flipped_faces": 483}, "red", "483 faces flipped"),
        ({"one_sided_faces": 9}, "yellow", "a surface that has one side alone"),
        ({"degenerate_faces": 1}, "yellow", "1 degenerate face"),
        ({"doubles": 12053}, "green", ""),
        ({"doubles": 12054}, "yellow", "faces that are not joined: 12,054 doubles"),
        ({"invalid_vertices": 1}, "red", "1 vertex at no place"),
        ({"uv_layers": 0, "faces_without_uv": 48210}, "yellow", "no UVs"),
        ({"faces_without_uv": 7}, "yellow", "no UVs on 7 faces"),
        ({"uv_layers": 0, "textured_faces_without_uv": 48210}, "red", "textures without UVs"),
        ({"uv_overlap": 0.0099}, "green", ""),
        ({"uv_overlap": 0.01}, "yellow", "UVs overlap by 1 %"),
        ({"uv_outside_faces": 3}, "yellow", "UVs outside 0 to 1 on 3 faces"),
        ({"uv_invalid_faces": 3}, "yellow", "UVs at no place on 3 faces"),
        ({"not_measured": ["UVs: over 5 faces"]}, "yellow", "not measured: UVs: over 5 faces"),
        ({"duplicate_materials": 3, "parts": 9, "split_edges": 4}, "green", ""),
    ],
)
def test_each_rule_of_the_light_has_its_words(changes: dict[str, Any], light: str, words: str) -> None:
    found = report(**changes)
    assert light_of(found) == light
    assert words in sentence_of(found)
    assert words or sentence_of(found) == "48,210 triangles, closed"


def test_the_worst_comes_first() -> None:
    found = report(degenerate_faces=2, flipped_faces=24000)
    assert sentence_of(found).endswith("; 24,000 faces flipped; 2 degenerate faces")
    assert light_of(found) is Light.RED


def test_faces_of_several_kinds_are_told_apart() -> None:
    found = report(faces=13, triangles=2, quads=10, ngons=1, tris=25)
    assert sentence_of(found) == "13 faces (2 triangles, 10 quads, 1 n-gon), closed"
    assert sentence_of(report(faces=1, triangles=0, quads=1)).startswith("1 quad,")
    assert ("Triangulated", "25 triangles") in details_of(found)


def test_points_have_no_surface_to_be_open() -> None:
    found = report(faces=0, triangles=0, points=312000, uv_layers=0)
    assert sentence_of(found) == "312,000 points"
    assert light_of(found) is Light.GREEN


def test_results_of_earlier_versions_are_not_measured() -> None:
    assert report_of({"ok": True, "faces": 12}) is None
    assert sentence_of(None) == "not measured"
    assert report_json(None) is None
    assert [cell for cell in report_cells(None) if cell is not None] == ["not measured"]


def test_the_details_tell_each_number_under_its_title() -> None:
    said = dict(details_of(report(bones=42, clips=["a", "b", "c", "d"], duplicate_materials=2, materials=3)))
    assert said["Faces"] == "48,210 triangles"
    assert said["UVs"] == "1 layer, cover 50 %, overlap 0 %"
    assert said["Textures"] == "2, 2,048 px at most, 5.0 MB, 45 MB on the GPU"
    assert said["Dimensions"] == "0.5 × 1 × 2 m"
    assert said["Materials"] == "3 (2 the same)"
    assert said["Rig"] == "42 bones"
    assert said["Clips"] == "a, b, c and 1 more"
    assert "Not Measured" not in said


def test_dimensions_are_those_of_the_size_that_it_is_written_with() -> None:
    assert report().at_size(1.0).dimensions_m == (0.25, 0.5, 1.0)
    assert report().at_size(None).dimensions_m == (0.5, 1.0, 2.0)
    assert report(dimensions_m=[]).at_size(1.0).dimensions_m == ()


def test_a_table_has_a_cell_for_each_column() -> None:
    cells = dict(zip(REPORT_COLUMNS, report_cells(report(clips=["Walk", "Run"])), strict=True))
    assert (cells["light"], cells["report"]) == ("green", "48,210 triangles, closed")
    assert (cells["texture_mb"], cells["texture_gpu_mb"]) == (5.0, 44.739)
    assert (cells["width_m"], cells["depth_m"], cells["height_m"]) == (0.5, 1.0, 2.0)
    assert cells["clips"] == "Walk, Run"
    assert None not in cells.values()
    numbers = {each.name for each in dataclasses.fields(Report) if each.default is None}
    elsewhere = {"faces", "texture_bytes", "texture_gpu_bytes"}  # in a column before these, or in megabytes
    assert numbers - elsewhere <= {*REPORT_COLUMNS}


def test_what_is_told_as_json_is_read_as_the_same_report() -> None:
    found = report(boundary_edges=14)
    told = report_json(found)
    assert told and told["light"] == "yellow"
    assert read_report(told) == found


numbers = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.floats(), max_size=4)
)


@given(st.dictionaries(st.sampled_from(sorted(SOUND)), numbers) | st.lists(st.integers()) | st.none())
def test_a_report_that_somebody_has_written_into_breaks_nothing(value: object) -> None:
    """Results lie in folders that others can write to."""
    found = read_report(value)
    if found is not None:
        assert light_of(found) in Light
        assert sentence_of(found.at_size(2.0))
        assert len(report_cells(found)) == len(REPORT_COLUMNS)
        assert all(isinstance(text, str) for line in details_of(found) for text in line)
    else:
        assert not isinstance(value, dict)
