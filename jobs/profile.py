# SPDX-License-Identifier: GPL-3.0-or-later
"""A profile: what finishing does to a result. Built-in ones, and a person's own as TOML files.

Each field's default leaves the result as it was delivered. docs/finishing.md says what each one does; the
task that does it is scene/finish.py, which takes a profile as the table that `as_json` gives.
"""

import difflib
import hashlib
import json
import math
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, cast

from ..client import InputError, JsonValue

KEEP = "keep"  # in a file or on a command line: as delivered, as 0 and false are
PLACEHOLDERS = ("name", "part", "number")  # in patterns of names
PROVENANCE = ("job", "model", "parameters", "remote_job", "seed", "source")
_VERSION = 1  # of what finishing makes of the same profile
_MAX_BYTES = 1 << 16  # of a file
_MAX_PATTERN = 100


def _is_none(value: object) -> bool:
    """Whether it says: as delivered. None is what `as_json` has for it."""
    return value is None or value in (0, False, KEEP)


@dataclass(frozen=True, slots=True)
class _Flag:
    def read(self, value: object) -> bool:
        if _is_none(value):
            return False
        if value is not True:
            raise ValueError("give true or false")
        return True


@dataclass(frozen=True, slots=True)
class _Number:
    """From `low` to `high`, or `none`."""

    low: float
    high: float
    is_whole: bool = True
    none: int | None = None

    def read(self, value: object) -> float | None:
        if _is_none(value):
            return self.none
        number = value if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
        if not self.low <= number <= self.high or (self.is_whole and number != int(number)):
            kind = "a whole number" if self.is_whole else "a number"
            leave = ", or 0 to leave it" if self.low else ""
            raise ValueError(f"give {kind} from {self.low:g} to {self.high:,.10g}{leave}")
        return int(number) if self.is_whole else float(number)


@dataclass(frozen=True, slots=True)
class _Choice:
    known: tuple[str, ...]
    may_be_none: bool = True

    def read(self, value: object) -> str | None:
        if self.may_be_none and _is_none(value):
            return None
        if isinstance(value, str) and value.strip().lower() in self.known:
            return value.strip().lower()
        allowed = (*self.known, KEEP) if self.may_be_none else self.known
        raise ValueError(f"give {_listed([repr(each) for each in allowed])}{_near(value, allowed)}")


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A name with {name} and the like in it."""

    def read(self, value: object) -> str:
        if not isinstance(value, str) or len(value) > _MAX_PATTERN or not value.isprintable():
            raise ValueError(f"give a text of {_MAX_PATTERN} characters at most")
        rest = re.sub(r"\{(\w+)\}", lambda found: "" if found[1] in PLACEHOLDERS else "{", value)
        if "{" in rest or "}" in rest or "/" in rest or "\\" in rest:
            known = _listed([f"{{{each}}}" for each in PLACEHOLDERS])
            raise ValueError(f"{value!r} may have {known} in it, no other braces, and no slashes")
        return value


@dataclass(frozen=True, slots=True)
class _Keys:
    """Some of what is known; `"all"` stands for all of it."""

    known: tuple[str, ...]

    def read(self, value: object) -> tuple[str, ...]:
        if value == "all":
            return self.known
        listed = cast("list[object]", value) if isinstance(value, list | tuple) else None
        if listed is None or not all(each in self.known for each in listed):
            wrong = next((each for each in listed or () if each not in self.known), None)
            raise ValueError(
                f'give "all", or a list of {_listed(list(self.known))}{_near(wrong, self.known)}'
            )
        return tuple(each for each in self.known if each in listed)


def _value(default: object, check: _Flag | _Number | _Choice | _Pattern | _Keys) -> Any:
    return field(default=default, metadata={"check": check})


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What finishing does, in the order in which it is done. None and False leave things as delivered."""

    name: str
    loose: float | None = _value(None, _Number(0.001, 0.5, is_whole=False))  # parts below this share go
    weld: bool = _value(False, _Flag())  # vertices at one place become one
    normals: bool = _value(False, _Flag())  # all faces look outwards
    watertight: bool = _value(False, _Flag())  # a closed solid
    quads: bool = _value(False, _Flag())
    faces: int | None = _value(None, _Number(4, 10_000_000))  # the budget: at most so many
    smooth_angle: float | None = _value(None, _Number(1, 180, is_whole=False))  # degrees; above, it is sharp
    bake: int | None = _value(None, _Number(64, 8192))  # pixels a side: new UVs, and everything baked over
    texture_px: int | None = _value(None, _Number(16, 16_384))  # textures have no more pixels a side
    texture_format: str | None = _value(None, _Choice(("png", "jpeg", "webp")))
    merge: bool = _value(False, _Flag())  # materials and textures of the same content become one
    lods: int = _value(0, _Number(0, 3, none=0))  # coarser ones beside it, each half as many faces
    hulls: int = _value(0, _Number(0, 64, none=0))  # convex ones for collisions, at most so many
    apply_scale: bool = _value(False, _Flag())
    pivot: str | None = _value(None, _Choice(("base", "centre")))
    front: str | None = _value(None, _Choice(("-y", "y", "-x", "x")))  # delivered models look along -Y
    object_name: str = _value("", _Pattern())  # empty: as delivered
    mesh_name: str = _value("", _Pattern())
    material_name: str = _value("", _Pattern())
    texture_name: str = _value("", _Pattern())
    unit: str = _value("m", _Choice(("m", "cm", "mm"), may_be_none=False))  # of files whose numbers have none
    strip: tuple[str, ...] = _value((), _Keys(PROVENANCE))  # is not told in files for elsewhere

    @property
    def label(self) -> str:
        """As it is shown."""
        return LABELS.get(self.name, self.name)

    @property
    def does_nothing(self) -> bool:
        """Whether the result stays as it was delivered."""
        return profile_key(self) == profile_key(Profile(name=""))


