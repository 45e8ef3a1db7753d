# SPDX-License-Identifier: GPL-3.0-or-later
"""By keyboard alone: Blender's own search (F3) finds what Maquette does, from the sandbox to the 3D model."""

import expected
from driver import Steps, Window


def steps(w: Window) -> Steps:
    expected.slow_down(2)
    yield from w.open_sidebar()
    state = expected.part(w, "session_state").state
    yield from w.until(lambda: state.account == "signed_out", 20, "nobody is signed in")
    yield from w.search("use the sandbox", picture="sandbox")
    yield from w.until(lambda: state.account == "sandbox", 20, "F3 finds the sandbox")
    inputs = yield from expected.inputs_shown(w, expected.IMAGE_MODEL)
    expected.choose_horse(inputs)
    yield from w.until(lambda: expected.price(w), 30, "the price is known")
    yield from w.search("maquette generate", picture="generate")
    yield from w.until(lambda: expected.waiting() == {"horse"}, 10, "F3 finds Generate")
    yield from w.until(lambda: expected.is_placed("horse"), 60, "the 3D model arrives")
    yield from w.search("maquette place", picture="place")
    yield from w.until(lambda: expected.is_placed("horse.001"), 10, "F3 finds the actions on a job")
    w.check(expected.paid(w) == 1, "one job was paid for", expected.paid(w))
    expected.check_opens(w)
