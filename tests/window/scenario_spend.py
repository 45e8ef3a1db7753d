# SPDX-License-Identifier: GPL-3.0-or-later
"""A click is one wish: double clicks, repetition, undo, a reload, an unseen price spend nothing."""

import addon_utils
import bpy
import expected
from driver import HERE, Steps, Window

HORSE = HERE.parent.parent / "examples" / "horse.png"


def count(w: Window) -> int:
    return len(expected.backend(w).jobs.order)


def roots() -> list[str]:
    """Names of what has arrived."""
    return [item.name for item in bpy.data.objects if expected.is_placed(item.name)]


def steps(w: Window) -> Steps:
    expected.slow_down(10)
    yield from w.open_sidebar()
    yield from w.press("maquette.use_sandbox")
    inputs = yield from expected.inputs_shown(w, "model_hunyuan-3d-v2-1")
    inputs().image = bpy.data.images.load(str(HORSE))
    inputs().targetFaceNum = 2000
    yield from w.until(lambda: expected.price(w), 30, "the price is on the button")
    button = yield from w.find("maquette.generate")
    yield from w.click(button, times=2)
    yield 1.0
    w.picture("double-click")
    w.check(count(w) == 1, "a double click makes one job", count(w))
    yield from w.move(w.view_point(0.3, 0.3))
    for keys in ("shift+r", "F9", "Escape", "ctrl+z", "ctrl+shift+z"):
        yield from w.key(keys)
        yield 0.3
        w.check(count(w) == 1, f"{keys} makes none", count(w))
    is_there = expected.waiting() == {"horse"} or expected.is_placed("horse")  # on a busy machine it has come
    w.check(is_there, "its place is there", expected.waiting())
    yield 3.0
    yield from w.press("maquette.generate")
    yield from w.until(lambda: count(w) == 2, 5, "another click is another wish")

    # A price that is not seen is asked about
    yield 3.0
    yield from w.search("maquette run again")
    yield 0.7
    w.picture("run-again")
    w.check(count(w) == 2, "Run Again from the search asks first", count(w))
    yield from w.key("Escape")
    state = expected.part(w, "session_state").state
    state.price = lambda _name: None  # as long as the service has not answered
    yield from w.click(button, times=2)
    yield 0.7
    w.picture("no-price")
    w.check(count(w) == 2, "a double click does not answer the question that it puts", count(w))
    yield from w.key("Escape")
    yield from w.click(button)
    yield 0.7
    w.picture("no-price-question")
    w.check(count(w) == 2, "without a price Generate asks first", count(w))
    yield from w.key("Return")
    yield from w.until(lambda: count(w) == 3, 5, "and goes on when it is told to")
    del state.price

    # The extension is switched off and on in mid-job
    addon_utils.disable(w.package)
    yield 1.0
    addon_utils.enable(w.package)
    yield from w.open_sidebar()
    yield from w.until(lambda: len(roots()) == 3, 90, "all three arrive")
    yield 1.0
    w.picture("arrived")
    w.check(expected.paid(w) == 3, "three jobs were paid for", expected.paid(w))
    expected.check_opens(w)