LABELS = {"as-delivered": "As Delivered", "game": "Game", "film": "Film", "print": "3D Print"}
PROFILES = {
    each.name: each
    for each in (
        Profile(name="as-delivered"),
        Profile(
            name="game",
            weld=True,
            loose=0.01,
            normals=True,
            faces=20_000,
            smooth_angle=60.0,
            bake=2048,
            texture_px=2048,
            merge=True,
            apply_scale=True,
            pivot="base",
        ),
        Profile(
            name="film",
            weld=True,
            loose=0.005,
            normals=True,
            quads=True,
            faces=20_000,
            smooth_angle=180.0,
            bake=4096,
            texture_format="png",
            merge=True,
            apply_scale=True,
            pivot="base",
        ),
        Profile(
            name="print",
            weld=True,
            loose=0.05,
            normals=True,
            watertight=True,
            merge=True,
            apply_scale=True,
            pivot="base",
            unit="mm",
        ),
    )
}
_CHECKS = {one.name: one.metadata["check"] for one in fields(Profile) if one.metadata}
_NOT_OF_THE_RESULT = ("name", "strip")


def read_profile(given: str | os.PathLike[str]) -> Profile:
    """The built-in profile of that name, or one's own: a path that ends in .toml. Raises InputError.

    Such a file has the fields of `Profile` that are not as delivered; with `base = "game"` those that are
    not as in that one. Its name is that of the file, unless it has a `name`.
    """
    text = os.fspath(given).strip()
    if text.lower().endswith(".toml"):
        return _read_file(Path(text).expanduser())
    words = re.sub(r"[\s_-]+", "-", text.lower())
    labels = {label.lower().replace(" ", "-"): name for name, label in LABELS.items()}
    found = PROFILES.get(words) or PROFILES.get(labels.get(words, ""))
    if found is None:
        known = (*PROFILES, *labels)
        raise InputError(
            f"{text!r:.60} is no profile: give {_listed(list(PROFILES))}, "
            f"or a file that ends in .toml{_near(words, known) or '.'}"
        )
    return found


def override(profile: Profile, **values: object) -> Profile:
    """The profile with other values; those that are None stay (0, False or "keep" say: as delivered).

    Raises InputError.
    """
    given = {name: value for name, value in values.items() if value is not None}
    return replace(profile, **_checked(given, ""))


def profile_key(profile: Profile) -> str:
    """Twelve characters that tell apart what makes another result."""
    table = {name: value for name, value in as_json(profile).items() if name not in _NOT_OF_THE_RESULT}
    if profile.unit == "m":  # the keys that there are already
        del table["unit"]
    text = json.dumps([_VERSION, table], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def as_json(profile: Profile) -> dict[str, JsonValue]:
    """All fields, to be kept or sent to the background Blender."""
    values: dict[str, JsonValue] = {one.name: getattr(profile, one.name) for one in fields(Profile)}
    return {**values, "strip": list(profile.strip)}


def from_json(value: object) -> Profile:
    """What `as_json` gave; fields that are not there are as delivered. Raises InputError."""
    if not isinstance(value, dict):
        raise InputError("a profile is a table of its fields.")
    table = cast("dict[str, object]", value)
    return Profile(**_checked({"name": "", **table}, ""))


def _read_file(path: Path) -> Profile:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise InputError(f"{path.name} is no profile: it has over {_MAX_BYTES:,} bytes.")
        table = tomllib.loads(content.decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:  # TOMLDecodeError is a ValueError
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError(f"{path.name} cannot be read: {why}.") from None
    base = table.pop("base", "as-delivered")
    if not isinstance(base, str) or base not in PROFILES:
        known = _listed([repr(each) for each in PROFILES])
        raise InputError(f"{path.name}: base: give {known}{_near(base, tuple(PROFILES)) or '.'}")
    return replace(PROFILES[base], **_checked({"name": path.stem, **table}, f"{path.name}: "))


def _checked(table: Mapping[str, object], where: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name == "name":
            values[name] = _label(value, where)
            continue
        check = _CHECKS.get(name)
        if check is None:
            known = ("base", "name", *_CHECKS)
            advice = _near(name, known) or f"; known are {_listed(list(known))}."
            raise InputError(f"{where}{name!r:.60} is no field of a profile{advice}")
        try:
            values[name] = check.read(value)
        except ValueError as error:
            raise InputError(f"{where}{name}: {error}{'' if str(error).endswith('?') else '.'}") from None
    return values


def _label(value: object, where: str) -> str:
    if not isinstance(value, str) or not value.isprintable() or len(value) > _MAX_PATTERN:
        raise InputError(f"{where}name: give a text of {_MAX_PATTERN} characters at most.")
    return value.strip()


def _listed(words: list[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _near(value: object, known: tuple[str, ...]) -> str:
    found = difflib.get_close_matches(value.lower(), known, 1) if isinstance(value, str) else []
    return f"; did you mean {found[0]}?" if found else ""
