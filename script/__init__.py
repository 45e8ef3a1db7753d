# SPDX-License-Identifier: GPL-3.0-or-later
"""For people who write their own scripts without a window: what the package itself offers."""

from ..batches import Problem
from .batch import BatchResult, BatchRow, batch
from .errors import MaquetteError
from .generate import Progress, Result, generate
from .place import place

__all__ = [
    "BatchResult", "BatchRow", "MaquetteError", "Problem", "Progress", "Result", "batch", "generate", "place",
]  # fmt: skip
