"""A manifest's rows: what is read, what is refused, and what of a row decides about its job."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from maquette.batches import Defaults, Item, Manifest, make_items, read_manifest, read_rows
from maquette.batches.manifest import MAX_KEY, stem_of
from maquette.batches.plan import price_key
from maquette.client import InputError, Model, NotFoundError
from maquette.jobs import AS_DELIVERED, PROFILES, override
from png_files import png

MODEL = Model.from_json(
    {
        "id": "model_hunyuan-3d-v2-1",
        "name": "Hunyuan",
        "inputs": [
            {"name": "image", "type": "file", "kind": "image", "required": {"always": True}},
            {"name": "faces", "type": "number", "min": 100, "max": 1000, "default": 500},
            {"name": "paint", "type": "boolean", "default": True},
        ],
    }
)
WORDS = Model.from_json(
    {
        "id": "model_meshy-txt23d",
        "name": "Meshy",
        "inputs": [{"name": "prompt", "type": "string", "prompt": True, "required": {"always": True}}],
    }
)
MODELS = {model.id: model for model in (MODEL, WORDS)}


def get_model(model_id: str) -> Model:
    if model_id not in MODELS:
        raise NotFoundError("no such model")
    return MODELS[model_id]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("horse.png", "cup.png"):
        (tmp_path / name).write_bytes(png() + name.encode())
    return tmp_path


def read(folder: Path, text: str, name: str = "m.csv") -> Manifest:
    (folder / name).write_text(text, encoding="utf-8")
    return read_manifest(folder / name)


def items_of(folder: Path, text: str, name: str = "m.csv", **defaults: Any) -> tuple[list[Item], list[str]]:
    manifest = read(folder, text, name)
    items = make_items(manifest, Defaults(**defaults), "test", get_model)
    return items, [str(problem) for problem in manifest.problems]


def one(folder: Path, text: str, name: str = "m.csv", **defaults: Any) -> Item:
    items, problems = items_of(folder, text, name, **defaults)
    assert not problems
    assert len(items) == 1
    return items[0]


def test_a_folder_of_pictures_is_a_manifest(folder: Path) -> None:
    (folder / "notes.txt").write_text("no picture")
    manifest = read_manifest(folder)
    assert [row.key for row in manifest.rows] == ["cup", "horse"]
    items = make_items(manifest, Defaults(), "test", get_model)
    assert [item.picture for item in items] == [folder / "cup.png", folder / "horse.png"]
    assert items[0].inputs["image"]


def test_a_table_and_json_lines_say_the_same(folder: Path) -> None:
    table = one(folder, "id,image,faces,paint,size\na,horse.png,200,no,2.5\n")
    excel = one(folder, "id;image;faces;paint;size\r\na;horse.png;200;no;2.5\r\n", "excel.csv")
    line = json.dumps({"id": "a", "image": "horse.png", "faces": 200.0, "paint": False, "size": 2.5})
    lines = one(folder, line, "m.jsonl")
    assert table.inputs == excel.inputs == lines.inputs
    assert table.inputs["faces"] == 200
    assert table.inputs["paint"] is False
    assert table.size_m == lines.size_m == 2.5
    assert table.id == excel.id == lines.id


def test_options_hold_where_a_row_says_nothing(folder: Path) -> None:
    text = "id,image,faces\na,horse.png,\nb,cup.png,300\n"
    items, problems = items_of(folder, text, parameters={"faces": "700"}, size_m=3.0, outputs="blend png")
    assert not problems
    assert [item.inputs["faces"] for item in items] == [700, 300]
    assert items[0].size_m == 3.0
    assert items[0].outputs == (".blend", ".png")


def test_the_model_follows_from_what_is_given(folder: Path) -> None:
    items, problems = items_of(folder, "id,file,prompt\na,horse.png,\nb,,a red cup\n")
    assert not problems
    assert [item.model for item in items] == [MODEL, WORDS]
    assert items[1].inputs == {"prompt": "a red cup"}


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("a,no.png,,,,", "no.png: no such file"),
        ("a,.,,,,", "that is a folder"),
        ("a,m.csv,,,,", "not an image"),
        ("a,horse.png,5,,,", "100 to 1000"),
        ("a,horse.png,many,,,", "must be a number"),
        ("a,horse.png,,0,,", "length in metres"),
        ("a,horse.png,,,exe,", ".exe is not one of .glb"),
        ("a,horse.png,,,,model_x", "no model model_x"),
        ("a,horse.png,,,,../../x", "give a model's id"),
        ("a,,,,,", "image: is required"),
        (",,,,glb,", "fill in its id"),
        ("a,horse.png,,,,,,x", "8 cells for 6 columns"),
        ("a,horse.png,,,,\na,cup.png,,,,", "row 1 has this key already"),
        ("a,horse.png,,,,\nA,cup.png,,,,", "row 1 has this key already"),
        ("a" * (MAX_KEY + 1) + ",horse.png,,,,", "1 to 200 characters"),
        ('"a\nb",horse.png,,,,', "in one line"),
    ],
)
def test_a_wrong_row_is_told_by_its_number(folder: Path, row: str, says: str) -> None:
    head = "id,image,faces,size,outputs,model\n"
    _, problems = items_of(folder, head + row)
    assert len(problems) == 1
    assert says in problems[0]
    assert problems[0].startswith("row ")


def test_a_table_as_german_excel_saves_it_is_read(folder: Path) -> None:
    text = "id;image;faces;size\nSt\u00fchl;horse.png;200,0;2,4\n"
    (folder / "m.csv").write_bytes(text.encode("cp1252"))
    manifest = read_manifest(folder / "m.csv")
    (item,) = make_items(manifest, Defaults(), "test", get_model)
    assert (item.key, item.size_m, item.inputs["faces"]) == ("St\u00fchl", 2.4, 200)
    assert "read as ANSI" in manifest.notes[0]
    assert one(folder, text).id == item.id
    _, problems = items_of(folder, 'id,image,size\na,horse.png,"2,4"\n')
    assert "not '2,4'. Write 2.4." in problems[0]


@pytest.mark.parametrize("number", ["200.000", "20,480", "1.000.000"])
def test_a_number_that_may_be_thousands_or_decimals_is_refused_before_it_is_paid_for(
    folder: Path, number: str
) -> None:
    _, problems = items_of(folder, f"id;image;faces\na;horse.png;{number}\n")
    assert f"faces: {number} may be decimals or thousands." in problems[0]
    assert one(folder, "id;image;size\na;horse.png;1,125\n").size_m == 1.125


def test_a_quotation_mark_that_is_never_closed_swallows_no_rows(folder: Path) -> None:
    with pytest.raises(InputError, match="Line 3 has a quotation mark that is never closed"):
        read(folder, 'id,image\na,horse.png\n"b,horse.png\nc,horse.png\n')


def test_a_column_that_is_named_twice_is_named(folder: Path) -> None:
    with pytest.raises(InputError, match="names image twice"):
        read(folder, "id,image,Image\na,horse.png,cup.png\n")


def test_subfolders_with_pictures_are_told(folder: Path) -> None:
    (folder / "views").mkdir()
    (folder / "views" / "front.png").write_bytes(png())
    (folder / "notes").mkdir()
    manifest = read_manifest(folder)
    assert [row.key for row in manifest.rows] == ["cup", "horse"]
    assert manifest.notes == ["views/ with 1 picture is left out: a folder's own pictures are the batch."]


def test_rows_are_counted_from_1_and_named_by_key_and_line(folder: Path) -> None:
    _, problems = items_of(folder, 'id,image\na,horse.png\n\nb,no.png\n"c\nd",cup.png\n')
    assert [problem.partition(": ")[0] for problem in problems] == ["row 2 (b, line 4)", "row 3 (line 6)"]
    _, problems = items_of(folder, '{"id": "a", "image": "no.png"}', "m.jsonl")
    assert problems[0].startswith("row 1 (a): ")


def test_all_that_is_wrong_with_a_row_is_told_at_once(folder: Path) -> None:
    head = "id,image,faces,size,outputs,modle,file\n"
    _, problems = items_of(folder, head + 'a,no.png,5,big,"exe,glb",x,none.png')
    assert len(problems) == 1
    for says in (
        *("no.png: no such file", "none.png: no such file", "100 to 1000", "not 'big'", ".exe is not one of"),
        "modle: there is no such column; did you mean model?",
    ):
        assert says in problems[0]
    assert "is required" not in problems[0]
    _, problems = items_of(folder, "id,model,size,outputs\na,nope,0,exe\n")
    assert all(says in problems[0] for says in ("no model nope", "length in metres", ".exe"))
    manifest = read(folder, json.dumps({"id": True, "x" * 300: 1}), "m.jsonl")
    assert "too long" in str(manifest.problems[0])
    assert "its id has to be" in str(manifest.problems[0])


def test_a_column_that_no_input_has_is_refused_with_a_suggestion(folder: Path) -> None:
    items, problems = items_of(folder, "id,image,face\na,horse.png,200\n")
    assert not items
    assert "did you mean faces?" in problems[0]
    _, problems = items_of(folder, "id,image\na,horse.png\n", parameters={"nope": "1"})
    assert problems == ["manifest: nope: none of the models has such an input."]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("m.csv", b"", "name the columns"),
        ("m.csv", b"id,id\n", "names id twice"),
        ("m.csv", b"id,image\n", "no rows"),
        ("m.csv", b"\xff\x00x", "UTF-8"),
        ("m.csv", b'id\n"' + b"x" * 200_000 + b'"', "is no CSV"),
        ("m.txt", b"id\n", "is no manifest"),
        ("m.jsonl", b"\n\n", "no rows"),
    ],
)
def test_what_is_no_manifest_is_one_error(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=says):
        read_manifest(tmp_path / name)
    with pytest.raises(InputError, match="no such file"):
        read_manifest(tmp_path / "none.csv")


@pytest.mark.parametrize("line", ["[" * 100_000, "{", "7", '{"id": ["x"]}', '{"id": true}', '{"image": 5}'])
def test_a_hostile_line_is_one_problem(tmp_path: Path, line: str) -> None:
    manifest = read(tmp_path, line + '\n{"id": "good"}', "m.jsonl")
    assert [row.key for row in manifest.rows] == ["good"]
    assert [problem.number for problem in manifest.problems] == [1]


@given(st.text(min_size=1, max_size=MAX_KEY), st.text(min_size=1, max_size=MAX_KEY))
def test_two_keys_never_share_a_file(first: str, second: str) -> None:
    stems = [stem_of(key) for key in (first, second)]
    for stem in stems:
        assert stem == Path(stem).name
        assert stem not in (".", "..")
        assert not set(stem) & set('\0/\\:*?"<>|\n')
        assert len(stem) <= 100
    if first != second and stems[0] == stems[1]:
        # A name that is made to look like another's mark: refused as the same key when it is read.
        assert first in stems or second in stems


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=5), st.text())
def test_whatever_a_line_holds_it_is_a_row_or_a_problem(
    tmp_path_factory: pytest.TempPathFactory, value: object, name: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "line.jsonl"
    path.write_text(json.dumps({"id": "a", name: value}), encoding="utf-8")
    manifest = read_manifest(path)
    make_items(manifest, Defaults(), "test", get_model)
    assert len(manifest.problems) >= 0


def test_rows_in_python_are_the_same_jobs_as_in_a_file(folder: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"id": "a", "image": Path("horse.png"), "faces": 200, "size": 2.5},
        {"id": 7, "file": ("cup.png",), "paint": False, "model": None},
        {"image": folder / "cup.png"},
    ]
    texts = [*rows[:1], {"id": 7, "file": ["cup.png"], "paint": False}, {"image": str(folder / "cup.png")}]
    text = "".join(json.dumps(row, default=str) + "\n" for row in texts)
    (folder / "m.jsonl").write_text(text, encoding="utf-8")
    manifests = (read_rows(iter(rows), folder), read_manifest(folder / "m.jsonl"))
    mine, others = (make_items(each, Defaults(), "test", get_model) for each in manifests)
    assert not any(each.problems for each in manifests)
    assert [item.key for item in mine] == ["a", "7", "cup"]
    assert mine == others


def test_a_row_in_python_that_is_none_is_a_problem_and_the_others_stay(folder: Path) -> None:
    rows: list[Any] = [
        {"id": "a", "image": {1, 2}},
        5,
        {"id": "b", "image": b"cup.png"},
        {"id": "c", "prompt": "x"},
    ]
    manifest = read_rows(rows, folder)
    assert [row.key for row in manifest.rows] == ["c"]
    assert [problem.number for problem in manifest.problems] == [1, 2, 3]
    assert all("give texts, numbers, paths" in str(problem) for problem in manifest.problems)
    with pytest.raises(InputError, match="no rows"):
        read_rows([], folder)


def test_what_changes_the_result_changes_the_job_and_nothing_else_does(folder: Path) -> None:
    base = one(folder, "id,image,faces\na,horse.png,200\n")
    again = one(folder, "id,faces,image,size,outputs,name\na,200,./horse.png,7,fbx,Horse\n")
    assert again.id == base.id
    changed = {
        one(folder, "id,image,faces\nb,horse.png,200\n").id,
        one(folder, "id,image,faces\na,cup.png,200\n").id,
        one(folder, "id,image,faces\na,horse.png,201\n").id,
        one(folder, "id,image,paint\na,horse.png,no\n").id,
    }
    (folder / "horse.png").write_bytes(png() + b"another")
    changed.add(one(folder, "id,image,faces\na,horse.png,200\n").id)
    assert len({base.id, *changed}) == 6


def test_a_default_of_the_model_that_changes_makes_no_new_job(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = one(folder, "id,image\na,horse.png\n")
    faces = replace(MODEL.inputs[1], default=900)
    monkeypatch.setitem(MODELS, MODEL.id, replace(MODEL, inputs=(MODEL.inputs[0], faces, MODEL.inputs[2])))
    assert one(folder, "id,image\na,horse.png\n").id == before.id


def test_a_price_is_asked_for_once_where_only_files_and_words_differ(folder: Path) -> None:
    text = "id,file,prompt,faces\na,horse.png,,\nb,cup.png,,\nc,,a cup,\nd,,a pot,\ne,cup.png,,200\n"
    items, problems = items_of(folder, text)
    assert not problems
    assert len({price_key(item) for item in items}) == 3


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_our_columns_are_known_in_any_case_and_in_the_encodings_of_spreadsheets(
    tmp_path: Path, encoding: str
) -> None:
    path = tmp_path / "m.csv"
    path.write_text("ID; Image \nSt\u00fchl;a.png\n", encoding=encoding)
    row = read_manifest(path).rows[0]
    assert (row.key, dict(row.cells)) == ("St\u00fchl", {"image": "a.png"})


def test_a_row_has_a_profile_of_its_own_else_that_of_the_command(folder: Path) -> None:
    (folder / "ours.toml").write_text('base = "film"\nname = "Ours"\n')
    lines = ("a,a cup,,", "b,a cup,film,", "c,a cup,ours.toml,2000", "d,a cup,,700", "e,a cup,As Delivered, ")
    text = "id,prompt,Finish,faces\n" + "\n".join(lines)
    items, problems = items_of(folder, text, finish="game", faces=5000)
    assert not problems
    game, film = PROFILES["game"], PROFILES["film"]
    assert [item.profile for item in items] == [
        override(game, faces=5000),
        film,
        override(film, name="Ours", faces=2000),
        override(game, faces=700),
        AS_DELIVERED,
    ]
    plain, _ = items_of(folder, "id,prompt\n" + "".join(f"{line[0]},a cup\n" for line in lines))
    assert [item.id for item in plain] == [item.id for item in items]  # nothing is paid twice
    assert {item.profile for item in plain} == {AS_DELIVERED}


def test_what_is_wrong_with_a_rows_profile_is_told(folder: Path) -> None:
    lines = ("a,cup,gmae,", "b,cup,none.toml,", "c,cup,,9", "d,cup,game,no")
    _, problems = items_of(folder, "id,prompt,finish,faces\n" + "\n".join(lines))
    assert "finish: 'gmae' is no profile" in problems[0]
    assert "finish: none.toml cannot be read: No such file" in problems[1]
    assert "faces: name a profile, too" in problems[2]
    assert "faces: give a whole number" in problems[3]


def test_a_column_of_faces_stays_a_models_own_input_where_it_has_one(folder: Path) -> None:
    item = one(folder, "id,image,faces,finish\na,horse.png,200,game\n")
    assert (item.inputs["faces"], item.profile) == (200, PROFILES["game"])
