# SPDX-License-Identifier: GPL-3.0-or-later
"""What is made of one input: run again twice after a question, compared, one in another's place, one kept."""

from collections.abc import Generator
from typing import Any

import bpy
import expected
from driver import Place, Steps, Window


def steps(w: Window) -> Steps:
    inputs = yield from expected.in_sandbox(w, 2.0)
    bpy.data.objects.remove(bpy.data.objects["Cube"])
    expected.choose_horse(inputs)
    yield 1.0
    name = yield from expected.generate(w)
    yield from w.until(lambda: expected.is_placed(name), 120, "the first arrives")
    yield 2.0
    first = expected.job(w, 0)

    # Run Again…: how often and by which model, then the question with the price of all.
    yield from w.press("maquette.vary_job")
    yield 1.0
    w.picture("compare-dialog")
    w.check(expected.paid(w) == 1, "the dialog pays for nothing", expected.paid(w))
    yield from w.key("Escape")
    yield 0.5
    operators: Any = bpy.ops.maquette  # type: ignore[attr-defined]
    operators.vary_job("EXEC_DEFAULT", job_id=first.id, times=2)  # as its button does
    yield 3.0
    w.picture("compare-question")
    w.check(expected.paid(w) == 1, "the price is asked for, and nothing paid", expected.paid(w))
    yield from w.key("Return")
    yield from w.until(lambda: len(expected.waiting()) == 2, 20, "two places are reserved")
    w.picture("compare-waiting")
    yield from w.until(lambda: not expected.waiting(), 120, "both arrive")
    yield 2.0
    w.check(expected.paid(w) == 3, "three were paid for", expected.paid(w))
    group = expected.backend(w).jobs.group(first)
    w.check(len(group) == 3, "they are of one input", len(group))
    w.picture("compare-list")

    # Only the first stands: the others come side by side.
    yield from delete_others(first.id)
    yield 2.0
    yield from choose(w, name)
    yield from w.press("maquette.compare_job")
    yield from w.until(lambda: len(jobs_here()) == 3 and not expected.waiting(), 60, "all three stand")
    yield 2.5
    with bpy.context.temp_override(window=w.window, area=w.area(), region=w.region("WINDOW")):
        bpy.ops.view3d.view_all("EXEC_DEFAULT")
    yield 2.0
    w.picture("compare-row")
    yield from w.move(w.view_point(0.3, 0.2))
    yield from w.key("ctrl+z")
    yield 1.5
    w.check(jobs_here() == [first.id], "one undo takes the row away", jobs_here())
    yield from w.key("ctrl+shift+z")
    yield 1.5
    w.check(len(jobs_here()) == 3, "redo brings it back", jobs_here())

    # The next in the place of the first, which goes to that one's.
    yield from choose(w, name)
    place = bpy.data.objects[name].location.copy()
    menu, following = yield from swap_row(w)
    yield from w.click(following)
    yield from w.until(lambda: job_at(name) != first.id, 60, "another takes its place")
    yield from w.until(lambda: not expected.waiting(), 60, "and it that one's")
    yield 2.0
    w.check(len(jobs_here()) == 3, "all three stand still", jobs_here())
    w.check((bpy.data.objects[name].location - place).length < 1e-5, "where it stood")
    w.picture("compare-swapped")
    yield from w.click(menu)
    yield 1.0
    w.picture("compare-menu")
    yield from w.key("Escape")
    yield from w.move(w.view_point(0.3, 0.2))
    yield from w.key("ctrl+z")
    yield 1.5
    w.check(bpy.data.objects[name]["maquette_job"] == first.id, "one undo puts both back")
    yield from w.key("ctrl+shift+z")
    yield 1.5

    kept = bpy.data.objects[name]["maquette_job"]
    yield from choose(w, name)
    yield from w.press("maquette.keep_job")
    yield 1.5
    w.check(jobs_here() == [kept], "the others are gone from the scene", jobs_here())
    w.picture("compare-kept")
    yield from w.press("filter")
    yield 1.0
    w.picture("compare-filter")
    yield from w.key("Escape")
    yield from w.move(w.view_point(0.3, 0.2))
    yield from w.key("ctrl+z")
    yield 1.5
    w.check(len(jobs_here()) == 3, "one undo brings them back", jobs_here())
    w.check(expected.paid(w) == 3, "nothing more was paid for", expected.paid(w))
    expected.check_opens(w)


def jobs_here() -> list[str]:
    return sorted(each["maquette_job"] for each in bpy.context.scene.objects if "maquette_min" in each)


def job_at(name: str) -> str:
    return bpy.data.objects[name]["maquette_job"]


def swap_row(w: Window) -> Generator[float, None, tuple[Place, Place]]:
    """Where the menu *Swap* and the arrow to the next are: above *Keep*, too small for the search."""
    _, y = yield from w.find("maquette.keep_job")
    region = w.region("UI")
    y += int(20 * w.scale)
    return (region.x + int(130 * w.scale), y), (region.x + region.width - int(51 * w.scale), y)


def delete_others(job_id: str) -> Steps:
    others = [each for each in bpy.context.scene.objects if each.get("maquette_job", job_id) != job_id]
    bpy.data.batch_remove(others)
    bpy.ops.ed.undo_push(message="deleted")
    yield 0.5


def choose(w: Window, name: str) -> Steps:
    """Selects the object, whose row is chosen by that."""
    for each in bpy.context.view_layer.objects:
        each.select_set(each.name == name)
    bpy.context.view_layer.objects.active = bpy.data.objects[name]
    job_id = bpy.data.objects[name]["maquette_job"]
    properties = expected.part(w, "properties")
    yield from w.until(
        lambda: properties.active_job_id(bpy.context.window_manager) == job_id, 8, "its row is chosen"
    )
    yield 0.5
