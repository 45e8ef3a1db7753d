# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tests run in which Blender: everything in the newest, in others what can differ there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Sequence

import blenders
import steps
import venvs
from blenders import Run
from steps import IS_CI, fail

FOLDER = "tests/blender"
# These start processes (commands, workers, batches), which are the same in every Blender, or measure:
# `make test` runs them in the newest wheel alone, `make test-all` in genuine Blenders, too.
SAME_EVERYWHERE = (
    ("test_batch.py", "test_farm.py", "test_secrets.py", "test_odd_deliveries.py"),
    ("test_killed.py", "test_examples.py", "test_corpus.py", "test_finished_results.py"),
    (
        "test_command.py",
        "test_command_export.py",
        "test_python_api.py",
        "test_scripts.py",
        "test_sandbox_geometry.py",
    ),
)  # parts of much the same length
# These wait for jobs that a worker makes, which takes most of the time. `make test` has them in the newest
# wheel alone: the other tests tell where Blenders differ, and `make test-all` has them in each.
WITH_JOBS = (
    "test_artist_actions.py",
    "test_finish_job.py",
    "test_library.py",
    "test_old_versions.py",
    "test_on_original.py",
    "test_operators.py",
    "test_result_pictures.py",
    "test_studio_settings.py",
    "test_variations.py",
)


def plan_real(zip_file: Path, arguments: list[str], versions: Sequence[str] = ()) -> list[Run]:
    """A run for each genuine Blender of these versions; none given: of all."""
    if versions and blenders.REAL_VERSION not in versions and not os.environ.get("MAQUETTE_BLENDERS"):
        return []
    try:
        found = blenders.find_real()
    except steps.TaskError as failure:
        is_failure = IS_CI or not isinstance(failure, steps.MissingError)
        outcome = blenders.Outcome("genuine Blender", 0, is_failure, not is_failure, str(failure))
        return [lambda: outcome]
    if not found:
        note = "none found. Set MAQUETTE_BLENDERS to the paths of some, 4.2 or newer"
        return [lambda: blenders.Outcome("genuine Blender", skipped=1, note=note)]
    return [lambda blender=blender: blenders.run_real(blender, zip_file, arguments) for blender in found]


def plan(zip_file: Path, versions: Sequence[str], arguments: list[str]) -> list[Run]:
    """A run for each Blender of these versions; none given: of all."""
    known = {wheel.blender for wheel in venvs.WHEELS} | {blenders.REAL_VERSION}
    if set(versions) - known and not os.environ.get("MAQUETTE_BLENDERS"):
        fail(f"no Blender {', '.join(sorted(set(versions) - known))} here, but {', '.join(sorted(known))}")
    wheels = [wheel for wheel in venvs.WHEELS if not versions or wheel.blender in versions]
    runs: list[Run] = [lambda wheel=wheel: blenders.run_wheel(wheel, zip_file, arguments) for wheel in wheels]
    return plan_real(zip_file, arguments, versions) + runs


def plan_few(zip_file: Path) -> list[Run]:
    """All tests in the newest wheel; in the oldest and in genuine Blenders, what can differ there and waits
    for no jobs.
    """
    _, rest = parts_of_tests()
    few = [*rest, *(f"--ignore={FOLDER}/{name}" for name in WITH_JOBS)]
    oldest: list[Run] = [lambda: blenders.run_wheel(venvs.WHEELS[-1], zip_file, few)]
    return join(plan_newest(zip_file), plan_real(zip_file, few), oldest)


def plan_all(zip_file: Path) -> list[Run]:
    """All tests in the newest wheel and in genuine Blenders; in the other wheels, what can differ there."""
    _, rest = parts_of_tests()
    others = [lambda wheel=wheel: blenders.run_wheel(wheel, zip_file, rest) for wheel in venvs.WHEELS[1:]]
    return join(plan_newest(zip_file), plan_real(zip_file, []), others)


def join(newest: list[Run], *others: list[Run]) -> list[Run]:
    """The longest runs begin first, so that none goes on alone at the end: of the newest its last."""
    return [newest[-1], *(run for runs in others for run in runs), *newest[:-1]]


def plan_newest(zip_file: Path) -> list[Run]:
    """All tests in the newest wheel, in parts beside each other, measured."""
    parts, rest = parts_of_tests()
    newest = venvs.WHEELS[0]
    start = len(blenders.name_of(newest))
    return [
        lambda name=name, words=words: blenders.run_wheel(
            newest, zip_file, words, name[start:], is_measured=True
        )
        for name, words in zip(newest_names(), [*parts, rest])
    ]


def newest_names() -> list[str]:
    """What the runs of `plan_newest` are called."""
    newest = blenders.name_of(venvs.WHEELS[0])
    return [*(f"{newest} processes {number}" for number, _ in enumerate(SAME_EVERYWHERE, 1)), newest]


def parts_of_tests() -> tuple[list[list[str]], list[str]]:
    """Pytest's arguments for the parts of SAME_EVERYWHERE, and for all other tests."""
    parts = [[f"{FOLDER}/{name}" for name in names] for names in SAME_EVERYWHERE]
    return parts, [FOLDER, *(f"--ignore={name}" for part in parts for name in part)]
