# SPDX-License-Identifier: GPL-3.0-or-later
"""A texture is described in a dialog, which shows its price when it comes, and pays nothing else."""

from typing import Any

import bpy
import expected
from answers import answer
from driver import Steps, Window

MODEL = "model_meshy-retexture"


def steps(w: Window) -> Steps:
    inputs = yield from expected.in_sandbox(w, 2, MODEL)
    bpy.data.objects.remove(bpy.data.objects["Cube"])
    bpy.ops.mesh.primitive_monkey_add(location=(0, 0, 1))
    bpy.context.object.name = "Suzanne"  # type: ignore[union-attr]

    # The price comes while the dialog is open; Esc pays nothing.
    yield from w.move(w.view_point())
    yield 0.5
    alone = w.picture("alone", w.region("WINDOW"))
    yield from retexture(w)
    w.picture("empty")
    w.check(expected.shown(w).is_blocked, "without words there is no Generate")
    yield from w.type("a red wooden toy")
    w.picture("typed")
    yield from w.key("Return")
    w.check(inputs().textStylePrompt == "a red wooden toy", "typing begins at once", inputs().textStylePrompt)
    yield from w.until(lambda: expected.is_read(w), 30, "the price appears by itself")
    yield 0.3
    w.picture("priced")
    w.picture("guide", box=w.appeared(alone))
    yield from w.key("Escape")
    yield 0.5
    w.check(not is_open(w), "Esc closes it")
    w.check(not expected.waiting() and not paid(w), "which pays nothing")

    # The price of the words before comes while others are typed: the cursor stays where it is.
    inputs().textStylePrompt = "moss"
    yield from retexture(w)
    for word in ("blue ", "glazed ", "china ", "with flowers"):
        yield from w.type(word)
        yield 0.5
    yield from w.key("Return")
    found = inputs().textStylePrompt
    w.check(found == "blue glazed china with flowers", "the words are whole", found)

    # Return at once, before there is a price: a question has it.
    yield from w.key("Return")
    yield 3.0
    w.picture("question")
    w.check(not is_open(w) and not paid(w), "a price that was not shown is asked about")
    yield from w.key("Escape")
    yield 0.5
    w.check(not expected.waiting() and not paid(w), "and not paid by Esc")

    # Too few credits.
    yield from retexture(w)
    yield from w.key("Return")
    answer(expected.backend(w).catalogue, "balance", "", 5.0)
    yield 1.5
    w.picture("short")
    yield from w.key("Return")
    yield 0.5
    w.check(not expected.waiting() and not paid(w), "nothing is begun that cannot be paid for")
    if is_open(w):
        yield from w.key("Escape")
    expected.backend(w).catalogue.expire_balance()
    yield 3.0

    # As it is meant: words, Return, Return.
    yield from retexture(w)
    yield from w.type("a golden idol")
    yield from w.key("Return")
    yield from w.until(lambda: expected.is_read(w), 30, "the price appears")
    yield from w.key("Return", "Return")
    yield from w.until(lambda: paid(w), 30, "it is paid for")
    yield 2.0
    w.check(paid(w) == 1, "once, whatever is pressed twice", paid(w))
    w.check(expected.job(w, 0).inputs["textStylePrompt"] == "a golden idol", "of these words")
    yield from w.until(is_textured, 120, "it is there")
    yield from looks(w)
    expected.check_opens(w)


def looks(w: Window) -> Steps:
    """Both dialogs, at both scales."""
    operators: Any = bpy.ops.maquette  # type: ignore[attr-defined]
    for scale in (2.0, 1.0):
        bpy.context.preferences.view.ui_scale = scale
        yield 1.0
        for name, act in (
            ("texture", lambda: operators.use_task("INVOKE_DEFAULT", task="TEXTURE")),
            ("text", lambda: operators.add_from_text("INVOKE_DEFAULT")),
        ):
            yield from w.move(w.view_point())
            yield from expected.in_view(w, act)
            yield from w.until(lambda: is_open(w), 10, "it is open")
            yield 1.0
            w.picture(f"{name}-{scale:.0f}x")
            yield from w.key("Escape", "Escape")
            yield 0.3


def retexture(w: Window) -> Steps:
    yield from w.move(w.view_point())
    act: Any = bpy.ops.maquette.use_task  # type: ignore[attr-defined]
    yield from expected.in_view(w, lambda: act("INVOKE_DEFAULT", task="TEXTURE"))
    yield from w.until(lambda: is_open(w), 10, "the dialog is open")
    yield 0.7


def is_textured() -> bool:
    slots = bpy.data.objects["Suzanne"].material_slots
    return bool(slots) and slots[0].material is not None


def is_open(w: Window) -> bool:
    return expected.shown(w) is not None


def paid(w: Window) -> int:
    return expected.paid(w)
