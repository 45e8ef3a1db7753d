# SPDX-License-Identifier: GPL-3.0-or-later
"""Fills a catalogue with answers of the service, without a worker or a store."""

import importlib
import time
from typing import Any


def answer(catalogue: Any, kind: str, key: str, value: object, error: str = "") -> None:
    """The service has just answered this lookup."""
    package = type(catalogue).__module__.rpartition(".")[0]  # as installed, or as the unit tests import it
    catalogue.apply(
        importlib.import_module(f"{package}.lookups").Lookup(
            kind=kind,
            key=key,
            request=None,
            is_background=False,
            is_open=False,
            answer=value,
            error=error,
            answered_at=time.time(),
            change=0,
        )
    )


def teach(catalogue: Any, *tables: dict[str, Any], cost_cu: float) -> None:
    """The catalogue has these models, too, with their inputs and a typical price."""
    known = [dict(model.raw) for model in catalogue.models.values()]
    answer(catalogue, "models", "", [*known, *tables])
    for table in tables:
        answer(catalogue, "model", table["id"], {"model": table, "cost_cu": cost_cu})
