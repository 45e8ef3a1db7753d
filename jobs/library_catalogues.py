# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogues of an asset library, in the file that Blender keeps them in: ours join it, nothing is lost.

A catalogue's id follows from its path, so all machines give it the same one. Who has renamed or made it in
Blender is right: its id or its path is looked for first, and no line of the file is ever changed.
"""

import contextlib
import os
import secrets
import time
import uuid
from collections.abc import Callable, Generator
from pathlib import Path

from ..client import InputError, without_controls
from .files import cut

FILE = "blender_assets.cats.txt"
_NAMESPACE = uuid.UUID("6f4d0c5e-94d4-5c1b-9d0e-2f8f0a6c7b11")
_HEADER = b"""\
# This is an Asset Catalog Definition file for Blender.
#
# Empty lines and lines starting with `#` will be ignored.
# The first non-ignored line should be the version indicator.
# Other lines are of the format "UUID:catalog/path/for/assets:simple catalog name"

VERSION 1

"""
_MOST_BYTES = 16 << 20
_SIMPLE_NAME_BYTES = 63  # that Blender has room for
_TRIES = 20
_STALE_S = 10.0  # a lock that has not changed for so long was left behind
_LOOK_S = 0.05
_MOST_S = 60.0


def catalogue_path(*parts: str) -> str:
    """The path of a catalogue below others, each part as Blender takes it; empty parts are left out."""
    return "/".join(filter(None, map(_part, parts)))


def _part(name: str) -> str:
    plain = without_controls(name)
    for mark in ":/\\":
        plain = plain.replace(mark, "-")
    return cut(" ".join(plain.split()), 120).strip()


def catalogue_id(path: str) -> str:
    """The id that a catalogue of this path is given."""
    return str(uuid.uuid5(_NAMESPACE, path))


def merged(content: bytes, path: str) -> tuple[bytes, str]:
    """The file's content with a catalogue of that path and those above it, and the id that it has there.

    Raises InputError where the content is not what this version of Maquette knows.
    """
    ids = _ids_by_path(content)
    added: list[str] = []
    found = ""
    parts = path.split("/")
    for above in ("/".join(parts[:count]) for count in range(1, len(parts) + 1)):
        own_id = catalogue_id(above)
        if own_id in (ids or {}).values():  # renamed, or moved
            found = own_id
        elif ids and above in ids:
            found = ids[above]
        else:
            found = own_id
            name = cut(above.replace("/", "-"), _SIMPLE_NAME_BYTES)
            added.append(f"{own_id}:{above}:{name}\n")
    whole = content if ids is not None else content + _HEADER
    newline = b"" if whole.endswith(b"\n") or not added else b"\n"
    return (whole + newline + "".join(added).encode() if added else content), found


def _ids_by_path(content: bytes) -> dict[str, str] | None:
    """The ids of the catalogues in the file; None if nothing is said in it. Raises InputError."""
    ids: dict[str, str] | None = None
    for line in content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").split("\n"):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if ids is None:
            if text != "VERSION 1":
                raise InputError(f"{FILE} is of a Blender that this version of Maquette does not know.")
            ids = {}
            continue
        found_id, _, rest = text.partition(":")
        ids.setdefault(rest.partition(":")[0].strip().strip("/"), found_id.strip().lower())
    return ids


def add_catalogue(folder: Path, path: str, sleep: Callable[[float], None] = time.sleep) -> str:
    """Has the library in `folder` know a catalogue of that path; the id that it has there.

    Whoever else writes the file, here or on another machine, loses nothing. Raises OSError or InputError.
    """
    target = folder / FILE
    with locked(folder / f".{FILE}.lock", sleep):
        for _ in range(_TRIES):
            before = _read(target)
            content, found = merged(before, path)
            if content == before:
                return found
            part = target.with_name(f".{FILE}.{secrets.token_hex(6)}")
            try:
                part.write_bytes(content)
                if _read(target) == before:  # Blender takes no lock
                    os.replace(part, target)
            finally:
                part.unlink(missing_ok=True)
    raise OSError(f"{target} is being written by others all the time. Try again later.")


def _read(target: Path) -> bytes:
    try:
        if target.stat().st_size > _MOST_BYTES:
            raise InputError(f"{target} is larger than any file of catalogues.")
        return target.read_bytes()
    except FileNotFoundError:
        return b""


@contextlib.contextmanager
def locked(lock: Path, sleep: Callable[[float], None] = time.sleep) -> Generator[None]:
    """One of ours at a time, over any network; a lock whose owner was killed is taken over."""
    token = secrets.token_hex(8).encode()
    seen, waited_s = b"", 0.0
    for _ in range(int(_MOST_S / _LOOK_S)):
        try:
            place = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0))
        except OSError as error:
            is_refused = isinstance(error, PermissionError)  # by Windows, while another's is being deleted
            if not (isinstance(error, FileExistsError) or lock.exists() or (is_refused and os.name == "nt")):
                raise
            now = _content(lock)
            waited_s = waited_s + _LOOK_S if now == seen else 0.0
            seen = now
            if waited_s >= _STALE_S:
                _set_aside(lock)
                waited_s = 0.0
            sleep(_LOOK_S)
            continue
        with os.fdopen(place, "wb") as file:
            file.write(token)
        break
    else:
        raise OSError(f"{lock} stays. If nothing writes to this library, delete that file.")
    try:
        yield
    finally:
        if _content(lock) == token:
            lock.unlink(missing_ok=True)


def _content(lock: Path) -> bytes:
    try:
        return lock.read_bytes()
    except OSError:  # just gone
        return b""


def _set_aside(lock: Path) -> None:
    """Of several that wait, one alone moves it away."""
    aside = lock.with_name(f"{lock.name}.{secrets.token_hex(6)}")
    with contextlib.suppress(OSError):
        os.rename(lock, aside)
        aside.unlink()
