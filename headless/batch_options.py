# SPDX-License-Identifier: GPL-3.0-or-later
"""The one table of what a batch can be told: `maquette batch --help` and `batch()` in Python are made of it.

To add an option, add a field here, and use it in make_batch.py.
"""

import inspect
import math
import os
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, cast

from ..batches import OUTPUTS
from ..client import InputError
from ..jobs import PROFILES, Requirement, named_profile, read_requirements, read_size, safe_name

MOST = 1_000_000  # rows, jobs or background Blenders


def _option(
    default: Any,
    text: str,
    *,
    value: str = "",
    read: Callable[[Any], object] | None = None,
    aliases: tuple[str, ...] = (),
    **how: Any,
) -> Any:
    """A field: `text` is its help, `value` what stands for its value there (none: it is on or off).

    `read` makes what is meant of what is given, be it a text or a value in Python, or raises InputError.
    The command has it under `aliases`, too; `how` is more for argparse.
    """
    about = {"text": text, "value": value, "read": read, "aliases": aliases, "how": how}
    return field(default=default, metadata=about)


def read_count(value: object) -> int:
    """A whole number, 1 or more. Raises InputError."""
    text = str(value)
    if isinstance(value, bool) or not text.isdecimal() or not 1 <= int(text) <= MOST:
        raise InputError("give a whole number, 1 or more.")
    return int(text)


def _read_rows(value: object) -> tuple[int, int]:
    """`7`, `1-500`, or two numbers."""
    if isinstance(value, str | int):
        first, dash, last = str(value).partition("-")
        ends = (first, last if dash else first)
    else:
        ends = tuple(cast("tuple[object, ...]", value))
    if len(ends) != 2:
        raise InputError("give the first and the last row, such as 1-500.")
    first_row = read_count(ends[0])
    last_row = read_count(ends[1])
    if first_row > last_row:
        raise InputError("give the first and the last row, such as 1-500.")
    return first_row, last_row


def _read_cost(value: object) -> float:
    try:
        cost = float(cast("str | float", value))
    except (TypeError, ValueError):
        cost = -1.0
    if not 0 <= cost < math.inf:
        raise InputError("give a number of creative units, 0 or more.")
    return cost


def _read_machine(value: object) -> str:
    if not isinstance(value, str) or safe_name(value) != value:
        raise InputError("give a short name of letters and digits.")
    return value


def _read_texts(value: object) -> tuple[str, ...]:
    texts = (value,) if isinstance(value, str) else tuple(map(str, cast("tuple[object, ...]", value)))
    return tuple(unicodedata.normalize("NFC", text) for text in texts)  # as keys are


def _read_folder(value: object) -> str:
    if not isinstance(value, str | os.PathLike):
        raise InputError("give the name of a folder.")
    return os.fspath(cast("str | os.PathLike[str]", value))


def _read_outputs(value: object) -> str:
    return ",".join(_read_texts(value))


def _read_profile(value: object) -> str:
    named_profile(value, None)
    return os.fspath(cast("str | os.PathLike[str]", value))


def _read_switch(value: object) -> bool:
    if not isinstance(value, bool):
        raise InputError("give True or False.")
    return value


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """What a person wants of a batch, under the names that the command's options have: `max_cost` is
    `--max-cost`. Raises InputError where a value makes no sense.
    """

    model: str | None = _option(None, "for rows that name none", value="ID")
    size: float | None = _option(
        1.0, "longest side in metres (1), or `original`", value="M", read=read_size
    )  # None: as delivered
    outputs: str = _option(
        "glb,png", f"of {', '.join(OUTPUTS)} (glb,png)", value="ENDINGS", read=_read_outputs
    )
    dry_run: bool = _option(False, "check every row, tell every price, spend nothing")
    max_cost: float | None = _option(
        None, "what all jobs in DIR may cost together", value="CU", read=_read_cost
    )
    concurrency: int | None = _option(
        None, "jobs at a time (the account's limit, else 4)", value="N", read=read_count
    )
    converters: int | None = _option(
        None, "Blenders that convert at a time (one a core)", value="N", read=read_count
    )
    finish: str | None = _option(
        None,
        f"finish results by a profile: {', '.join(PROFILES)}, or a .toml file",
        value="PROFILE",
        read=_read_profile,
    )
    faces: int | None = _option(None, "the budget of faces of that profile", value="N", read=read_count)
    require: tuple[Requirement, ...] = _option(
        (),
        "reject results that do not meet these terms: `faces<=5000, manifold`, or a .toml file",
        value="TERMS",
        read=read_requirements,
    )
    only: tuple[str, ...] = _option((), "these rows alone", value="KEY", read=_read_texts, nargs="+")
    rows: tuple[int, int] | None = _option(
        None,
        "the rows from the A-th to the B-th alone, or one, in a store of their own: a farm's task",
        value="A-B",
        read=_read_rows,
        aliases=("row",),
    )
    assemble: bool = _option(False, "start nothing: gather what is there, in all.blend too")
    record_failures: bool = _option(
        False, "end with 0 where a row has failed for good, and leave it to --assemble to tell"
    )
    limit: int | None = _option(None, "no more rows than these in this run", value="N", read=read_count)
    shuffle: bool = _option(False, "in any order")
    skip_wrong: bool = _option(False, "leave rows out that have something wrong with them")
    retry_failed: bool = _option(False, "try failed rows anew; this may be paid for again")
    library: str = _option(
        "", "keep each result in the asset library in this folder, too", value="DIR", read=_read_folder
    )
    turntable: bool = _option(False, "eight small views of each for the contact sheet")
    machine: str = _option(
        "main", "where several machines share DIR, one name each", value="NAME", read=_read_machine
    )

    def __post_init__(self) -> None:
        for each in fields(self):
            given = getattr(self, each.name)
            if given is each.default:
                continue
            read = each.metadata["read"] or (_read_switch if not each.metadata["value"] else None)
            try:
                object.__setattr__(self, each.name, read(given) if read else given)
            except InputError as error:
                text = str(error)
                said = text if text.startswith(each.name) else f"{each.name}: {text}"
                raise InputError(said) from None
        if self.rows and self.assemble:
            raise InputError("rows and assemble: give one of the two.")

    @property
    def is_skipping_wrong(self) -> bool:
        """Whether the others are made where rows are wrong."""
        return self.skip_wrong or self.record_failures or self.assemble

    @property
    def is_part(self) -> bool:
        """Whether it is of some rows alone: table and page, which are of all, are left as they are."""
        return bool(self.only or self.rows)


def take_options(arguments: dict[str, Any]) -> BatchOptions:
    """The options among these arguments, which it takes out of them. Raises InputError."""
    return BatchOptions(
        **{each.name: arguments.pop(each.name) for each in fields(BatchOptions) if each.name in arguments}
    )


def has_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Lets `help` and a console's completion tell the options, where a function takes them as **options."""
    signature = inspect.signature(function)
    own = [each for each in signature.parameters.values() if each.kind is not each.VAR_KEYWORD]
    rest = [each for each in signature.parameters.values() if each.kind is each.VAR_KEYWORD]
    options = [
        inspect.Parameter(
            each.name, inspect.Parameter.KEYWORD_ONLY, default=each.default, annotation=each.type
        )
        for each in fields(BatchOptions)
    ]
    function.__signature__ = signature.replace(parameters=[*own, *options, *rest])  # type: ignore[attr-defined]
    return function
