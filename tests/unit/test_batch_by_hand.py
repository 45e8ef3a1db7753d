# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders and tables as people leave them: what is read all the same, what is named, what keeps its key."""

import codecs
import hashlib
import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from maquette.batches import Defaults, Item, Manifest, make_items, read_manifest
from maquette.batches.manifest import MAX_STEM_BYTES, stem_of
from maquette.client import Model
from maquette.jobs.files import safe_name
from png_files import png

MODEL = Model.from_json(
    {
        "id": "model_hunyuan-3d-v2-1",
        "name": "Hunyuan",
        "inputs": [
            {"name": "image", "type": "file", "kind": "image", "required": {"always": True}},
            {"name": "targetFaceNum", "type": "number", "min": 100, "max": 1000, "default": 500},
            {"name": "style", "type": "string", "allowedValues": ["clay", "stone"]},
            {"name": "words", "type": "string"},
        ],
    }
)
TREES = "\u6728" * 80
DECOMPOSED = unicodedata.normalize("NFD", "M\u00fcller.png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.png", "M\u00fcller.png", "chair, red.png", "sub/d.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(png() + name.encode())
    return tmp_path


def items_in(manifest: Manifest) -> list[Item]:
    items = make_items(manifest, Defaults(), "test", lambda _: MODEL)
    assert not manifest.problems, manifest.problems
    return items


def items_of(folder: Path, content: str | bytes, name: str = "t.csv") -> list[Item]:
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return items_in(read_manifest(folder / name))


def problems_of(folder: Path, content: str) -> list[str]:
    (folder / "t.csv").write_text(content, encoding="utf-8")
    manifest = read_manifest(folder / "t.csv")
    make_items(manifest, Defaults(), "test", lambda _: MODEL)
    return [*map(str, manifest.problems)]


# Folders.


def test_a_picture_in_a_folder_is_one_file_whatever_its_name(tmp_path: Path) -> None:
    names = ["chair, blue.png", "chair, red.png", 'the "best" one.png', "\U0001fa91.png"]
    names += ["\U0001f469\u200d\U0001f680.png", "10.00\u202fAM.png", TREES[:80] + ".png"]
    for name in names:
        (tmp_path / name).write_bytes(png() + name.encode())
    items = items_in(read_manifest(tmp_path))
    assert {item.picture.name for item in items if item.picture} == {*names}
    assert {item.key for item in items} == {name.removesuffix(".png") for name in names}


def test_what_has_a_pictures_name_alone_is_a_problem_and_other_files_are_none(tmp_path: Path) -> None:
    (tmp_path / "horse.png").write_bytes(png())
    (tmp_path / "chair.png").write_bytes(b"")
    (tmp_path / "lamp.jpg").write_bytes(b"<!doctype html>")
    (tmp_path / "cup.TGA").write_bytes(bytes(40))
    (tmp_path / "cat.psd").write_bytes(b"8BPS")
    (tmp_path / "film.heic").write_bytes(b"\0\0\0\x18ftypisom" + bytes(12))
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / ".hidden.png").write_bytes(b"")
    manifest = read_manifest(tmp_path)
    assert [(row.number, row.key) for row in manifest.rows] == [(1, "horse")]
    told = [*map(str, manifest.problems)]
    assert [text.split(": ", 1)[1].split(" ")[0] for text in told] == [
        *("cat.psd", "chair.png", "cup.TGA", "film.heic", "lamp.jpg")
    ]
    assert "is empty" in told[1]
    assert "video/mp4" in told[3]


def test_a_folder_of_odd_files_alone_says_what_is_wrong_with_them(tmp_path: Path) -> None:
    (tmp_path / "chair.png").write_bytes(b"")
    manifest = read_manifest(tmp_path)
    assert not manifest.rows
    assert "chair.png is empty" in str(manifest.problems[0])


def test_a_name_that_is_no_text_is_named_as_far_as_it_is_one(tmp_path: Path) -> None:
    name = b"caf\xe9.png".decode("utf-8", "surrogateescape")
    try:
        (tmp_path / name).write_bytes(png())
    except (OSError, ValueError):  # this file system takes none
        pytest.skip("no such names here")
    (problem,) = read_manifest(tmp_path).problems
    assert "caf?.png has a name that is no text" in str(problem)


def test_a_picture_that_is_cut_short_is_a_problem_before_anything_is_paid(tmp_path: Path) -> None:
    (tmp_path / "horse.png").write_bytes(png()[:-14])
    manifest = read_manifest(tmp_path)
    assert not make_items(manifest, Defaults(), "test", lambda _: MODEL)
    assert "row 1 (horse): horse.png: it is cut short" in str(manifest.problems[0])


# Tables.


