# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads one property of all that Blender holds in a collection, in one piece."""

from typing import Any

import numpy as np


def values_of(collection: Any, name: str, kind: type = np.float32, width: int = 1) -> np.ndarray:
    """`width` numbers of each, one after the other."""
    found = np.empty(len(collection) * width, kind)
    if len(found):
        collection.foreach_get(name, found)
    return found
