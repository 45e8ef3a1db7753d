"""The contact sheet in a browser: sorted, filtered and turned, with 1,000 rows; text stays text."""

import json
import os
import re
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from browser import find_or_none
from maquette.batches import Item, Outcome, Problem, Row, RowState, RowStatus, write_sheet
from maquette.client import Model
from maquette.jobs import read_requirements
from png_files import png

CHROMIUM = find_or_none()
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None and os.environ.get("CI") != "true", reason="no Chromium: apt-get install chromium"
    ),
]
MODEL = Model.from_json({"id": "model_x", "name": "X", "inputs": []})
HOSTILE = "<img src=x onerror='document.title=\"hurt\"'>"
PROBE = """<script>
const all = () => [...document.querySelectorAll("article")];
const found = {cards: all().length, images: document.querySelectorAll("article .view > img").length};
const type = (id, value, event) => {
  const it = document.getElementById(id); it.value = value;
  it.dispatchEvent(new Event(event));
};
type("filter", "row 99", "input"); found.filtered = all().length;
type("filter", "", "input");
type("sort", "-cost", "change"); found.first = all()[0].querySelector("h2").textContent;
type("sort", "key", "change"); found.by_key = all()[0].querySelector("h2").textContent;
[...document.querySelectorAll("#states button")].find(b => b.textContent.includes("failed")).click();
found.failed = all().length;
[...document.querySelectorAll("#states button")].find(b => b.textContent.includes("failed")).click();
[...document.querySelectorAll("#states button")].find(b => b.textContent === "50 rejected").click();
found.rejected = all().length; found.reason = all()[0].querySelector(".message").textContent;
found.light = getComputedStyle(all()[0].querySelector(".report"), "::before").color;
found.details = all()[0].querySelector("details dl").textContent;
[...document.querySelectorAll("#states button")].find(b => b.textContent.includes("rejected")).click();
const view = all().find(it => it.textContent.includes("row 7 ")) || all()[0];
const result = view.querySelectorAll(".view")[1], box = result.getBoundingClientRect();
const turn = share => {
  result.dispatchEvent(new PointerEvent("pointermove", {clientX: box.left + box.width * share}));
  return result.querySelector(".strip").style.backgroundPositionX;
};
found.turn = [turn(0.01), turn(0.5), turn(0.99)];
result.dispatchEvent(new PointerEvent("pointerleave"));
found.strips = document.querySelectorAll(".strip").length;
found.hurt = document.title;
addEventListener("load", () => {
  found.loaded = [...document.images].filter(it => it.complete && it.naturalWidth).length;
  const out = Object.assign(document.createElement("pre"), {id: "found", textContent: JSON.stringify(found)});
  document.body.append(out);
});
</script>"""


def tracked(number: int) -> RowState:
    key = f"row {number} {HOSTILE}"
    item = Item(Row(number, key, "stem", {}), MODEL, {"prompt": HOSTILE}, key, key, 1.0, (".glb",), "id")
    stage = RowStatus.FAILED if number % 10 == 3 else RowStatus.DONE
    outcome = Outcome(
        outputs=("a.glb",), cost_cu=float(number), faces=12, preview="view.png", turntable="view.png",
        report={"faces": 9000 if number % 20 == 5 else 12, "boundary_edges": 4, "clips": [HOSTILE]},
    )  # fmt: skip
    return RowState(item, "id", stage, HOSTILE, outcome, gate=read_requirements("faces<=5000"))


def test_the_page_works_in_a_browser_with_a_thousand_rows(tmp_path: Path) -> None:
    assert CHROMIUM is not None
    (tmp_path / "view.png").write_bytes(png())
    page = tmp_path / "index.html"
    write_sheet(page, [tracked(number) for number in range(1000)], [Problem(5, HOSTILE, HOSTILE)])
    assert page.stat().st_size < 1_000_000
    page.write_text(page.read_text("utf-8").replace("</html>", PROBE + "</html>"), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run(
        [CHROMIUM, *options, "--window-size=1300,900", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    match = re.search(r'<pre id="found">(.*?)</pre>', done.stdout)
    assert match, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(unescape(match[1]))
    assert found["cards"] == 1001
    assert found["filtered"] == 19  # 99, 199, … 999, and 990 to 998
    assert found["first"].startswith("donerow 999 ")
    assert found["by_key"].startswith("wrong<img")
    assert found["failed"] == 100
    assert found["rejected"] == 50
    assert found["reason"].startswith("Rejected: faces 9,000, required <=5000. <img")
    assert found["details"].startswith("Faces9,000 faces")
    assert HOSTILE in found["details"]
    assert found["light"] not in ("", "rgba(0, 0, 0, 0)")
    assert found["turn"][0] == "0%"
    assert found["turn"][2] == "100%"
    assert found["strips"] == 0
    assert found["hurt"] == "Contact sheet"
    assert found["images"] == 1000
    assert found["loaded"] > 0
