# SPDX-License-Identifier: GPL-3.0-or-later
"""What a batch's own work takes with many rows, without Blender, service or network: for docs/scale.md.

    python tests/bench/bench_scale.py [--rows 1000,10000,100000] [--folder DIR]

All rows but one are claimed and made by another machine, as on a farm whose machines share one manifest. The
page is opened in a Chromium, if there is one. DIR is where the claims go: a share shows what that costs.
"""

import argparse
import json
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
import bench_requests  # noqa: F401 - makes the repository importable as `maquette`
from browser import find_or_none

PROBE = """<script>addEventListener("load", () => {
  const made = performance.now(), type = (id, value, event) => {
    const it = document.getElementById(id); it.value = value;
    const start = performance.now(); it.dispatchEvent(new Event(event)); document.body.offsetHeight;
    return performance.now() - start;
  };
  const cards = document.querySelectorAll("article").length;
  const found = {load: made, cards};
  found.filter = type("filter", "row 99", "input");
  found.sort = type("sort", "-cost", "change");
  document.body.append(Object.assign(document.createElement("pre"),
    {id: "found", textContent: JSON.stringify(found)}));
});</script>"""


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.perf_counter()
    result = work()
    return time.perf_counter() - begun, result


def measure(folder: Path, rows: int) -> dict[str, float]:
    from maquette.batches import (
        Claims,
        Defaults,
        Run,
        RunLimits,
        make_items,
        read_manifest,
        write_sheet,
        write_table,
    )
    from maquette.batches.plan import price_key
    from maquette.client import Model
    from maquette.jobs import Store

    prompt = {"name": "prompt", "type": "string", "prompt": True}
    model = Model.from_json({"id": "model_x", "name": "X", "inputs": [prompt]})
    manifest_path = folder / "manifest.csv"
    text = "".join(f"row {n},a small object number {n}\n" for n in range(rows))
    manifest_path.write_text("id,prompt\n" + text, encoding="utf-8")

    def plan() -> list[Any]:
        manifest = read_manifest(manifest_path)
        items = make_items(manifest, Defaults(model="model_x"), "bench", lambda _: model)
        assert len({price_key(item) for item in items}) == 1
        return items

    found = dict[str, float]()
    found["rows checked, s"], items = seconds(plan)
    claims = Claims(folder, "other")
    facts = {"outputs": ["a.glb"], "cost_cu": 20.0, "faces": 9000, "message": "", "seconds": 60.0, "wish": []}
    for item in items[1:]:  # as `take` and `write_result` would, without their care
        claim = folder / "claims" / item.id
        claim.mkdir()
        (claim / "claim.json").write_text('{"machine": "other", "price_cu": 20.0}', encoding="utf-8")
        (claim / "result.json").write_text(
            json.dumps(facts | {"key": item.key, "job": item.id}), encoding="utf-8"
        )
    times = [seconds(lambda n=n: claims.acquire(f"extra-{n}", 1.0))[0] for n in range(100)]
    found["one claim, ms"] = statistics.median(times) * 1000
    claims = Claims(folder, "here")
    times = [seconds(lambda n=n: claims.acquire(f"extra-{n}", 1.0))[0] for n in range(100)]
    found["another's claim, ms"] = statistics.median(times) * 1000
    found["others' cost, s"] = seconds(claims.cost_of_others_cu)[0]
    found["their cost again, ms"] = seconds(claims.cost_of_others_cu)[0] * 1000
    store = Store(folder / "store")
    options: dict[str, Any] = {"wish": lambda _: [], "is_there": lambda _: True, "deliver": None}
    found["run opened, s"], run = seconds(lambda: Run(store, "bench", claims, items, RunLimits(), **options))
    run.step()  # admits the one row that is left; from now on it waits
    steps = [seconds(run.step)[0] for _ in range(20)]
    found["one look, ms"] = statistics.median(steps) * 1000
    store.close()
    found["results.csv, s"] = seconds(lambda: write_table(folder / "results.csv", run.rows, []))[0]
    page = folder / "index.html"
    found["index.html, s"] = seconds(lambda: write_sheet(page, run.rows, []))[0]
    found["index.html, MB"] = page.stat().st_size / 1e6
    found["memory, MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found | open_page(page)


def open_page(page: Path) -> dict[str, float]:
    """How long a browser takes for the page, to filter it and to sort it."""
    browser = find_or_none()
    if browser is None:
        return {}
    page.write_text(page.read_text("utf-8").replace("</html>", PROBE + "</html>"), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={page.parent / 'profile'}"]
    try:
        done = subprocess.run(
            [browser, *options, "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=300
        )
    except subprocess.TimeoutExpired:
        return {"page in a browser, s": float("inf")}
    told = re.search(r'<pre id="found">(.*?)</pre>', done.stdout)
    if told is None:
        return {"page in a browser, s": float("inf")}
    found: dict[str, float] = json.loads(told[1])
    return {
        "page in a browser, s": found["load"] / 1000,
        "page filtered, ms": found["filter"],
        "page sorted, ms": found["sort"],
        "cards shown": found["cards"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", default="1000,10000,100000")
    parser.add_argument("--folder", help="where to write (default: the temporary folder)")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options, _ = parser.parse_known_args()
    if options.one:  # in a process of its own: memory is told of the whole process
        with tempfile.TemporaryDirectory(dir=options.folder) as name:
            print(json.dumps(measure(Path(name), options.one)))
        return
    counts = [int(word) for word in options.rows.split(",")]
    command = [sys.executable, __file__, *(["--folder", options.folder] if options.folder else [])]
    answers = [subprocess.check_output([*command, "--one", str(count)], text=True) for count in counts]
    tables: list[dict[str, float]] = [json.loads(answer) for answer in answers]
    print(f"{'rows':<32}" + "".join(f"{count:>12,}" for count in counts))
    for name in tables[0]:
        cells = (table.get(name) for table in tables)
        print(f"{name:<32}" + "".join(f"{'' if cell is None else f'{cell:,.2f}':>12}" for cell in cells))


if __name__ == "__main__":
    main()