@pytest.mark.parametrize(
    "text",
    [
        "id,image,,\n,,,\n1,a.png,,\n",
        "ID,Image,,\n  ,\t,,\n 1 , a.png ,,,,,,\n",
        "\n\nid,image\n1,a.png\n",
        "sep=;\r\nid;image\r\n1;a.png\r\n",
        'SEP=,\r\n"id","image"\r\n"1","a.png"\r\n',
        "id\timage\t\n1\ta.png\t\n",
        "id,,image\n1,,a.png\n",
        "id,image\r1,a.png\r",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_what_spreadsheets_leave_in_a_table_does_no_harm(folder: Path, text: str, encoding: str) -> None:
    usual = items_of(folder, "id,image\n1,a.png\n", "usual.csv")
    assert [item.id for item in items_of(folder, text.encode(encoding))] == [item.id for item in usual]


@pytest.mark.parametrize("head", ["id,IMAGE,TARGETFACENUM,Style", "Id,image,targetfacenum,STYLE"])
def test_columns_are_known_in_any_capitals(folder: Path, head: str) -> None:
    (item,) = items_of(folder, f"{head}\n1,a.png,200, clay \n")
    (usual,) = items_of(folder, "id,image,targetFaceNum,style\n1,a.png,200,clay\n")
    assert item.id == usual.id
    assert (item.inputs["targetFaceNum"], item.inputs["style"]) == (200, "clay")


def test_a_cell_of_spaces_is_empty_but_words_are_sent_as_they_stand(folder: Path) -> None:
    (item,) = items_of(folder, "id,image,targetFaceNum,words,size,model\n1,a.png,  , as is , , \n")
    assert (item.inputs["words"], item.size_m) == (" as is ", 1.0)
    assert "targetFaceNum" not in json.dumps([*item.inputs]) or item.inputs["targetFaceNum"] == 500


@pytest.mark.parametrize("name", ["sub\\d.png", " sub/d.png ", ".\\sub\\d.png"])
def test_a_path_may_have_the_backslashes_of_windows_and_spaces_round_it(folder: Path, name: str) -> None:
    (item,) = items_of(folder, f"id,image\n1,{name}\n")
    assert item.picture == folder / "sub" / "d.png"
    (item,) = items_of(folder, f"id,file\n1,{name}\n")
    assert item.picture == folder / "sub" / "d.png"


def test_a_name_is_found_in_another_unicode_form(folder: Path) -> None:
    (item,) = items_of(folder, f"id,image\n1,{DECOMPOSED}\n")
    assert item.picture
    assert item.picture.samefile(folder / "M\u00fcller.png")
    (folder / "M\u00fcller.png").rename(folder / DECOMPOSED)
    (other,) = items_of(folder, "id,image\n1,M\u00fcller.png\n")
    assert other.id == item.id


def test_a_comma_may_be_in_a_files_name_in_a_table(folder: Path) -> None:
    (item,) = items_of(folder, 'file\n"chair, red.png"\n')
    assert (item.key, item.picture) == ("chair, red", folder / "chair, red.png")


def test_a_cell_without_a_columns_name_is_told(folder: Path) -> None:
    assert "column 2 has no name" in problems_of(folder, "id,,image\n1,lost,a.png\n")[0]
    assert "4 cells for 2 columns" in problems_of(folder, "id,image,,\n1,a.png,,lost\n")[0]
    assert "is given twice" in problems_of(folder, "id,image,Words,words\n1,a.png,x,y\n")[0]


# Keys: what was paid for stays paid for.


def old_id(key: str, plain: dict[str, Any]) -> str:
    """A row's id as 0.1.0 made it before names were cut by bytes."""
    import re

    name = safe_name(key, max_bytes=10**6)
    stem = name if name == key else f"{name[:60]}-{hashlib.sha256(key.encode()).hexdigest()[:10]}"
    identity = json.dumps([key, "test", MODEL.id, plain], sort_keys=True)
    readable = re.sub(r"[^A-Za-z0-9_]+", "-", stem).strip("-")[:32] or "row"
    return f"{readable}-{hashlib.sha256(identity.encode()).hexdigest()[:20]}"


@pytest.mark.parametrize(
    "key",
    ["horse", TREES, TREES[:73], TREES[:60], "\U00020000" * 80, "x" * 200, "a/b:c", DECOMPOSED, "\U0001fa91"],
)
def test_a_rows_job_is_the_same_as_before_its_name_was_cut(folder: Path, key: str) -> None:
    (item,) = items_of(folder, json.dumps({"id": key, "image": "a.png"}), "t.jsonl")
    content = hashlib.sha256((folder / "a.png").read_bytes()).hexdigest()
    known = item.former_id if key == DECOMPOSED else item.id
    assert known == old_id(key, {"image": {"sha256": content, "kind": "image"}})
    assert len(item.row.stem.encode()) <= MAX_STEM_BYTES


def test_a_folders_rows_keep_the_keys_that_they_had(tmp_path: Path) -> None:
    for name in ("cup.png", "a.b.c.png", " odd .png", "png"):
        (tmp_path / name).write_bytes(png() + name.encode())
    assert sorted(row.key for row in read_manifest(tmp_path).rows) == ["a.b.c", "cup", "odd", "png"]


def test_a_list_of_files_keeps_the_key_that_it_had(folder: Path) -> None:
    for cells in ({"file": ["chair, red.png"]}, {"image": "chair, red.png"}):
        (item,) = items_of(folder, json.dumps(cells), "t.jsonl")
        assert item.key == "chair"


def test_names_are_cut_by_bytes_between_letters() -> None:
    for key in (TREES, "\U00020000" * 80, "\u00e9" * 200):
        stem = stem_of(key)
        assert len(f".{stem}.turn.12345678.jpg".encode()) <= 255
        assert len(f"changed-{'0' * 21}-{stem}.blend".encode()) <= 255
        assert len(safe_name(f"{key}.usdz").encode()) <= 240
        assert safe_name(f"{key}.usdz").endswith(".usdz")
    assert stem_of(TREES[:-1]) != stem_of(TREES)


def test_a_byte_order_mark_stands_before_json_lines_too(folder: Path) -> None:
    line = json.dumps({"id": "1", "image": "a.png"}).encode()
    assert [item.key for item in items_of(folder, codecs.BOM_UTF8 + line, "t.jsonl")] == ["1"]
