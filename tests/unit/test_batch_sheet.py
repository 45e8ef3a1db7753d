"""The contact sheet and the table hold what they are given as text, whatever it says."""

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from maquette.batches import Item, Outcome, Problem, Row, RowState, RowStatus, write_sheet, write_table
from maquette.client import Model

MODEL = Model.from_json({"id": "model_x", "name": "X", "inputs": []})


def tracked(key: str, message: str = "", files: tuple[str, ...] = ()) -> RowState:
    item = Item(Row(2, key, "stem", {}), MODEL, {"prompt": key}, key, key, 1.0, (".glb",), "id-1", 2.5)
    outcome = Outcome(outputs=files, cost_cu=2.5, faces=12, seconds=1.2, preview="a b#.png")
    return RowState(item, "id-1", RowStatus.DONE, message, outcome)


def rows_of(path: Path) -> list[dict[str, object]]:
    pattern = r'<script type="application/json" id="rows">(.*?)</script>'
    found = re.search(pattern, path.read_text("utf-8"), re.DOTALL)
    assert found
    return json.loads(found[1])


@given(st.text(), st.text(), st.text())
def test_no_text_leaves_the_data_of_the_page(tmp_path_factory, key: str, message: str, problem: str) -> None:
    path = tmp_path_factory.mktemp("sheet") / "index.html"
    hostile = "</script><img src=x onerror=alert(1)><!--"
    write_sheet(path, [tracked(hostile + key, message)], [Problem(3, "", problem + hostile)])
    text = path.read_text("utf-8")
    assert hostile not in text
    assert text.count("</script>") == 2
    rows = rows_of(path)
    assert len(rows) == 2


def test_addresses_are_relative_whatever_a_file_is_called(tmp_path: Path) -> None:
    names = ("javascript:alert(1).glb", "//evil.example/x.glb", "a b#?.glb")
    write_sheet(tmp_path / "index.html", [tracked("k", files=names)], [])
    row = rows_of(tmp_path / "index.html")[0]
    urls = [file["url"] for file in row["files"]]  # type: ignore[index,union-attr]
    assert urls == ["./javascript%3Aalert%281%29.glb", ".///evil.example/x.glb", "./a%20b%23%3F.glb"]
    assert row["preview"] == "./a%20b%23.png"


def test_no_cell_is_a_formula(tmp_path: Path) -> None:
    write_table(tmp_path / "r.csv", [tracked("=1+1", "@SUM(A1)")], [Problem(9, "-x", "wrong")])
    with (tmp_path / "r.csv").open(newline="", encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["id"] for row in rows] == ["'=1+1", "'-x"]
    assert rows[0]["message"] == "'@SUM(A1)"
    assert rows[0]["cost_cu"] == "2.5"
    assert rows[1]["state"] == "wrong"
    assert rows[1]["message"] == "row 9 (-x): wrong"


def test_a_row_tells_the_report_of_its_result_at_the_size_of_its_files(tmp_path: Path) -> None:
    row = tracked("a", files=("a.glb",))
    made = {"faces": 3, "triangles": 3, "boundary_edges": 2, "non_manifold_edges": 0, "clips": ["=1+1"]}
    made |= {"dimensions_m": [0.2, 0.4, 2.0], "texture_bytes": 1_500_000, "textures": 1}
    row.outcome = replace(row.outcome or Outcome(), report=made)
    write_table(tmp_path / "r.csv", [row, tracked("b")], [Problem(9, "x", "wrong")])
    with (tmp_path / "r.csv").open(newline="", encoding="utf-8-sig") as stream:
        first, second, wrong = csv.DictReader(stream)
    assert first["report"] == "3 triangles, not closed: 2 open edges"
    wanted = {"light": "yellow", "boundary_edges": "2", "texture_mb": "1.5", "height_m": "1.0"}
    assert {name: first[name] for name in wanted} == wanted
    assert first["clips"] == "'=1+1"
    assert (second["report"], second["light"], wrong["report"]) == ("not measured", "", "")
    write_sheet(tmp_path / "index.html", [row, tracked("b", files=("b.glb",))], [Problem(9, "x", "wrong")])
    shown, old, bad = rows_of(tmp_path / "index.html")
    assert (shown["light"], shown["report"]) == ("yellow", first["report"])
    assert ["Dimensions", "0.1 × 0.2 × 1 m"] in shown["details"]  # type: ignore[operator]
    assert (old["light"], old["report"], old["details"]) == (None, "not measured", [])
    assert (bad["light"], bad["report"]) == (None, "")


def test_the_page_reaches_for_nothing_outside(tmp_path: Path) -> None:
    write_sheet(tmp_path / "index.html", [tracked("a")], [])
    text = (tmp_path / "index.html").read_text("utf-8")
    assert "http" not in text.replace("http-equiv", "")
    assert "default-src 'none'" in text
    assert len(text) < 12_000


def test_the_table_opens_in_a_spreadsheet_with_its_letters_and_plain_numbers(tmp_path: Path) -> None:
    row = tracked("St\u00fchl")
    row.outcome = Outcome(cost_cu=2.5, seconds=1.2000000000000002, refunded_cu=2.5)
    write_table(tmp_path / "r.csv", [row], [Problem(9, "x", "wrong", 10)])
    assert (tmp_path / "r.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    with (tmp_path / "r.csv").open(newline="", encoding="utf-8-sig") as stream:
        first, second = csv.DictReader(stream)
    assert [first[name] for name in ("id", "seconds", "refunded_cu", "row")] == [
        "St\u00fchl",
        "1.2",
        "2.5",
        "2",
    ]
    assert [second[name] for name in ("message", "row")] == ["row 9 (x, line 10): wrong", "9"]
    write_sheet(tmp_path / "index.html", [row], [])
    assert rows_of(tmp_path / "index.html")[0]["cost"] == 0.0
