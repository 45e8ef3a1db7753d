# SPDX-License-Identifier: GPL-3.0-or-later
"""The tool that compares conversions with Blender's own imports: what it finds, lets pass and keeps."""

import argparse
import json
import zipfile
from pathlib import Path
from typing import Any

import corpus
import corpus_files
import corpus_rules
import pytest

ROOT = Path(__file__).resolve().parents[2]
FACTS: dict[str, Any] = {
    "frame": 1,
    "faces": 12,
    "objects": 2,
    "min": [-1.0, -1.0, 0.0],
    "max": [1.0, 1.0, 3.0],
    "materials": ["Skin"],
    "textures": ["64 x 64"],
    "actions": 1,
    "coloured_faces": 0,
    "types": ["MESH"],
}


def record(file: str = "a.glb", **changes: Any) -> dict[str, Any]:
    """A file that is equal, but for what is given as the result's."""
    answer = {"ok": True, "min": FACTS["min"], "max": FACTS["max"], "messages": [], "kept": []}
    answer |= {key: changes.pop(key) for key in ("messages", "kept") if key in changes}
    ours = {"error": changes["error"]} if "error" in changes else {**FACTS, **changes}
    made = {"file": file, "answer": answer, "blender": dict(FACTS), "maquette": ours}
    return {**made, "companions": [], "seconds": 0.1}


def test_two_that_are_alike_are_equal_and_worth_no_line() -> None:
    assert corpus_rules.assessed(record())[0] == "equal"
    assert corpus_rules.line(record()) == ""
    assert corpus_rules.assessed(record(max=[1.0, 1.0, 3.0001]))[0] == "equal"


@pytest.mark.parametrize(
    ("what", "planted"),
    [
        ("faces", {"faces": 11}),
        ("objects", {"objects": 3}),
        ("materials", {"materials": []}),
        ("textures", {"textures": ["32 x 32"]}),
        ("actions", {"actions": 2}),
        ("coloured_faces", {"coloured_faces": 12}),
        ("size", {"max": [1.0, 1.0, 3.1]}),
        ("shown", {"error": "a.glb is damaged."}),
    ],
)
def test_a_planted_difference_is_one_line_that_names_it(what: str, planted: dict[str, Any]) -> None:
    line = corpus_rules.line(record(**planted))
    assert line.startswith(f"different  a.glb: {what} ")
    assert "Blender has" in line and "\n" not in line


def test_bounds_that_are_told_but_not_so_are_a_difference() -> None:
    made = record()
    made["answer"]["max"] = [1.0, 1.0, 4.0]
    assert [each.what for each in corpus_rules.differences(made)] == ["told bounds"]


def test_a_file_that_neither_reads_is_equal() -> None:
    made = record(error="damaged")
    made["blender"] = {"error": "no"}
    assert corpus_rules.assessed(made)[0] == "equal"


def test_a_file_that_hides_all_is_shown_by_a_rule_of_its_own() -> None:
    made = record()
    made["blender"] |= {"faces": 0, "min": [], "max": []}
    assert corpus_rules.line(made).endswith("[all is hidden]")
    made["blender"] = {"error": "no"}
    assert corpus_rules.line(made).endswith("[read where Blender reads nothing]")


def test_a_usd_in_another_unit_is_so_by_rule_and_another_shape_is_not() -> None:
    """4.2 takes centimetres for metres."""
    scaled = {"min": [-0.01, -0.01, 0.0], "max": [0.01, 0.01, 0.03]}
    made = record("a.usda", **scaled)
    made["answer"] |= scaled
    assert corpus_rules.line(made).endswith("[a USD's unit]")
    assert corpus_rules.line({**made, "file": "a.glb"}).startswith("different")
    assert corpus_rules.line(record("a.usda", max=[1.0, 1.0, 3.1])).startswith("different")


def test_a_difference_with_a_rule_is_told_with_the_rules_name() -> None:
    line = corpus_rules.line(record(materials=["Skin", "tint"], coloured_faces=12))
    assert line.startswith("different")  # for the colours come from nowhere
    made = record(materials=["Skin", "tint"], coloured_faces=12)
    made["blender"]["coloured_faces"] = 12
    assert corpus_rules.line(made).endswith("[a material for vertex colours]")
    made["maquette"]["faces"] = 1
    assert corpus_rules.line(made).startswith("different  a.glb: faces 1, Blender has 12")


def test_the_table_counts_files_by_format_and_all() -> None:
    made = [record("a.glb"), record("b.GLB", faces=1), record("c.obj")]
    table = corpus_rules.counts_table(corpus_rules.by_format(made), "format").splitlines()
    assert table[2:] == ["| .glb | 2 | 1 | 0 | 1 |", "| .obj | 1 | 1 | 0 | 0 |", "| all | 3 | 2 | 0 | 1 |"]


