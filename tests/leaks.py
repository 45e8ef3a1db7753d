# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks for a planted secret in files, and in the arguments and environments of processes (Linux)."""

from collections.abc import Callable, Sequence
from pathlib import Path

# Blender asks this program for the folder of documents as it starts, before any extension runs: it gets the
# environment that the person gave to Blender.
STARTED_BY_BLENDER = b"xdg-user-dir"


def find_in_files(folder: Path, forms: Sequence[bytes]) -> list[Path]:
    """The files below `folder` that hold any of `forms`, whatever they are."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            if any(form in data for form in forms):
                found.append(path)
    return found


def find_in_processes(
    root: int, forms: Sequence[bytes], *, is_environment_of_root_checked: bool
) -> list[tuple[int, str]]:
    """(process, "cmdline" or "environ") of `root` and of all that descends from it.

    A copy of `root` that is about to become another program still has all that `root` has.
    """
    found = []
    own = read_process(root)["cmdline"]
    for pid in [root, *descendants(root)]:
        data = read_process(pid)
        is_as_given = pid == root or data["cmdline"] == own or STARTED_BY_BLENDER in data["cmdline"]
        if is_as_given and not is_environment_of_root_checked:
            del data["environ"]
        found += [(pid, what) for what, text in data.items() if any(form in text for form in forms)]
    return found


def _read(pid: int, what: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{what}").read_bytes()
    except OSError:  # it has ended
        return b""


def read_process(pid: int, read: Callable[[int, str], bytes] = _read) -> dict[str, bytes]:
    """The "cmdline" and "environ" of one program: read again where the process became another meanwhile.

    While it becomes another it has no arguments, and has an environment already.
    """
    while True:
        arguments = read(pid, "cmdline")
        environment = read(pid, "environ")
        is_one = arguments == read(pid, "cmdline")
        if is_one and (arguments or not environment):
            return {"cmdline": arguments, "environ": environment}


def descendants(root: int) -> list[int]:
    """All processes that `root` has started, and theirs."""
    found: list[int] = []
    waiting = [root]
    while waiting:
        for task in Path(f"/proc/{waiting.pop()}/task").glob("*"):
            try:
                children = [int(word) for word in (task / "children").read_text().split()]
            except OSError:  # it has ended
                continue
            found += children
            waiting += children
    return found
