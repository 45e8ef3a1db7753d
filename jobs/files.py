# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and hashes of files on disk: whatever a stranger calls a file, it stays inside its folder."""

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import stat
import unicodedata
from collections.abc import Generator, Mapping
from pathlib import Path

_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)


def safe_name(name: str, *, fallback: str = "file", max_bytes: int = 240) -> str:
    """The last part of `name` with nothing in it that a file system minds, 80 characters or so at most.

    File systems count bytes, 255 of them; the rest is for what stands before and after while a file is made.
    """
    last = re.split(r"[\\/]", unicodedata.normalize("NFC", name))[-1]
    clean = re.sub(r"[^\w.() -]+", "_", last).strip(" .") or fallback
    if _RESERVED.match(clean):
        clean = f"_{clean}"
    stem, dot, suffix = clean.rpartition(".")
    if not dot or len(suffix) > 10:
        stem = clean
        dot = ""
        suffix = ""
    ending = dot + suffix
    return cut(stem[: 80 - len(suffix)], max_bytes - len(ending.encode())).rstrip(" .") + ending


def cut(text: str, most_bytes: int) -> str:
    """As many whole characters of it as fit."""
    return text.encode("utf-8", "surrogatepass")[:most_bytes].decode("utf-8", "ignore")


def as_text(name: str) -> str:
    """A file's name, which may have bytes that are no text, as one."""
    return name.encode("utf-8", "replace").decode()


def make_private(*paths: Path) -> None:
    """Keep other users of the machine out of these folders and files, which are made if they are missing.

    A group keeps its rights where it shares the folder on purpose, which the setgid bit says: the output of a
    farm. What is not ours, and what is everybody's as /tmp is, stays as it is. On Windows the user's own
    folders are private as they are.
    """
    if os.name == "nt":
        return
    for path in paths:
        strangers = 0o007 if path.parent.stat().st_mode & stat.S_ISGID else 0o077
        if not path.is_dir():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o666 & ~strangers))
        facts = path.stat()
        if facts.st_uid == os.geteuid() and facts.st_mode & strangers and not facts.st_mode & stat.S_ISVTX:
            run = 0 if path.is_dir() else 0o111  # no file of ours is a program
            path.chmod(stat.S_IMODE(facts.st_mode) & ~strangers & ~run)


@contextlib.contextmanager
def replacing(path: Path) -> Generator[Path]:
    """A name beside `path` for a new file, which takes the place of `path` in one step, or is deleted.

    The name is always the same, so what a killed process left is written over. It keeps the suffix.
    """
    part = path.with_name(f"part-{path.name}")
    part.unlink(missing_ok=True)
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """The content at `path`, in one step: other machines see what was there, or all of it. Raises OSError."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        with part.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def take_folder(target: Path, files: Mapping[str, str], *, place: Path) -> bool:
    """Make the folder `target` with these files; False: it is there. Of all machines one alone makes it.

    It is filled in the folder `place`, where nobody takes it for another. Raises OSError.
    """
    part = place / f"new-{secrets.token_hex(6)}"
    part.mkdir()
    try:
        for name, text in files.items():
            write_whole(part / name, text.encode())
        os.rename(part, target)  # fails where another folder with content is
    except OSError:
        if not target.exists():
            raise
        return False
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return True


def sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
