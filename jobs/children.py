# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs one of our scripts in a throw-away background Blender: a JSON request in, a JSON answer out."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from ..client import JsonValue

TIMEOUT_S = 1800
_SECRET_MARKS = ("SCENARIO_", "MAQUETTE_")


class ChildError(Exception):
    """The background Blender could not do it; the text says why, for a person."""


def run_blender(
    blender: str, script: Path, wish: Mapping[str, JsonValue], folder: Path, doing: str
) -> dict[str, JsonValue]:
    """Run `script` on the request `wish`; returns its answer. Its files in `folder` are named after it.

    `doing` says in an error what it was at. Raises ChildError with the script's own words, or if the child
    crashed or took too long.
    """
    request, log_path = folder / f"{script.stem}-request.json", folder / f"{script.stem}.log"
    answer_path = folder / f"{script.stem}.json"
    answer_path.unlink(missing_ok=True)
    request.write_text(json.dumps({**wish, "answer": str(answer_path.resolve())}), encoding="utf-8")
    arguments = [
        "--background",
        "--factory-startup",
        "--python-exit-code",
        "3",
        "--python",
        str(script),
        "--",
    ]
    with log_path.open("wb") as log:
        try:
            code = subprocess.run(
                [blender, *arguments, str(request.resolve())],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                timeout=TIMEOUT_S,
                # Without secrets: the child that parses strangers' files needs none.
                env={name: text for name, text in os.environ.items() if not name.startswith(_SECRET_MARKS)},
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0) if sys.platform == "win32" else 0,
            ).returncode
        except subprocess.TimeoutExpired:
            raise ChildError(
                f"Blender, {doing}, took over {TIMEOUT_S // 60} minutes and was stopped."
            ) from None
        except OSError as error:
            raise ChildError(
                f"The background Blender could not be started ({blender}): {error.strerror}."
            ) from error
    try:
        answer = json.loads(answer_path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise ChildError(
            f"Blender crashed while {doing} (exit code {code}). Details are in {log_path}."
        ) from None
    if answer.get("ok") is not True:
        raise ChildError(str(answer.get("error") or f"Blender failed at {doing}."))
    return answer
