# SPDX-License-Identifier: GPL-3.0-or-later
"""Converts every 3D file under a folder and compares what is shown with Blender's own import of the file.

    python tools/corpus.py BLENDER FOLDER        started by `make corpus FOLDER`
    python tools/corpus.py --document            writes the tables of docs/formats.md from all results

The facts of each file are a JSON line in build/corpus/; an interrupted run goes on from there. The first line
names the code and the Blender: where either changed, the run begins anew and tells what has another outcome.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading  # of this tool: several files at a time, and never inside Blender
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import corpus_files
import corpus_rules
import steps
from corpus_rules import Record
from steps import BUILD, ROOT, fail, say

MEASURER = ROOT / "tools" / "corpus_blender.py"
CODE = (
    "scene/**/*.py",
    "jobs/blender_pool.py",
    "tools/corpus.py",
    "tools/corpus_files.py",
    "tools/corpus_blender.py",
)
TIMEOUT_S = 300
START, END = "<!-- make corpus: begin -->", "<!-- make corpus: end -->"


class Trial:
    """Tries files, each in a folder of its own that goes again. May be used by several threads at once."""

    def __init__(self, blender: str, timeout_s: float = TIMEOUT_S) -> None:
        self._pool = steps.own_module("jobs.blender_pool")
        self._converters = self._pool.BlenderPool(blender, timeout_s=timeout_s)
        self._measurers = self._pool.BlenderPool(blender, MEASURER, timeout_s=timeout_s)

    def record(self, model: Path, base: Path) -> Record:
        """What Blender and what Maquette make of the model."""
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="corpus-") as work:
            folder = Path(work)
            sources = corpus_files.sources(model, base)
            request = {"sources": sources, "target": str(folder / "result.blend"), "name": "model"}
            answer = self._run(self._converters, "convert", request, folder)
            converted_s = time.monotonic() - begun
            theirs = self._reference(model, answer, folder)
            ours: dict[str, Any] = {"error": answer.get("error") or _why_kept(answer)}
            if (folder / "result.blend").exists():
                request = {"path": str(folder / "result.blend"), "frame": theirs.get("frame", 1)}
                ours = _facts(self._run(self._measurers, "placed", request, folder))
        return {
            "file": model.relative_to(base).as_posix(),
            "seconds": round(converted_s, 2),
            "companions": sorted({Path(each["name"]).suffix.lower() for each in sources[1:]}),
            "answer": _without_paths(answer, work, base),
            "blender": _without_paths(theirs, work, base),
            "maquette": _without_paths(ours, work, base),
        }

    def _reference(self, model: Path, answer: dict[str, Any], folder: Path) -> dict[str, Any]:
        paths = [model]
        # Of an archive what was imported, which is as good as a choice of Blender's.
        if model.suffix.lower() == ".zip":
            try:
                inside = list(corpus_files.unpacked(model, folder / "unpacked"))
            except (zipfile.BadZipFile, NotImplementedError, OSError) as error:
                return {"error": str(error)}
            paths = [each for each in inside if each.name in answer.get("imported", [])]
            if not paths:
                paths = inside
        return _facts(
            self._run(self._measurers, "imported", {"paths": [str(each) for each in paths]}, folder)
        )

    def _run(self, blenders: Any, command: str, request: dict[str, Any], folder: Path) -> dict[str, Any]:
        try:
            return blenders.run(command, request, folder, "reading it")
        except self._pool.ChildError as error:  # in words, or a crash, or too slow
            return {"ok": False, "error": str(error)}

    def end(self) -> None:
        for each in (self._converters, self._measurers):
            each.end()


def _facts(answer: dict[str, Any]) -> dict[str, Any]:
    return answer["facts"] if answer["ok"] else {"error": answer["error"]}


def _why_kept(answer: dict[str, Any]) -> str:
    return " ".join(each["why"] for each in answer.get("kept", []))


def _without_paths(value: dict[str, Any], work: str, base: Path) -> dict[str, Any]:
    """Two runs name the same file in the same words."""
    text = json.dumps(value)
    for path, word in ((work, "WORK"), (str(base), "CORPUS")):
        text = text.replace(json.dumps(path)[1:-1], word)
    return json.loads(text)


class Results:
    """The file of results of one folder and one Blender."""

    def __init__(self, path: Path, head: dict[str, str]) -> None:
        self.path = path
        self.records, kept_head = read(path)
        self.before: list[Record] = []
        path.parent.mkdir(parents=True, exist_ok=True)
        if kept_head != head:
            if self.records:
                path.replace(path.with_suffix(".before.jsonl"))
            self.before, self.records = self.records, []
        lines = [json.dumps(each) + "\n" for each in (head, *self.records)]
        path.write_text("".join(lines), "utf-8")  # whole lines alone: the last may have been cut off
        self._lock = threading.Lock()

    def add(self, record: Record) -> None:
        with self._lock, self.path.open("a", encoding="utf-8") as file:
            self.records.append(record)
            file.write(json.dumps(record) + "\n")


def read(path: Path) -> tuple[list[Record], dict[str, str]]:
    """The records and the first line of a file of results; a last line that was cut off is left out."""
    lines: list[dict[str, Any]] = []
    for text in path.read_text("utf-8").splitlines() if path.exists() else []:
        try:
            lines.append(json.loads(text))
        except ValueError:
            break
    return (lines[1:], lines[0]) if lines else ([], {})


def code_hash() -> str:
    """Changes with whatever a result could change by, but not with the rules."""
    files = sorted(file for pattern in CODE for file in ROOT.glob(pattern))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def version_of(blender: str) -> str:
    done = subprocess.run([blender, "--version"], capture_output=True, text=True, timeout=120, check=False)
    words = done.stdout.split()
    if done.returncode or "Blender" not in words:
        fail(f"{blender} does not start: {done.stdout}{done.stderr}")
    return words[words.index("Blender") + 1]


def changed(before: list[Record], after: list[Record]) -> Iterator[str]:
    """A line for each file of both runs whose outcome is another one."""
    old = {record["file"]: corpus_rules.assessed(record)[0] for record in before}
    for record in after:
        outcome = corpus_rules.assessed(record)[0]
        if old.get(record["file"], outcome) != outcome:
            yield f"{old[record['file']]} -> {outcome}: {record['file']}"


def run(options: argparse.Namespace) -> list[Record]:
    """Tries what has not been tried, prints what differs; all records of the folder."""
    base = Path(options.folder).resolve()
    if not base.is_dir():
        fail(f"there is no folder {options.folder}")
    files = corpus_files.models(base)
    files = files[:: max(1, len(files) // options.limit)] if options.limit else files
    version = version_of(options.blender)
    head = {"corpus": base.name, "blender": version, "code": code_hash()}
    results = Results(options.results / f"{base.name}-{version}.jsonl", head)
    tried = {record["file"] for record in results.records}
    waiting = [each for each in files if each.relative_to(base).as_posix() not in tried]
    say(f"{len(files)} files, {len(files) - len(waiting)} of them tried already; results in {results.path}")
    trial = Trial(options.blender, options.timeout)

    def attempt(model: Path) -> None:
        record = trial.record(model, base)
        results.add(record)
        if text := corpus_rules.line(record):
            say(text)

    pool = ThreadPoolExecutor(options.jobs)
    try:
        for done in [pool.submit(attempt, model) for model in waiting]:
            done.result()
    finally:
        pool.shutdown(cancel_futures=True)
        trial.end()
    wanted = {each.relative_to(base).as_posix() for each in files}
    found = [record for record in results.records if record["file"] in wanted]
    for text in changed(results.before, found):
        say(f"since the last run: {text}")
    return found


def document(results: Path, file: Path) -> None:
    """Puts the rules, and the counts of all results, between the marks of the document."""
    by_blender: dict[str, list[tuple[str, list[Record]]]] = {}
    for path in sorted(results.glob("*.jsonl")):
        records, head = read(path)
        if records and ".before" not in path.suffixes:
            by_blender.setdefault(head["blender"], []).append((head["corpus"], records))
    newest, *_ = sorted(by_blender, reverse=True)
    every = [
        (version, [record for _, records in groups for record in records])
        for version, groups in sorted(by_blender.items(), reverse=True)
    ]
    lines = [corpus_rules.rules_table()]
    lines += ["", f"In Blender {newest}:", "", corpus_rules.counts_table(by_blender[newest], "corpus")]
    lines += ["", f"By Blender: {' · '.join(corpus_rules.OUTCOMES)}.", "", corpus_rules.formats_table(every)]
    steps.write_between(file, START, END, "\n".join(lines))


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="corpus", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("blender", nargs="?", help="the command that starts Blender")
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--document", action="store_true", help="write the tables of docs/formats.md")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="files at a time")
    parser.add_argument("--limit", type=int, default=0, help="about so many files, spread over all")
    parser.add_argument("--timeout", type=float, default=TIMEOUT_S, help="seconds for one step of a file")
    parser.add_argument("--results", type=Path, default=BUILD / "corpus", help="the folder of the results")
    options = parser.parse_args(argv)
    if options.document:
        document(options.results, ROOT / "docs" / "formats.md")
        return 0
    if not options.blender or not options.folder:
        parser.error("which folder?")
    records = run(options)
    say("\n" + corpus_rules.counts_table(corpus_rules.by_format(records), "format"))
    return int(any(corpus_rules.assessed(record)[0] == "different" for record in records))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