def test_a_model_comes_with_the_files_that_it_names_and_no_others(tmp_path: Path) -> None:
    files = {"m/a.obj": "mtllib a.mtl", "m/a.mtl": "map_Kd tex/Skin one.png"}
    files["m/c.gltf"] = '{"uri": "tex/skin%20one.png", "uri": "../up.png"}'
    files |= dict.fromkeys(("m/tex/skin one.png", "m/b.mtl", "m/other.png", "up.png"), "")
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    found = {model.name: corpus_files.sources(model, tmp_path) for model in corpus_files.models(tmp_path)}
    names = {key: [each["name"] for each in value] for key, value in found.items()}
    assert names["a.obj"] == ["a.obj", "a.mtl", "tex/skin one.png"]
    assert names["c.gltf"] == ["m/c.gltf", "m/tex/skin one.png", "up.png"]
    inside = tmp_path / "m"
    assert corpus_files.companions(inside / "c.gltf", inside) == [inside / "tex" / "skin one.png"]


def options(folder: Path, results: Path) -> argparse.Namespace:
    return argparse.Namespace(
        blender="blender", folder=str(folder), results=results, limit=0, timeout=1.0, jobs=2
    )


class Stub:
    """Tries files without a Blender: each has as many faces as its text says."""

    tried: list[str] = []

    def __init__(self, *_: Any) -> None: ...

    def record(self, model: Path, base: Path) -> dict[str, Any]:
        self.tried.append(model.name)
        return record(model.relative_to(base).as_posix(), faces=int(model.read_text("utf-8")))

    def end(self) -> None: ...


def test_a_run_goes_on_where_it_was_interrupted_and_new_code_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    base = tmp_path / "files"
    base.mkdir()
    for name, faces in (("a.glb", 12), ("b.glb", 11), ("c.glb", 12)):
        (base / name).write_text(str(faces), "utf-8")
    codes = ["1"]
    monkeypatch.setattr(corpus, "Trial", Stub)
    monkeypatch.setattr(corpus, "version_of", lambda _: "9.9.9")
    monkeypatch.setattr(corpus, "code_hash", lambda: codes[-1])
    monkeypatch.setattr(Stub, "tried", [])
    found = corpus.run(options(base, tmp_path))
    assert sorted(Stub.tried) == ["a.glb", "b.glb", "c.glb"]
    assert len(found) == 3

    results = tmp_path / "files-9.9.9.jsonl"
    lines = results.read_text("utf-8").splitlines()
    results.write_text("\n".join([*lines[:2], lines[2][:40]]), "utf-8")  # killed at the second file
    Stub.tried.clear()
    corpus.run(options(base, tmp_path))
    assert len(Stub.tried) == 2
    assert len(corpus.read(results)[0]) == 3

    codes.append("2")
    (base / "b.glb").write_text("12", "utf-8")
    Stub.tried.clear()
    capsys.readouterr()
    corpus.run(options(base, tmp_path))
    assert len(Stub.tried) == 3
    assert "since the last run: different -> equal: b.glb" in capsys.readouterr().out


def test_what_a_blender_cannot_do_is_a_line_and_not_an_end(tmp_path: Path) -> None:
    """A crash, or no end within the time: both come as a ChildError."""
    trial = corpus.Trial(str(tmp_path / "no-blender"), 1)
    (tmp_path / "a.glb").write_bytes(b"glTF")
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as packed:
        packed.writestr("a.glb", b"glTF")
    for name in ("a.glb", "b.zip"):
        made = trial.record(tmp_path / name, tmp_path)
        assert "could not be started" in made["blender"]["error"]
        assert str(tmp_path) not in json.dumps(made).replace(str(tmp_path / "no-blender"), "")


def test_the_tables_in_the_documents_are_the_tools_own() -> None:
    text = (ROOT / "docs" / "formats.md").read_text("utf-8")
    assert corpus_rules.rules_table() in text
    assert corpus_rules.counts_table([], "corpus").splitlines()[0] in text
    assert f"{' · '.join(corpus_rules.OUTCOMES)}." in text
    between = text.partition(corpus.START)[2].partition(corpus.END)[0]
    counts = [
        line.split(" | ")[-1].strip(" |") for line in between.splitlines() if line.startswith("| all |")
    ]
    assert counts == ["0"]


def test_the_document_is_written_from_all_results_between_its_marks(tmp_path: Path) -> None:
    for version, name in (("5.2.3", "some"), ("5.2.3", "others"), ("4.2.23", "some")):
        lines = [{"corpus": name, "blender": version, "code": "1"}, record("a.glb"), record("b.obj", faces=1)]
        path = tmp_path / f"{name}-{version}.jsonl"
        path.write_text("".join(json.dumps(each) + "\n" for each in lines), "utf-8")
    file = tmp_path / "formats.md"
    file.write_text(f"Before\n{corpus.START}\nfrom before\n{corpus.END}\nafter\n", "utf-8")
    corpus.document(tmp_path, file)
    text = file.read_text("utf-8")
    assert text.startswith(f"Before\n{corpus.START}\n") and text.endswith(f"{corpus.END}\nafter\n")
    assert "| others | 2 | 1 | 0 | 1 |\n| some | 2 | 1 | 0 | 1 |\n| all | 4 | 2 | 0 | 2 |" in text
    assert "| format | 5.2.3 | 4.2.23 |" in text
    assert "| .glb | 2 · 0 · 0 | 1 · 0 · 0 |" in text
    assert "from before" not in text
