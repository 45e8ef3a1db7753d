# SPDX-License-Identifier: GPL-3.0-or-later
"""What came of a row is kept as result.json and read whoever wrote it; small pictures of failed rows."""

import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from maquette.batches import Claims, Delivery, Item, Outcome, Row, RowState, RowStatus
from maquette.batches.outcome import WrittenFile
from maquette.client import InputError, Model
from maquette.jobs import InputFile, Store

MODEL = Model.from_json({"id": "model_x", "name": "X", "inputs": []})
WHOLE = Outcome(
    key="a",
    job="a-1",
    cost_cu=2.5,
    refunded_cu=0.0,
    content="c",
    faces=12,
    report={"faces": 12, "dimensions_m": [1.0, 2.0, 3.0], "clips": []},
    seconds=1.5,
    message="m",
    outputs=("a.glb", "a.png"),
    files={"a.glb": WrittenFile(size=3, mtime_ns=1_760_000_000_123_456_789, sha256="00")},
    preview="a.png",
    turntable="sheet/a.turn.jpg",
    picture="sheet/a.jpg",
    spec=[".glb", ".png", 1.0, "a", True],
)


def test_names_in_a_result_file_stay_as_earlier_versions_have_them() -> None:
    found = Outcome(is_unconverted=True, spec=[".glb"]).to_json()
    assert (found["is_kept"], found["wish"]) == (True, [".glb"])
    assert not found.keys() & {"is_unconverted", "spec"}


@pytest.mark.parametrize(
    "outcome", [WHOLE, Outcome(), replace(WHOLE, is_unconverted=True), Outcome(message="no")]
)
def test_an_outcome_is_read_as_it_was_written(tmp_path: Path, outcome: Outcome) -> None:
    claims = Claims(tmp_path, "one")
    assert claims.acquire("job", 1.0)
    claims.write_result("job", outcome)
    assert claims.result("job") == outcome


@pytest.mark.parametrize(
    "wrong",
    [
        {"outputs": "a.glb"},
        {"outputs": [1]},
        {"outputs": ["/etc/passwd"]},
        {"outputs": ["../a.glb"]},
        {"outputs": ["x\\..\\..\\a.glb"]},
        {"outputs": ["C:\\a.glb"]},
        {"outputs": [""]},
        {"preview": "../a.png"},
        {"picture": 1},
        {"cost_cu": -1.0},
        {"cost_cu": float("nan")},
        {"cost_cu": True},
        {"cost_cu": 10**400},
        {"refunded_cu": "2"},
        {"faces": 1.5},
        {"faces": -1},
        {"seconds": "1"},
        {"message": []},
        {"is_kept": "yes"},
        {"files": []},
        {"files": {"a.glb": {"size": 1}}},
        {"files": {"a.glb": {"size": "1", "mtime_ns": 1, "sha256": ""}}},
    ],
    ids=str,
)
def test_a_result_that_is_none_is_an_error_with_its_path_and_no_file_is_moved(
    tmp_path: Path, wrong: dict[str, Any]
) -> None:
    claims = Claims(tmp_path, "one")
    assert claims.acquire("job", 1.0)
    path = tmp_path / "claims" / "job" / "result.json"
    path.write_text(json.dumps({"outputs": ["a.glb"], "wish": [], **wrong}))
    with pytest.raises(InputError, match="cannot be read") as caught:
        claims.result("job")
    assert str(path) in str(caught.value)


def test_a_file_of_claims_that_is_far_too_long_or_deep_is_an_error(tmp_path: Path) -> None:
    claims = Claims(tmp_path, "one")
    assert claims.acquire("job", 1.0)
    path = tmp_path / "claims" / "job" / "result.json"
    for text in (" " * 16_000_001, "[" * 200_000):
        path.write_text(text)
        with pytest.raises(InputError, match="cannot be read"):
            claims.result("job")


def painter(folder: Path) -> str:
    """A background Blender that makes small pictures: of all but those named bad, and notes each task."""
    script = folder / "painter"
    script.write_text(
        f"#!{sys.executable}\n"
        "import json, os, pathlib, sys\n"
        "for line in sys.stdin:\n"
        "    task = json.loads(line)\n"
        "    with open(__file__ + '.tasks', 'a') as log:\n"
        "        print(task['command'], len(task['pictures']), os.getpid(), file=log)\n"
        "    made = [each['thumbnail'] for each in task['pictures'] if 'bad' not in each['picture']]\n"
        "    if any('crash' in each['picture'] for each in task['pictures']): sys.exit(11)\n"
        "    answer = {'ok': True, 'written': made}\n"
        "    pathlib.Path(task['answer'] + '.part').write_text(json.dumps(answer))\n"
        "    os.replace(task['answer'] + '.part', task['answer'])\n"
    )
    script.chmod(0o755)
    return str(script)


def failed_row(folder: Path, key: str, outcome: Outcome | None = None) -> RowState:
    picture = folder / f"{key}.png"
    picture.write_bytes(b"a picture")
    inputs = {"image": InputFile(picture)}
    item = Item(Row(2, key, key, {}), MODEL, inputs, key, key, 1.0, (".glb",), f"{key}-1")
    return RowState(item, item.id, RowStatus.FAILED, "It broke.", outcome)


def test_rows_that_have_failed_get_their_pictures_by_one_task(tmp_path: Path) -> None:
    rows = [failed_row(tmp_path, "a", Outcome(cost_cu=2.5)), failed_row(tmp_path, "bad")]
    rows.append(failed_row(tmp_path, "c", Outcome(picture="sheet/c.jpg")))
    store, claims = Store(tmp_path / "store"), Claims(tmp_path, "one")
    delivery = Delivery(store, tmp_path, claims, painter(tmp_path), has_turntable=False, most=1)
    try:
        while delivery.add_pictures(rows):
            time.sleep(0.01)
        assert not delivery.add_pictures(rows)  # the one that has none is not tried again
        assert rows[0].outcome == Outcome(cost_cu=2.5, picture="sheet/a.jpg")
        assert rows[1].outcome is None
        assert len((tmp_path / "painter.tasks").read_text().splitlines()) == 1
    finally:
        delivery.close()
        store.close()


def test_a_picture_over_which_blender_ends_is_a_dash_on_the_page(tmp_path: Path) -> None:
    rows = [failed_row(tmp_path, "crash")]
    store, claims = Store(tmp_path / "store"), Claims(tmp_path, "one")
    delivery = Delivery(store, tmp_path, claims, painter(tmp_path), has_turntable=False, most=1)
    try:
        while delivery.add_pictures(rows):
            time.sleep(0.01)
        assert rows[0].outcome is None
    finally:
        delivery.close()
        store.close()


def test_a_picture_that_is_gone_or_a_blender_that_does_not_start_is_a_dash(tmp_path: Path) -> None:
    gone = failed_row(tmp_path, "gone")
    (tmp_path / "gone.png").unlink()
    store, claims = Store(tmp_path / "store"), Claims(tmp_path, "one")
    for rows, blender in (([gone], painter(tmp_path)), ([failed_row(tmp_path, "a")], str(tmp_path / "none"))):
        delivery = Delivery(store, tmp_path, claims, blender, has_turntable=False, most=1)
        try:
            assert not delivery.add_pictures(rows)
            assert rows[0].outcome is None
        finally:
            delivery.close()
    store.close()
