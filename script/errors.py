# SPDX-License-Identifier: GPL-3.0-or-later
"""The one exception that a script has to know, and why a script that waits has to run without a window."""

from collections.abc import Sequence

import bpy

from ..batches import Problem
from ..cli.exits import Exit


class MaquetteError(Exception):
    """What could not be done, why, and what to do: the text is for a person.

    try:
        horse = generate("horse.png", key="horse", max_cost=30)
    except MaquetteError as error:
        print(error)
        sys.exit(error.code)
    """

    # What the command would end with: 1 a job failed, 2 a wrong file, parameter, model or row, 3 not signed
    # in, not allowed or too few credits, 4 over `max_cost`, 5 network or server.
    code: int
    # The job that `generate` had started: it is kept. None: nothing was started, or it was a batch.
    job_id: str | None
    # What has been spent, or will be if what is under way goes on, in creative units.
    cost_cu: float
    # Whether the same call goes on with what is kept, and pays nothing twice (`generate` by its `key`;
    # without one it is `maquette resume JOB_ID` that does).
    can_resume: bool
    # A batch's rows that are wrong.
    problems: tuple[Problem, ...]

    def __init__(
        self,
        message: str,
        *,
        code: int = Exit.USAGE,
        job_id: str | None = None,
        cost_cu: float = 0.0,
        can_resume: bool = False,
        problems: Sequence[Problem] = (),
    ) -> None:
        super().__init__(message)
        self.code = int(code)
        self.job_id = job_id
        self.cost_cu = cost_cu
        self.can_resume = can_resume
        self.problems = tuple(problems)


def refuse_in_window(name: str, instead: str) -> None:
    """Raises MaquetteError where waiting would hold a window."""
    if not bpy.app.background:
        raise MaquetteError(f"{name}() waits for its result, and would hold Blender's window. {instead}")
